"""Math fidelity: which bits of the operands of a matrix product reach the multipliers.

The multipliers take 5 x 7 bits and operands are truncated, not rounded. in0 (activations, SrcB)
keeps 7 significant bits in a pass, in1 (weights, SrcA) 5; further passes add the rest. On bit
patterns of bfloat16 (8 significant bits) the masks are ``& -2`` and ``& -8``; on float32 the same
bits are kept 16 places higher.
"""

from __future__ import annotations

import torch

from symbiote_emulator.types import DataType, MathFidelity

_IN0_HIGH = -2
_IN1_HIGH = -8


def truncate_in0(value: torch.Tensor) -> torch.Tensor:
    """Keep the 7 significant bits of in0 (bfloat16 or float32) that one pass sees."""
    return _mask(value, _IN0_HIGH)


def truncate_in1(value: torch.Tensor) -> torch.Tensor:
    """Keep the 5 significant bits of in1 (bfloat16 or float32) that one pass sees."""
    return _mask(value, _IN1_HIGH)


def operand_terms(
    in0: torch.Tensor, in1: torch.Tensor, fidelity: MathFidelity
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The pairs of operands whose products add up to what the multipliers compute.

    Args:
        in0: activations, bfloat16 or float32.
        in1: weights, bfloat16 or float32.
        fidelity: LoFi truncates both, HiFi2 only in0, HiFi3 adds what is left of in0 times the
            truncated in1, HiFi4 uses all bits.

    Returns:
        One pair, or two for HiFi3.
    """
    if fidelity is MathFidelity.HiFi4:
        return [(in0, in1)]
    high = truncate_in0(in0)
    if fidelity is MathFidelity.LoFi:
        return [(high, truncate_in1(in1))]
    if fidelity is MathFidelity.HiFi3:
        return [(high, in1), (in0 - high, truncate_in1(in1))]
    # HiFi2; Invalid (a configuration made bare) runs like TTNN's default.
    return [(high, in1)]


def default_fidelity(in0: DataType, in1: DataType, *, explicit_grid: bool) -> MathFidelity:
    """The fidelity of a matrix product without a compute configuration.

    HiFi2, but LoFi if both operands are block floats or a core grid or program configuration is
    given. Two float32 operands keep all bits: nobody asks for float32 to get 7 bits.
    """
    block = (DataType.BFLOAT8_B, DataType.BFLOAT4_B)
    if in0 is DataType.FLOAT32 and in1 is DataType.FLOAT32:
        return MathFidelity.HiFi4
    if explicit_grid or (in0 in block and in1 in block):
        return MathFidelity.LoFi
    return MathFidelity.HiFi2


def _mask(value: torch.Tensor, mask: int) -> torch.Tensor:
    if value.dtype is torch.bfloat16:
        return (value.view(torch.int16) & mask).view(torch.bfloat16)
    return (value.to(torch.float32).view(torch.int32) & (mask << 16)).view(torch.float32)
