"""Rounding to a data type, once per operation, and the conversions of ``from_torch``."""

from __future__ import annotations

from typing import Final

import torch

from symbiote_emulator.numerics.block_float import quantise_block_float
from symbiote_emulator.numerics.dtypes import BLOCK_FLOATS, INTEGER_BITS, STORAGE, TORCH
from symbiote_emulator.types import DataType

DEFAULT_DTYPE: Final[dict[torch.dtype, DataType]] = {
    torch.bfloat16: DataType.BFLOAT16,
    torch.float16: DataType.BFLOAT16,
    torch.float32: DataType.FLOAT32,
    torch.int64: DataType.UINT32,
    torch.int32: DataType.INT32,
    torch.int16: DataType.UINT16,
    torch.uint32: DataType.UINT32,
    torch.uint16: DataType.UINT16,
    torch.uint8: DataType.UINT8,
    torch.int8: DataType.INT8,
    torch.bool: DataType.UINT8,
}
"""The data type that ``from_torch`` chooses when none is asked for."""

_VIA_BFLOAT16: Final = frozenset({torch.float64, torch.float16, torch.int64, torch.int16})


def quantise(value: torch.Tensor, dtype: DataType, pad_value: float = 0.0) -> torch.Tensor:
    """Round a result to a data type.

    Args:
        value: any shape and torch dtype.
        dtype: the target. Floats round to nearest even, block floats as TTNN's host packer,
            float to integer truncates toward zero, integers wrap around.
        pad_value: joins the last block of block floats.

    Returns:
        The same shape in the storage dtype of ``dtype``; ``value`` itself where nothing changes.
    """
    if dtype in BLOCK_FLOATS:
        return quantise_block_float(value, dtype, pad_value)
    width = INTEGER_BITS.get(dtype)
    if width is None:
        if dtype is DataType.FP8_E4M3:
            return value.to(torch.float8_e4m3fn).to(torch.bfloat16)
        return value.to(STORAGE[dtype])
    return _to_integer(value, *width).to(STORAGE[dtype])


def round_to_bfloat16(value: torch.Tensor) -> torch.Tensor:
    """Round float64 to the nearest bfloat16, once; torch's own way is through float32.

    Only values that float32 rounds onto the middle of two bfloat16 values come out otherwise: they
    are moved off it, to the side where they were.

    Args:
        value: float64 of any shape.
    """
    narrow = value.to(torch.float32)
    bits = narrow.view(torch.int32)
    side = torch.sign(value.abs() - narrow.abs().to(torch.float64)).nan_to_num(nan=0.0)
    moved = torch.where((bits & 0xFFFF) == 0x8000, bits + side.to(torch.int32), bits)
    return moved.view(torch.float32).to(torch.bfloat16)


def ingest(value: torch.Tensor, dtype: DataType, pad_value: float = 0.0) -> torch.Tensor:
    """Convert a torch tensor as ``from_torch`` does.

    float64, float16, int64 and int16 reach block floats through bfloat16; everything else is
    converted directly.

    Args:
        value: any shape and torch dtype.
        dtype: the target.
        pad_value: joins the last block of block floats.

    Returns:
        A tensor of its own memory, in the storage dtype of ``dtype``.
    """
    source = value.detach()
    if source.dtype is torch.bool:
        source = source.to(torch.uint8)
    if dtype in BLOCK_FLOATS and source.dtype in _VIA_BFLOAT16:
        source = source.to(torch.bfloat16)
    out = quantise(source, dtype, pad_value)
    return out.clone(memory_format=torch.contiguous_format) if _shares(out, value) else out


def to_torch_dtype(value: torch.Tensor, dtype: DataType) -> torch.Tensor:
    """Stored values as ``to_torch`` returns them: a copy, in TTNN's torch dtype."""
    target = TORCH[dtype]
    return value.clone() if value.dtype is target else value.to(target)


def _shares(out: torch.Tensor, value: torch.Tensor) -> bool:
    if out.is_meta:
        return False
    return out.untyped_storage().data_ptr() == value.untyped_storage().data_ptr()


def _to_integer(value: torch.Tensor, bits: int, signed: bool) -> torch.Tensor:
    if value.dtype is torch.bool or (bits, signed) in _FITS.get(value.dtype, ()):
        return value
    if value.dtype in (torch.float32, torch.bfloat16):
        return _float_to_integer(value, bits, signed)
    wrapped = value.to(torch.int64) & ((1 << bits) - 1)
    if signed:
        wrapped = torch.where(wrapped >= 1 << (bits - 1), wrapped - (1 << bits), wrapped)
    return wrapped


def _float_to_integer(value: torch.Tensor, bits: int, signed: bool) -> torch.Tensor:
    # Out of range is undefined in C++; this is what the x86 build does: the 32 bit conversion
    # answers 0x80000000, and narrowing from there saturates.
    whole = value.to(torch.float64).trunc()
    in_range = (whole >= -(2**31)) & (whole < 2**31)
    if (bits, signed) == (32, False):
        in_range |= (whole >= 0) & (whole < 2**32)
    word = torch.where(in_range, whole, -(2.0**31)).to(torch.int64)
    if bits == 32:
        return word if signed else word & 0xFFFFFFFF
    return (
        word.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        if signed
        else word.clamp(0, (1 << bits) - 1)
    )


_FITS: Final[dict[torch.dtype, frozenset[tuple[int, bool]]]] = {
    torch.uint8: frozenset({(8, False), (16, False), (32, False), (32, True)}),
    torch.int8: frozenset({(8, True), (32, True)}),
    torch.int32: frozenset({(32, True)}),
}
