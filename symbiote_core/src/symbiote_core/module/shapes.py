"""Checking a kernel's output against what the torch layer says its shape is.

Torch runs on the meta device, so no value is computed; and only at the first call with these
input shapes, so the hot path pays one look-up.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import torch

from symbiote_core.structure import leaves, map_leaves

if TYPE_CHECKING:
    from symbiote_core.module.ttnn_module import TTNNModule

logger = logging.getLogger("symbiote.module")

MAX_SHAPES = 64
"""Input shapes remembered as checked; beyond it the oldest are forgotten together."""

_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.Tensor)


class _Unhooked(torch.nn.Module):
    """A layer's forward alone: nobody's hook may be called with tensors that have no values."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer's forward past its hooks."""
        return self.layer.forward(*args, **kwargs)


def expected_shapes(
    module: TTNNModule, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[tuple[int, ...]] | None:
    """The shapes of the tensors that the torch layer would return, or None if it can't be told.

    It can't be told where an argument is no tensor or plain value (a cache would be written to),
    or where the layer does not run on the meta device.
    """
    layer = module.torch_layer
    if layer is None or not all(isinstance(leaf, _PLAIN) for leaf in leaves((args, kwargs))):
        return None

    def to_meta(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            return torch.empty(leaf.shape, dtype=leaf.dtype, device="meta")
        return leaf

    bare = _Unhooked(layer)
    tensors = dict(bare.named_parameters()) | dict(bare.named_buffers())
    on_meta = {name: to_meta(tensor) for name, tensor in tensors.items()}
    meta_args, meta_kwargs = map_leaves(to_meta, (args, dict(kwargs)))
    try:
        with torch.no_grad():
            out = torch.func.functional_call(bare, on_meta, meta_args, meta_kwargs)
    except Exception as error:  # whatever a foreign layer raises: then there is nothing to compare
        logger.debug("%s: the output's shape is not checked: %s", module._symbiote.path, error)
        return None
    return [tuple(leaf.shape) for leaf in leaves(out) if isinstance(leaf, torch.Tensor)]


def shape_mismatch(
    module: TTNNModule, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any
) -> str | None:
    """What is wrong with the shapes of ``out``, or None."""
    expected = expected_shapes(module, args, kwargs)
    if expected is None:
        return None
    runtime = module._symbiote.runtime
    assert runtime is not None
    got = [
        tuple(leaf.shape)
        for leaf in leaves(out)
        if isinstance(leaf, torch.Tensor) or runtime.is_tensor(leaf)
    ]
    # A kernel may leave out what torch returns beside its result (attention weights, say).
    if got == expected[: len(got)] and got:
        return None
    name = type(module).__name__
    return (
        f"{name}.forward returned {_listed(got)}, the torch layer returns {_listed(expected)} for "
        f"these inputs. Return a tensor of that logical shape"
    )


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(str(list(s)) for s in shapes) if shapes else "no tensor"
