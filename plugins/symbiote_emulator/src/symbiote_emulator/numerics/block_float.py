"""Block floats: 16 neighbours of a row share the largest exponent among them.

The rules are those of TTNN's host packer: the mantissa with its hidden bit is aligned to the
shared exponent E by dropping bits (not sticky), rounded to ``p`` bits to nearest, ties to even,
and clamped to ``2**p - 1``; elements with exponent field 0 become code 0; the sign of code 0 is
dropped. The value of code ``m`` is ``m * 2**(E - 127 - (p - 1))``.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from symbiote_emulator.numerics.dtypes import MAGNITUDE_BITS
from symbiote_emulator.types import DataType

BLOCK = 16
_HIDDEN = 0x800000
_SMALLEST_FAST_EXPONENT = 24  # below, 2**(150 - E) is no float32, so bits are needed


def quantise_block_float(
    value: torch.Tensor, dtype: DataType, pad_value: float = 0.0
) -> torch.Tensor:
    """Round to the nearest block float, as TTNN's host packer does, bit for bit.

    Args:
        value: any shape, float32 or bfloat16; blocks run along the last dimension.
        dtype: ``BFLOAT8_B`` or ``BFLOAT4_B``.
        pad_value: what the last block of each row is filled with; it joins the shared exponent.

    Returns:
        The same shape in bfloat16, which holds every block float exactly.
    """
    if value.numel() == 0 or value.is_meta:
        return value.to(torch.bfloat16)
    bits = MAGNITUDE_BITS[dtype]
    width = value.shape[-1] if value.dim() else 1
    blocks = _blocks(value, pad_value)
    peak = blocks.abs().amax(-1, keepdim=True).view(torch.int32) >> 23
    peak = torch.where(peak == 0, 127, peak)  # only zeros and subnormals: any scale gives code 0
    # Zero blocks and ordinary numbers take a path of float operations that is exact; infinities,
    # NaN (amax keeps them: field 255) and tiny exponents take the path on bit patterns.
    low, high = (int(v) for v in torch.aminmax(peak))
    if high == 255 or low < _SMALLEST_FAST_EXPONENT:
        rounded = _quantise_bits(blocks, bits)
    else:
        rounded = _quantise_floats(blocks, peak, bits)
    out = rounded.flatten(-2)[..., :width].to(torch.bfloat16)
    return out.reshape(value.shape)


def encode(value: torch.Tensor, magnitude_bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Exponents and signed codes of blocks.

    Args:
        value: [..., 16] float32.
        magnitude_bits: 7 or 3.

    Returns:
        Biased shared exponents [..., 1] and signed codes [..., 16], both int32.
    """
    raw = value.contiguous().view(torch.int32)
    exponent = (raw >> 23) & 0xFF
    shared = exponent.amax(-1, keepdim=True)
    mantissa = (_HIDDEN | (raw & 0x7FFFFF)) >> (shared - exponent).clamp_(max=31)
    mantissa = torch.where(exponent == 0, 0, mantissa)
    shift = 24 - magnitude_bits
    half_less_one = (1 << (shift - 1)) - 1
    code = (mantissa + half_less_one + ((mantissa >> shift) & 1)) >> shift
    code.clamp_(max=(1 << magnitude_bits) - 1)
    return shared, torch.where(raw < 0, -code, code)


def decode(shared: torch.Tensor, code: torch.Tensor, magnitude_bits: int) -> torch.Tensor:
    """The float32 values of signed codes [..., 16] under biased exponents [..., 1]."""
    # 2**(E - 127) for E = 255 is out of range, so those blocks move one bit to the other factor;
    # there, a code with its top bit set is an infinity or, with more bits set, a NaN.
    special = shared == 255
    scale = (torch.where(special, 254, shared) << 23).view(torch.float32)
    unit = code.to(torch.float32) * 2.0 ** (1 - magnitude_bits)
    value = torch.where(special, 2.0 * unit, unit) * scale
    top = 1 << (magnitude_bits - 1)
    value = torch.where(special & (code.abs() > top), torch.nan, value)
    return value + 0.0


def _quantise_bits(blocks: torch.Tensor, magnitude_bits: int) -> torch.Tensor:
    shared, code = encode(blocks, magnitude_bits)
    return decode(shared, code, magnitude_bits)


def _quantise_floats(blocks: torch.Tensor, peak: torch.Tensor, magnitude_bits: int) -> torch.Tensor:
    shift = 24 - magnitude_bits
    # Aligned to 24 bits and truncated: exactly the integer mantissa of `encode`.
    aligned = (blocks * ((277 - peak) << 23).view(torch.float32)).trunc_()
    limit = float((1 << magnitude_bits) - 1)
    code = aligned.mul_(2.0**-shift).round_().clamp_(-limit, limit).add_(0.0)
    # First the fraction, then the power of two, so that E = 254 does not overflow on the way.
    return code.mul_(2.0 ** (1 - magnitude_bits)).mul_((peak << 23).view(torch.float32))


def _blocks(value: torch.Tensor, pad_value: float) -> torch.Tensor:
    flat = value.to(torch.float32)
    if flat.dim() == 0:
        flat = flat.reshape(1)
    missing = -flat.shape[-1] % BLOCK
    if missing:
        flat = F.pad(flat, (0, missing), value=pad_value)
    return flat.contiguous().view(*flat.shape[:-1], flat.shape[-1] // BLOCK, BLOCK)
