"""Splitting heads and putting them together in the layout [B, 1, S, width]."""

from __future__ import annotations

from typing import Annotated, Any

import torch

from symbiote_emulator.errors import (
    IncompatibleArguments,
    NotImitated,
    OperationRefused,
    WouldCrash,
    WrongInTTNN,
)
from symbiote_emulator.operations._common import emit, require_device, require_tile
from symbiote_emulator.operations.reshape import owned
from symbiote_emulator.registry import operation
from symbiote_emulator.signature import EXACT
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    DataType,
    Layout,
    MemoryConfig,
    TensorMemoryLayout,
)

_DTYPES = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B)
_TILES = "Input tensor{} layout must be TILE but got Layout::ROW_MAJOR"


@operation("ttnn.experimental.nlp_create_qkv_heads")
def nlp_create_qkv_heads(
    input: Tensor,
    input_kv: Tensor | None = None,
    *,
    num_heads: Annotated[int, EXACT],
    num_kv_heads: Annotated[int | None, EXACT] = None,
    transpose_k_heads: bool = True,
    kv_tied: bool = False,
    memory_config: MemoryConfig | None = None,
    output_tensors: Any = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Split a fused projection into heads.

    Args:
        input: [B, 1, S, (heads + 2 * kv_heads) * size] tiles, or the query alone with ``input_kv``
            [B, 1, S, 2 * kv_heads * size].
        input_kv: keys and values side by side, of the dtype of ``input``.
        num_heads: heads of the query.
        num_kv_heads: heads of key and value; the query's if left out.
        transpose_k_heads: give the key as [B, kv_heads, size, S].
        kv_tied: refused.
        memory_config: interleaved output memory; that of the input if left out.
        output_tensors: refused.

    Returns:
        Query [B, heads, S, size], key and value [B, kv_heads, S, size].

    Raises:
        OperationRefused: another shape, dtype or layout, shards, and options that are not
            emulated; heads that are no whole tiles and keys of another length, which TTNN gets
            wrong.
    """
    kv_heads = num_heads if num_kv_heads is None else num_kv_heads
    if min(num_heads, kv_heads) < 0:
        raise IncompatibleArguments
    x = input
    device = require_device(x)
    if input_kv is not None:
        require_device(input_kv)
    size = _head_size(x, input_kv, num_heads, kv_heads, tied=kv_tied)
    _check_input(x)
    memory = memory_config or x.memory_config()
    _check_memory(x, memory, transpose=transpose_k_heads)
    if input_kv is not None:
        _check_kv(x, input_kv)
    if kv_tied or output_tensors is not None:
        raise NotImitated(
            "kv_tied, or output_tensors.", "Leave them out, and take the tensors that it returns."
        )
    _check_tiles(x, input_kv, size)
    counts = [num_heads, kv_heads, kv_heads]
    batch, _, length, _ = x.spec.shape
    if input_kv is None:
        parts = torch.split(x.value, [n * size for n in counts], -1)
    else:
        parts = (x.value, *torch.split(input_kv.value, kv_heads * size, -1))
    heads = [
        part.reshape(batch, length, n, size).transpose(1, 2)
        for part, n in zip(parts, counts, strict=True)
    ]
    if transpose_k_heads:
        heads[1] = heads[1].transpose(-1, -2)
    query, key, value = (
        emit(owned(h), device, dtype=x.dtype, layout=Layout.TILE, memory_config=memory)
        for h in heads
    )
    return query, key, value


def _head_size(x: Tensor, kv: Tensor | None, heads: int, kv_heads: int, *, tied: bool) -> int:
    """The width of a head, as TTNN works it out of padded widths."""
    if not heads:
        raise OperationRefused("num_q_heads must be greater than 0", "Pass num_heads.")
    _check_rank(x)
    if kv is None:
        sections = heads + (1 if tied else 2) * kv_heads
        return _divided(x.spec.padded_shape[3], sections)
    if not kv_heads:
        raise OperationRefused(
            "num_kv_heads must be greater than 0 when a KV tensor is given", "Pass num_kv_heads."
        )
    _check_rank(kv)
    size = _divided(x.spec.padded_shape[3], heads)
    if _divided(kv.spec.padded_shape[3], (1 if tied else 2) * kv_heads) != size:
        raise OperationRefused(
            "Head dims must be the same for Q and K, V", "Check num_heads and num_kv_heads."
        )
    return size


def _check_rank(x: Tensor, index: int = 3) -> None:
    rank = len(x.spec.shape)
    if rank < 4:
        raise OperationRefused(
            f"ShapeBase[] index out of range. {index} not in [-4, {rank})",
            "Reshape it to four dimensions.",
            shape=x.spec.shape,
        )


def _divided(width: int, parts: int) -> int:
    if parts > width:
        raise OperationRefused(
            f"{parts} heads exceed the fused width ({width})", "Check num_heads and num_kv_heads."
        )
    if width % parts:
        raise OperationRefused("Unsupported input shape", "Check num_heads and num_kv_heads.")
    return width // parts


def _check_input(x: Tensor) -> None:
    if x.dtype not in _DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    require_tile(x, _TILES.format(""))
    shape = x.spec.shape
    if len(shape) > 4:
        raise OperationRefused(
            f"Unsupported input height {shape[2]} is not tile aligned",
            "Reshape it to [batch, 1, length, width].",
        )
    if shape[1] != 1:
        raise OperationRefused(
            f"Unsupported input sequence length {shape[1]} is not equal to 1",
            "Reshape it to [batch, 1, length, width].",
        )


def _check_memory(x: Tensor, memory: MemoryConfig, *, transpose: bool) -> None:
    name = f"TensorMemoryLayout::{memory.memory_layout.name}"
    if not x.is_sharded():
        if memory.is_sharded():
            raise OperationRefused(
                f"Output memory config layout must be INTERLEAVED but got {name}",
                "Move the results with ttnn.to_memory_config.",
            )
        return
    if memory.memory_layout in (TensorMemoryLayout.INTERLEAVED, TensorMemoryLayout.WIDTH_SHARDED):
        raise OperationRefused(
            "Output memory config must be sharded and not WIDTH_SHARDED but got memory_layout: "
            + name,
            "Move the input to interleaved memory with ttnn.to_memory_config.",
        )
    if transpose:
        raise OperationRefused(
            "Transpose K heads must be false", "Pass transpose_k_heads=False, or move the input."
        )
    raise _sharded()


def _sharded() -> NotImitated:
    return NotImitated(
        "The input is sharded.", "Move it to interleaved memory with ttnn.to_memory_config."
    )


def _check_kv(x: Tensor, kv: Tensor) -> None:
    if kv.dtype is not x.dtype:
        raise OperationRefused(
            "KV tensor dtype must be same as Q tensor dtype!", "Convert it with ttnn.typecast."
        )
    require_tile(kv, _TILES.format(" KV"))
    for index, name in ((0, "batch"), (2, "seq_len")):
        if kv.spec.padded_shape[index] != x.spec.padded_shape[index]:
            raise OperationRefused(
                f"KV tensor {name} dim must be same as Q tensor {name}!",
                "Split query and keys by themselves.",
            )
    if kv.spec.shape[1] != 1:
        raise OperationRefused(
            f"Unsupported input shape {kv.spec.shape[1]} is not equal to 1",
            "Reshape it to [batch, 1, length, width].",
        )
    if kv.is_sharded():
        raise _sharded()
    if kv.spec.shape[2] != x.spec.shape[2]:
        raise WrongInTTNN(
            "Keys of another length.",
            "TTNN gives them the length of the query. Split query and keys by themselves.",
        )


def _check_tiles(x: Tensor, kv: Tensor | None, size: int) -> None:
    """Refuse heads that TTNN widens to whole tiles, beyond what belongs to them."""
    widths = [t.spec.shape[3] != t.spec.padded_shape[3] for t in (x, kv) if t is not None]
    if size % TILE_SIZE or any(widths):
        raise _no_tiles(size)


def _no_tiles(size: int) -> WrongInTTNN:
    return WrongInTTNN(
        "Heads that are no whole tiles.",
        "Pad them to a multiple of 32, or use reshape and permute.",
        size=size,
    )


@operation("ttnn.experimental.nlp_concat_heads")
def nlp_concat_heads(input_tensor: Tensor, *, memory_config: MemoryConfig | None = None) -> Tensor:
    """Put heads side by side: [B, heads, S, size] gives [B, 1, S, heads * size].

    Args:
        input_tensor: tiles on the device.
        memory_config: interleaved output memory; that of the input if left out.

    Raises:
        OperationRefused: another rank, dtype or layout, shards; heads that are no whole tiles,
            which TTNN gets wrong.
    """
    x = input_tensor
    device = require_device(x)
    shape = x.spec.shape
    _check_rank(x, 2 if len(shape) == 2 else 3)
    if x.dtype not in _DTYPES:
        raise OperationRefused("Unsupported data format", "Convert it with ttnn.typecast.")
    require_tile(x, _TILES.format(""))
    memory = memory_config or x.memory_config()
    _check_concat_memory(x, memory)
    if len(shape) > 4:
        raise WrongInTTNN(
            "More than four dimensions.", "TTNN drops the last ones. Reshape it to four."
        )
    batch, heads, length, size = shape
    if not size:
        raise WouldCrash("Heads without elements.", "Don't call it on empty tensors.")
    if not heads:
        raise OperationRefused(
            "DataflowBufferSpec 'in0' has num_entries = 0. num_entries must be set to a non-zero "
            "value.",
            "Don't call it on empty tensors.",
        )
    if heads > 1 and size % TILE_SIZE:
        raise _no_tiles(size)
    merged = x.value.transpose(1, 2).reshape(batch, 1, length, heads * size)
    return emit(owned(merged), device, dtype=x.dtype, layout=Layout.TILE, memory_config=memory)


def _check_concat_memory(x: Tensor, memory: MemoryConfig) -> None:
    kind = memory.memory_layout
    if not x.is_sharded():
        if memory.is_sharded():
            raise OperationRefused(
                "bad optional access", "Move the result with ttnn.to_memory_config."
            )
        return
    if x.memory_config().memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Input tensor memory layout must not be WIDTH_SHARDED but got "
            "TensorMemoryLayout::WIDTH_SHARDED",
            "Move it to interleaved memory with ttnn.to_memory_config.",
        )
    if kind is TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            f"Output memory config layout must not be HEIGHT_SHARDED but got "
            f"TensorMemoryLayout::{kind.name}",
            "Move the input to interleaved memory with ttnn.to_memory_config.",
        )
    if kind is TensorMemoryLayout.INTERLEAVED:
        raise OperationRefused(
            "Sharded input requires a sharded output memory config but got "
            f"TensorMemoryLayout::{kind.name}",
            "Move the input to interleaved memory with ttnn.to_memory_config.",
        )
    raise _sharded()
