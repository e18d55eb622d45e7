"""Goldens in float64 for described calls, each with the bound of its class of tolerance.

Only calls whose values are plain are covered: no fused activation, no integer arithmetic. For the
others `golden_of` is None, and a test of its own has to hold their values.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import torch

from symbiote_conformance import tolerances
from symbiote_conformance.build import torch_dtype
from symbiote_conformance.calls import Call

F = torch.nn.functional
Tensor = torch.Tensor


@attrs.frozen
class Golden:
    """What a call should give.

    Attributes:
        kind: the class of tolerance, as `symbiote_conformance.tolerances` names it.
        value: in float64.
        bound: how far values may be from it.
    """

    kind: str
    value: Tensor
    bound: Tensor


Maker = Callable[..., "Golden | None"]

_IGNORED: Final = frozenset(
    {"memory_config", "numeric_stable", "fast_and_approximate_mode", "dtype"}
)
"""Keywords that change no value beyond its rounding and the approximations of a chip."""

_PRODUCTS: Final = ("linear", "matmul")


def random_data(seed: int) -> Callable[[dict[str, Any]], Tensor]:
    """Data for `Bench`: normal values, or small integers; the same for the same seed and call."""
    generator = torch.Generator().manual_seed(seed)

    def make(described: dict[str, Any]) -> Tensor:
        dtype = torch_dtype(described["d"])
        shape = described["s"]
        if "int" in described["d"]:
            return torch.randint(0, 7, shape, generator=generator).to(dtype)
        return torch.randn(shape, generator=generator).to(dtype)

    return make


def golden_of(call: Call, args: list[Any], kwargs: Mapping[str, Any]) -> Golden | None:
    """The golden of a call, or None where its values are not plain.

    Args:
        call: the call; its described keywords tell what is asked for.
        args: its positional arguments, tensors as torch tensors of the stored values.
        kwargs: its keyword arguments, likewise.
    """
    maker = _MAKERS.get(call.op)
    if maker is None:
        return None
    ignored = _IGNORED if call.op in _PRODUCTS else _IGNORED | {"compute_kernel_config"}
    plain = {key: value for key, value in kwargs.items() if key not in ignored}
    try:
        inspect.signature(maker).bind(*args, **plain)
    except TypeError:  # arguments whose effect it does not know
        return None
    return maker(*args, **plain)


def _gelu(x: torch.Tensor) -> torch.Tensor:
    """Without the cancellation that torch's form has in the tail, in float64 too."""
    tail: torch.Tensor = torch.special.erfc(x * -math.sqrt(0.5))
    return 0.5 * x * tail


def _unary(function: Callable[[Tensor], Tensor], kind: str = "unary") -> Maker:
    def make(x: Tensor) -> Golden | None:
        if not x.is_floating_point():
            return None
        g = function(x.double())
        return Golden(kind, g, tolerances.exact(g) if kind == "exact" else tolerances.unary(g))

    return make


def _binary(function: Callable[[Tensor, Tensor], Tensor], kind: str) -> Maker:
    def make(a: Any, b: Any) -> Golden | None:
        a, b = (v if isinstance(v, Tensor) else torch.tensor(v) for v in (a, b))
        if not (a.is_floating_point() and (b.is_floating_point() or not b.dim())):
            return None
        g = function(a.double(), b.double())
        bound = tolerances.exact(g) if kind == "exact" else tolerances.sum_or_product(g)
        return Golden(kind, g.double(), bound)

    return make


def _interleaved(x: torch.Tensor, repeats: int, dim: int) -> torch.Tensor:
    """As torch; where TTNN does not look at the dimension, it may be any."""
    return x.repeat_interleave(repeats, 0 if x.dim() == 1 or repeats == 1 else dim)


def _move(function: Callable[..., Tensor]) -> Maker:
    def make(x: Tensor, *args: Any, **kwargs: Any) -> Golden:
        g = function(x.double(), *args, **kwargs)
        return Golden("exact", g, tolerances.exact(g))

    return make


def _softmax(x: Tensor, dim: int = -1) -> Golden:
    g = torch.softmax(x.double(), dim)
    return Golden("row", g, tolerances.row(g, dim))


def _norm(function: Callable[..., Tensor], epsilon: float = 1e-12) -> Maker:
    def make(
        x: Tensor,
        *,
        epsilon: float = epsilon,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        residual_input_tensor: Tensor | None = None,
    ) -> Golden | None:
        if not epsilon:
            return None
        total = x.double()
        if residual_input_tensor is not None:
            total = total + residual_input_tensor.double()
        g = function(total, x.shape[-1:], eps=epsilon)
        if weight is not None:
            g = g * weight.double().flatten()
        if bias is not None:
            g = g + bias.double().flatten()
        return Golden("row", g, tolerances.row(g))

    return make


def _reduction(mean: bool) -> Maker:
    def make(x: Tensor, dim: Any = None, keepdim: bool = False) -> Golden | None:
        if not x.is_floating_point() or not x.dim():
            return None
        dims = list(range(x.dim())) if dim is None else dim
        function = torch.mean if mean else torch.sum
        g = function(x.double(), dims, keepdim=keepdim)
        magnitude = function(x.double().abs(), dims, keepdim=keepdim)
        return Golden("reduction", g, tolerances.reduction(g, magnitude))

    return make


def _extremum(function: Callable[..., Tensor]) -> Maker:
    def make(x: Tensor, dim: Any = None, keepdim: bool = False) -> Golden | None:
        if not x.dim() or not x.numel():
            return None
        g = function(x.double(), list(range(x.dim())) if dim is None else dim, keepdim=keepdim)
        return Golden("exact", g, tolerances.exact(g))

    return make


_MASKS: Final = {"LoFi": ((-2, -8),), "HiFi2": ((-2, -1),), "HiFi3": ((-2, -1), (1, -8))}
"""Which bits of the mantissas of bfloat16 (first operand, second) the passes multiply; HiFi3's
second pass takes the last bit of the first operand. HiFi4 takes all."""


def _passes(a: Tensor, b: Tensor, fidelity: str) -> list[tuple[Tensor, Tensor]]:
    """The products that the passes of the multipliers add up, for operands exact in bfloat16."""
    a16, b16 = a.bfloat16(), b.bfloat16()
    if fidelity == "HiFi4":
        return [(a16.double(), b16.double())]
    high = _masked(a16, -2)
    terms = []
    for left, right in _MASKS[fidelity]:
        first = high if left == -2 else a16.double() - high
        terms.append((first, _masked(b16, right)))
    return terms


def _masked(x: Tensor, mask: int) -> Tensor:
    return (x.contiguous().view(torch.int16) & mask).view(torch.bfloat16).double()


def _product(
    a: Tensor,
    b: Tensor,
    *,
    bias: Tensor | None = None,
    transpose_a: bool = False,
    transpose_b: bool = False,
    compute_kernel_config: Any = None,
    core_grid: Any = None,
) -> Golden | None:
    """Of operands that are exact in bfloat16; without a configuration two passes, or one."""
    fidelity = "HiFi2" if core_grid is None else "LoFi"
    if compute_kernel_config is not None:
        fidelity = compute_kernel_config.math_fidelity.name
    if torch.float32 in (a.dtype, b.dtype) or min(a.dim(), b.dim()) < 2:
        return None
    a = a.transpose(-1, -2) if transpose_a else a
    b = b.transpose(-1, -2) if transpose_b else b
    g = sum((x @ y for x, y in _passes(a, b, fidelity)), torch.zeros((), dtype=torch.float64))
    if bias is not None:
        g = g + bias.double()
    return Golden("product", g, tolerances.product(g, a.double(), b.double()))


def _pad(x: Tensor, padding: Any, value: float = 0.0) -> Golden:
    missing = x.dim() - len(padding)
    pairs = [(0, 0)] * missing + [tuple(p) for p in padding]
    flat = [n for pair in reversed(pairs) for n in pair]
    g = F.pad(x.double(), flat, value=float(value))
    return Golden("exact", g, tolerances.exact(g))


def _embedding(ids: Tensor, table: Tensor, **_: Any) -> Golden:
    g = (
        table.double()[ids.long()]
        if table.dim() == 2
        else table.double().flatten(0, -2)[ids.long()]
    )
    return Golden("exact", g, tolerances.exact(g))


def _slice(x: Tensor, starts: Any, stops: Any, steps: Any = None) -> Golden:
    steps = steps or [1] * len(starts)
    g = x.double()[tuple(slice(*b) for b in zip(starts, stops, steps, strict=True))]
    return Golden("exact", g, tolerances.exact(g))


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    attn_mask: Tensor | None = None,
    is_causal: bool = True,
    scale: float | None = None,
    sliding_window_size: int | None = None,
) -> Golden:
    """Of [B, heads, Sq, size]; groups of heads share keys."""
    seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    distance = torch.arange(q.shape[2])[:, None] - torch.arange(k.shape[2])
    if is_causal:
        seen &= distance >= 0
    if sliding_window_size:
        reach = sliding_window_size if is_causal else sliding_window_size // 2 + 1
        seen &= (distance < reach) & (distance > -reach)
    scores = torch.zeros(()) if attn_mask is None else attn_mask.double()
    g = _attended(q, k, v, scores, seen, scale)
    return Golden("row", g, tolerances.row(g))


def _attended(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor, seen: Tensor, scale: float | None
) -> Tensor:
    group = q.shape[1] // k.shape[1]
    keys, values = (t.double().repeat_interleave(group, 1) for t in (k, v))
    scores = q.double() @ keys.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    return torch.softmax((scores + bias).masked_fill(~seen, -math.inf), -1) @ values


def _attention_decode(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    is_causal: bool = True,
    attn_mask: Tensor | None = None,
    cur_pos: Any = None,
    cur_pos_tensor: Tensor | None = None,
    scale: float | None = None,
    sliding_window_size: int | None = None,
    program_config: Any = None,
) -> Golden:
    """Of a token of each user, [1, B, heads, size]; ``cur_pos`` is the last key that it sees."""
    del program_config
    users, length = k.shape[0], k.shape[2]
    if not is_causal:
        last = torch.full((users,), length - 1)
    elif cur_pos_tensor is not None:
        last = cur_pos_tensor.long().flatten()[:users]
    else:
        last = torch.tensor(cur_pos)[:users]
    distance = last[:, None] - torch.arange(length)
    seen = (distance >= 0) & (distance < (sliding_window_size or length))
    bias = torch.zeros(()) if attn_mask is None else attn_mask.double().transpose(1, 2)
    query = q[0][:, :, None]
    g = _attended(query, k, v, bias, seen[:, None, None], scale)[:, :, 0][None]
    return Golden("row", g, tolerances.row(g))


def _tiles(x: Tensor, rows: int, width: int) -> Tensor:
    """What is in whole tiles of ``x``, of which ``rows`` and ``width`` are wanted."""
    x = x.double()[..., :rows, :width]
    return F.pad(x, (0, width - x.shape[-1], 0, rows - x.shape[-2]))


def _written(cache: Tensor, source: Tensor, g: Tensor) -> Golden:
    """A cache with something written to it: rounded once where the dtypes differ."""
    rounded = source.dtype is torch.float32 and cache.dtype is not torch.float32
    bound = tolerances.sum_or_product(g) if rounded else tolerances.exact(g)
    return Golden("sum_or_product" if rounded else "exact", g, bound)


def _paged_update(
    cache: Tensor, source: Tensor, *, update_idxs: Any = None, update_idxs_tensor: Any = None
) -> Golden:
    positions = update_idxs if update_idxs_tensor is None else update_idxs_tensor.tolist()
    g = cache.double()
    for user, position in enumerate(positions):
        g[user, :, position] = _tiles(source, cache.shape[1], cache.shape[3])[0, user]
    return _written(cache, source, g)


def _fill(cache: Tensor, source: Tensor, user: int, *, update_idx: int = 0) -> Golden:
    end = min(update_idx + -(-source.shape[2] // 32) * 32, cache.shape[2])
    g = cache.double()
    g[user, :, update_idx:end] = _tiles(source, end - update_idx, cache.shape[3])[0]
    return _written(cache, source, g)


def _update(cache: Tensor, source: Tensor, position: int, *, batch_offset: int = 0) -> Golden:
    g = cache.double()
    tokens = _tiles(source, batch_offset + cache.shape[0], cache.shape[3])
    for user in range(cache.shape[0]):
        g[user, :, position] = tokens[0, :, batch_offset + user]
    return _written(cache, source, g)


def _concat_heads(x: Tensor) -> Golden:
    batch, heads, length, size = x.shape
    g = x.double().transpose(1, 2).reshape(batch, 1, length, heads * size)
    return Golden("exact", g, tolerances.exact(g))


def _concat_heads_decode(x: Tensor, *, num_heads: int) -> Golden:
    """32 rows, of which those of no user hold NaN."""
    users = x[0, :, :num_heads].double().flatten(1)
    g = F.pad(users, (0, 0, 0, 32 - users.shape[0]), value=math.nan)[None, None]
    return Golden("exact", g, tolerances.exact(g))


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Golden:
    """``x * cos + rotate_half(x) * sin``, as transformers defines it."""
    first, second = x.double().chunk(2, -1)
    direct = x.double() * cos.double()
    turned = torch.cat([-second, first], -1) * sin.double()
    g = direct + turned
    return Golden("reduction", g, tolerances.reduction(g, direct.abs() + turned.abs()))


def _rotary(x: Tensor, cos: Tensor, sin: Tensor, token: int | None = None) -> Golden:
    if token is None:
        return _rotary_hf(x, cos, sin)
    return _rotated(x, *(t[0, 0, token] for t in (cos, sin)))


def _rotary_hf(x: Tensor, cos: Tensor, sin: Tensor, *, is_decode_mode: bool = False) -> Golden:
    if is_decode_mode:
        return _rotated(x, cos, sin)
    return _rotated(x, *(t.flatten(0, -2)[: x.shape[-2]] for t in (cos, sin)))


_MAKERS: Final[Mapping[str, Maker]] = {
    "abs": _unary(torch.abs, "exact"),
    "cos": _unary(torch.cos),
    "erf": _unary(torch.erf),
    "exp": _unary(torch.exp),
    "gelu": _unary(_gelu),
    "identity": _unary(torch.clone, "exact"),
    "log": _unary(torch.log),
    "logical_not": _unary(lambda x: (x == 0).double(), "exact"),
    "neg": _unary(torch.neg, "exact"),
    "reciprocal": _unary(torch.reciprocal),
    "relu": _unary(torch.relu, "exact"),
    "relu6": _unary(F.relu6, "exact"),
    "rsqrt": _unary(torch.rsqrt),
    "selu": _unary(F.selu),
    "sigmoid": _unary(torch.sigmoid),
    "sign": _unary(torch.sign, "exact"),
    "silu": _unary(F.silu),
    "sin": _unary(torch.sin),
    "sqrt": _unary(torch.sqrt),
    "square": _unary(torch.square),
    "tanh": _unary(torch.tanh),
    "add": _binary(torch.add, "sum_or_product"),
    "subtract": _binary(torch.sub, "sum_or_product"),
    "rsub": _binary(lambda a, b: b - a, "sum_or_product"),
    "multiply": _binary(torch.mul, "sum_or_product"),
    "divide": _binary(torch.div, "sum_or_product"),
    "maximum": _binary(torch.maximum, "exact"),
    "minimum": _binary(torch.minimum, "exact"),
    "eq": _binary(torch.eq, "exact"),
    "ne": _binary(torch.ne, "exact"),
    "gt": _binary(torch.gt, "exact"),
    "ge": _binary(torch.ge, "exact"),
    "lt": _binary(torch.lt, "exact"),
    "le": _binary(torch.le, "exact"),
    "logical_and": _binary(torch.logical_and, "exact"),
    "logical_or": _binary(torch.logical_or, "exact"),
    "logical_xor": _binary(torch.logical_xor, "exact"),
    "softmax": _softmax,
    "layer_norm": _norm(F.layer_norm),
    "rms_norm": _norm(F.rms_norm),
    "sum": _reduction(mean=False),
    "mean": _reduction(mean=True),
    "max": _extremum(torch.amax),
    "min": _extremum(torch.amin),
    "linear": _product,
    "matmul": _product,
    "embedding": _embedding,
    "experimental.paged_update_cache": _paged_update,
    "fill_cache": _fill,
    "kv_cache.fill_cache_for_user_": _fill,
    "kv_cache.update_cache_for_token_": _update,
    "update_cache": _update,
    "transformer.scaled_dot_product_attention": _attention,
    "transformer.scaled_dot_product_attention_decode": _attention_decode,
    "experimental.nlp_concat_heads": _concat_heads,
    "experimental.nlp_concat_heads_decode": _concat_heads_decode,
    "experimental.rotary_embedding": _rotary,
    "experimental.rotary_embedding_hf": _rotary_hf,
    "pad": _pad,
    "slice": _slice,
    "__getitem__": _move(lambda x, index: x[index]),
    "clone": _move(torch.clone),
    "permute": _move(torch.permute),
    "transpose": _move(torch.transpose),
    "unsqueeze": _move(torch.unsqueeze),
    "repeat_interleave": _move(_interleaved),
}
COVERED: Final = frozenset(_MAKERS)
"""The operations that have goldens."""
