"""Adding rows and columns of one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from symbiote_emulator.errors import IncompatibleArguments, OperationRefused, WouldCrash
from symbiote_emulator.operations._common import emit
from symbiote_emulator.registry import operation
from symbiote_emulator.spec import tensor_spec
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig, StorageType

_TILED = (DataType.FLOAT32, DataType.BFLOAT16, DataType.INT32, DataType.UINT32, DataType.UINT16)


@operation("ttnn.pad")
def pad(
    input_tensor: Tensor,
    padding: Any,
    value: Any = None,
    fill: Any = None,
    *,
    use_multicore: bool = True,
    memory_config: MemoryConfig | None = None,
    sub_core_grids: Any = None,
) -> Tensor:
    """Add elements around a tensor.

    Two forms: ``pad(x, [(front, back), ...], value)``, a pair for each of the last dimensions, and
    ``pad(x, output_shape, input_start, value)``.

    Args:
        input_tensor: any shape; tiles take no padding in front.
        padding: pairs, or the output's shape.
        value: the value, or where the input starts in the output.
        fill: the value in the second form.
        use_multicore: accepted.
        memory_config: output memory; that of the input if left out.
        sub_core_grids: accepted.

    Raises:
        OperationRefused: front padding of tiles, more pairs than dimensions, host tiles.
    """
    del use_multicore, sub_core_grids
    x = input_tensor
    shape = x.spec.shape
    pairs, number = _pairs(shape, padding, value, fill)
    if x.storage_type() is StorageType.DEVICE and not x.is_allocated():
        raise WouldCrash("The operand is deallocated.", "Keep the tensor until its last use.")
    if len(pairs) > len(shape):
        raise OperationRefused(
            "ttnn.pad: padding len can't be larger than input tensor rank",
            f"The tensor has {len(shape)} dimensions.",
        )
    pairs = [(0, 0)] * (len(shape) - len(pairs)) + pairs
    if x.layout is Layout.TILE:
        if any(front for front, _ in pairs):
            raise OperationRefused(
                "ttnn.pad: on device tile padding does not support front padding",
                "Convert the tensor with ttnn.to_layout(tensor, ttnn.ROW_MAJOR_LAYOUT).",
            )
        if x.dtype not in _TILED:
            raise OperationRefused(
                "Cannot pad tilized tensor with specified format", "Convert it with ttnn.typecast."
            )
        if len(shape) < 2 and any(back for _, back in pairs):
            raise OperationRefused(
                "MeshBuffer must be large enough to hold the tensor.",
                "Give tiles of rank 2 or more, or pad row major.",
            )
    flat = [n for pair in reversed(pairs) for n in pair]
    padded = torch.nn.functional.pad(x.value, flat, value=number)
    device = x.device()
    if device is None:
        spec = tensor_spec(tuple(padded.shape), x.dtype, x.layout)
        return Tensor.on_host(padded, spec)
    return emit(
        padded.clone() if padded.data_ptr() == x.value.data_ptr() else padded,
        device,
        dtype=x.dtype,
        layout=x.layout,
        memory_config=memory_config or x.memory_config(),
    )


def _pairs(
    shape: Sequence[int], padding: Any, value: Any, fill: Any
) -> tuple[list[tuple[int, int]], float]:
    """The two forms of the call as pairs and a value."""
    if not isinstance(padding, (list, tuple)):
        raise IncompatibleArguments
    if padding and all(isinstance(n, int) for n in padding):
        if not isinstance(value, (list, tuple)) or not isinstance(fill, (int, float)):
            raise IncompatibleArguments
        if len(padding) != len(shape) or len(value) != len(shape):
            raise OperationRefused(
                "ttnn.pad: padding len can't be larger than input tensor rank",
                f"The tensor has {len(shape)} dimensions.",
            )
        starts = [int(n) for n in value]
        pairs = [
            (start, int(total) - size - start)
            for start, total, size in zip(starts, padding, shape, strict=True)
        ]
        return pairs, float(fill)
    if fill is not None or not isinstance(value, (int, float)):
        raise IncompatibleArguments
    pairs = []
    for pair in padding:
        numbers = pair if isinstance(pair, (list, tuple)) else ()
        if len(numbers) != 2 or any(not isinstance(n, int) or n < 0 for n in numbers):
            raise IncompatibleArguments
        pairs.append((numbers[0], numbers[1]))
    return pairs, float(value)
