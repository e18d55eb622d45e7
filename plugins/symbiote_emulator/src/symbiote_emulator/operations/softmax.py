"""Softmax over one dimension."""

from __future__ import annotations

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.operations._common import emit, emit_spec
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, Layout, MemoryConfig, WormholeComputeKernelConfig

_INPUTS = (DataType.FLOAT32, DataType.BFLOAT16, DataType.BFLOAT8_B)


_TILIZED = {3: 1, 4: 3}
"""Rank, and the dimension along which TTNN tilizes by itself (asked on a mock chip)."""


@operation("ttnn.softmax")
def softmax(
    input_tensor: Tensor,
    dim: int = -1,
    *,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    numeric_stable: bool = True,  # noqa: ARG001 - the emulator always is
) -> Tensor:
    """``exp(x) / sum(exp(x))`` along a dimension.

    Args:
        input_tensor: tiles of floats on the device.
        dim: the dimension.
        memory_config: output memory; that of the input if left out.
        compute_kernel_config: float32 over other dimensions than the last needs its
            ``fp32_dest_acc_en``.
        numeric_stable: accepted.

    Raises:
        OperationRefused: host or freed input, row major, integers or BFLOAT4_B, ``dim`` out of
            range, float32 with a configuration that can't hold it, or a padded result in shards
            of parts of rows.
    """
    device = input_tensor.device()
    if device is None:
        raise OperationRefused(
            "input_tensor.device() == nullptr, No device found, move input_tensor to device",
            "Move the tensor with ttnn.to_device(tensor, device).",
        )
    shape = input_tensor.spec.shape
    rank = max(len(shape), 1)
    if not -rank <= dim < rank:
        raise OperationRefused(
            f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got "
            f"{dim})",
            "Pass a dimension of the tensor.",
        )
    if not shape or 0 in shape:
        # TTNN looks at nothing else then.
        return emit_spec(
            torch.ones_like(input_tensor.value),
            device,
            input_tensor.spec.replace(memory_config=memory_config),
        )
    if input_tensor.layout is not Layout.TILE and _TILIZED.get(rank) != dim % rank:
        raise OperationRefused(
            "Inputs to softmax must be tilized",
            "Convert the tensor with ttnn.to_layout(tensor, ttnn.TILE_LAYOUT).",
        )
    if input_tensor.dtype not in _INPUTS:
        raise OperationRefused(
            "Input tensor must be FLOAT32, BFLOAT16, or BFLOAT8_B, got: "
            f"DataType::{input_tensor.dtype.name}",
            "Convert it with ttnn.typecast.",
        )
    config = compute_kernel_config
    if config is not None and not config.fp32_dest_acc_en and dim % rank != rank - 1:
        _check_accumulation(input_tensor)
    out = emit(
        torch.softmax(input_tensor.value.to(torch.float32), int(dim)),
        device,
        dtype=input_tensor.dtype,
        layout=Layout.TILE,
        memory_config=memory_config or input_tensor.memory_config(),
    )
    _check_shards(out)
    return out


def _check_shards(out: Tensor) -> None:
    """Refuse a result in parts of rows whose padding TTNN would have to take off."""
    shards, width = out.memory_config().shard_spec, out.spec.padded_shape[-1]
    if shards is not None and width not in (out.spec.shape[-1], shards.shape[1]):
        raise OperationRefused(
            "Changing the last dimension of a sharded tensor is not supported unless the shard "
            "width matches the padded width of the input tensor",
            "Pass an interleaved memory_config, or shard whole rows.",
            shard_shape=shards.shape,
        )


def _check_accumulation(x: Tensor) -> None:
    if x.dtype is DataType.FLOAT32:
        raise OperationRefused(
            "FP32 destination accumulation must be enabled when input tensor has FLOAT32 data "
            "type. Please update the compute kernel configuration.",
            "Leave compute_kernel_config out, or make it with fp32_dest_acc_en=True.",
        )
