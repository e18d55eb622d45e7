"""The matrix product: operands masked by fidelity, float32 sums, one rounding."""

from __future__ import annotations

import torch

from symbiote_emulator.numerics import bf16_matmul_is_fast, operand_terms
from symbiote_emulator.types import MathFidelity


def product(
    in0: torch.Tensor,
    in1: torch.Tensor,
    fidelity: MathFidelity,
    bias: torch.Tensor | None = None,
    *,
    bf16_out: bool = False,
) -> torch.Tensor:
    """``in0 @ in1 + bias`` of stored values.

    Args:
        in0: [..., M, K] bfloat16 or float32.
        in1: [..., K, N] bfloat16 or float32, batches broadcast as in torch.
        fidelity: which bits of the operands count.
        bias: any dtype, broadcastable to the result.
        bf16_out: the caller rounds to bfloat16 and does nothing before; then bfloat16
            arithmetic of the CPU may be used, which rounds once, too.

    Returns:
        [..., M, N] float32, or bfloat16 if ``bf16_out`` and the CPU is fast at it.
    """
    terms = operand_terms(in0, in1, fidelity)
    if bf16_out and len(terms) == 1 and _bf16_pays(in0, in1, bias):
        return _product_bf16(*terms[0], bias)
    first, *rest = terms
    total = torch.matmul(first[0].to(torch.float32), first[1].to(torch.float32))
    for left, right in rest:
        total += torch.matmul(left.to(torch.float32), right.to(torch.float32))
    return total if bias is None else total + bias.to(torch.float32)


def _bf16_pays(in0: torch.Tensor, in1: torch.Tensor, bias: torch.Tensor | None) -> bool:
    if in0.dtype is not torch.bfloat16 or in1.dtype is not torch.bfloat16:
        return False
    if bias is not None:
        # Only a row added by the kernel before it rounds; anything else would round twice.
        row = bias.dtype is torch.bfloat16 and bias.numel() == in1.shape[-1]
        if not row or in1.dim() != 2 or bias.shape[-1] != in1.shape[-1]:
            return False
    return bf16_matmul_is_fast()


def _product_bf16(in0: torch.Tensor, in1: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    if bias is None:
        return torch.matmul(in0, in1)
    rows = in0.reshape(-1, in0.shape[-1])
    out = torch.addmm(bias.reshape(-1), rows, in1)
    return out.reshape(*in0.shape[:-1], in1.shape[-1])
