"""The bias of a matrix product: whether the program of the product adds it, and what is refused."""

from __future__ import annotations

import math

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.numerics import FLOATS
from symbiote_emulator.operations._common import broadcast_shapes, require_device
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, DataType, StorageType


def is_added_apart(bias: Tensor, b: Tensor, *, in_l1: bool, transpose_b: bool) -> bool:
    """Whether TTNN adds the bias after the product, with the rules of ttnn.add.

    Args:
        bias: the bias.
        b: second operand.
        in_l1: whether anything is in L1, without a core grid or shards of the first operand.
        transpose_b: whether ``b`` is transposed.
    """
    shape = b.spec.shape if len(b.spec.shape) > 1 else (*b.spec.shape, 1)
    is_row = math.prod(bias.spec.padded_shape[:-1]) == TILE_SIZE
    is_as_wide = bias.spec.shape[-1:] == shape[-2:][not transpose_b :][:1]
    return in_l1 or math.prod(shape[:-2]) > 1 or not (is_row and is_as_wide)


def check_bias(bias: Tensor) -> None:
    """Refuse a bias that is not on the device, or has a batch of none.

    Raises:
        OperationRefused: it is one of these.
    """
    storage = bias.storage_type()
    if storage is not StorageType.DEVICE:
        raise OperationRefused(
            f"Input tensor B must be on device, got storage type: StorageType::{storage.name}",
            "Move the bias with ttnn.to_device(tensor, device).",
        )
    require_device(bias)
    if 0 in bias.spec.shape[:-2]:
        raise OperationRefused(
            "Unsupported bias shape: batch size must be 1, got 0", "Leave the bias out."
        )


def check_l1_transposes(a: Tensor, b: Tensor, *, transpose_a: bool, transpose_b: bool) -> None:
    """Refuse operands in L1 beside a bias that are transposed and not square.

    TTNN works out the shape from the operands as if they were not transposed. That refuses, or
    gives a wrong shape, unless the matrix is square.

    Raises:
        OperationRefused: one of them is such a matrix.
    """
    for transposed, tensor in ((transpose_a, a), (transpose_b, b)):
        shape = tensor.spec.shape
        if transposed and len(shape) > 1 and shape[-1] != shape[-2]:
            raise OperationRefused(
                "Broadcast error: Invalid dimension",
                "TTNN mistakes the shape here: keep operands and output in DRAM, or transpose "
                "the weight beforehand.",
                shape=shape,
            )


def check_added_bias(out: DataType, bias: DataType) -> None:
    """Refuse dtypes that ttnn.add does not take together.

    Raises:
        OperationRefused: they differ, and one is no float.
    """
    if out is not bias and (out not in FLOATS or bias not in FLOATS):
        raise OperationRefused(
            "Mixed dtype is not supported for binary operation BinaryOpType::ADD, dtype A: "
            f"DataType::{out.name}, dtype B: DataType::{bias.name}",
            "Make the bias float and the output float.",
        )


def summed_shape(
    shape: tuple[int, ...], a: Tensor, b: Tensor, bias: Tensor, *, apart: bool
) -> tuple[int, ...]:
    """The shape of a product and its bias.

    Args:
        shape: of the product.
        a: first operand.
        b: second operand.
        bias: the bias.
        apart: whether it is added after the product.

    Raises:
        OperationRefused: they do not broadcast, or the sum has more elements than a vector.
    """
    summed = broadcast_shapes(shape, bias.spec.shape)
    has_vector = 1 in (len(a.spec.shape), len(b.spec.shape))
    if has_vector and not apart and math.prod(summed) != math.prod(shape):
        raise OperationRefused(
            "Attempting to reshape between two shapes with different volumes",
            "Give the vector as a matrix, or a bias of one row.",
            shape=shape,
            bias=bias.spec.shape,
        )
    return summed


def addend(bias: Tensor | None, b: Tensor) -> torch.Tensor | None:
    """The values of the bias beside the product, a column until a vector's dimension is dropped.

    Args:
        bias: the bias, if there is one.
        b: second operand.
    """
    if bias is None:
        return None
    return bias.value.unsqueeze(-1) if len(b.spec.shape) == 1 else bias.value
