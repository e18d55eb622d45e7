"""The matrix product: operands masked by fidelity, float32 sums, one rounding."""

from __future__ import annotations

from typing import Final

import torch

from symbiote_emulator.kept import Kept, fused_linear
from symbiote_emulator.numerics import bf16_matmul_is_fast, operand_terms
from symbiote_emulator.operations._activations import apply
from symbiote_emulator.types import MathFidelity, UnaryOpType, UnaryWithParam

_ONEDNN: Final = {
    UnaryOpType.GELU: ("gelu", "none"),
    UnaryOpType.GELU_TANH: ("gelu", "tanh"),
    UnaryOpType.RELU: ("relu", ""),
    UnaryOpType.SIGMOID: ("sigmoid", ""),
    UnaryOpType.SILU: ("swish", ""),
    UnaryOpType.TANH: ("tanh", ""),
}
"""Activations that oneDNN applies to the float32 sums before it rounds: name and algorithm."""


def product(
    in0: torch.Tensor,
    in1: torch.Tensor,
    fidelity: MathFidelity,
    bias: torch.Tensor | None = None,
    activation: UnaryWithParam | None = None,
    *,
    kept: Kept | None = None,
    bf16_out: bool = False,
) -> torch.Tensor:
    """``activation(in0 @ in1 + bias)`` of stored values.

    Args:
        in0: [..., M, K] bfloat16 or float32.
        in1: [..., K, N] bfloat16 or float32, batches broadcast as in torch.
        fidelity: which bits of the operands count.
        bias: any dtype, broadcastable to the result.
        activation: applied to the sums.
        kept: a copy of ``in1`` in the form that is multiplied fastest.
        bf16_out: the caller rounds to bfloat16 and does nothing before; then bfloat16
            arithmetic of the CPU may be used, which rounds once, too.

    Returns:
        [..., M, N] float32, or bfloat16 if ``bf16_out`` and the CPU is fast at it.
    """
    if kept is not None and not kept.packed:
        in1 = kept.value
    terms = operand_terms(in0, in1, fidelity)
    if bf16_out and len(terms) == 1 and _bf16_pays(in0, in1, bias, activation):
        left, right = terms[0]
        packed = kept.value if kept is not None and right is in1 else None
        return _product_bf16(left, right, bias, activation, packed)
    first, *rest = terms
    total = torch.matmul(first[0].to(torch.float32), first[1].to(torch.float32))
    for left, right in rest:
        total += torch.matmul(left.to(torch.float32), right.to(torch.float32))
    if bias is not None:
        total = total + bias.to(torch.float32)
    return total if activation is None else apply(total, activation)


def _bf16_pays(
    in0: torch.Tensor,
    in1: torch.Tensor,
    bias: torch.Tensor | None,
    activation: UnaryWithParam | None,
) -> bool:
    if in0.dtype is not torch.bfloat16 or in1.dtype is not torch.bfloat16:
        return False
    # Bias and activation only where one kernel does all of it: else the result is rounded twice.
    if bias is not None:
        row = bias.dtype is torch.bfloat16 and bias.numel() == in1.shape[-1]
        if not row or in1.dim() != 2 or bias.shape[-1] != in1.shape[-1]:
            return False
    if activation is not None:
        known = activation.op_type in _ONEDNN and fused_linear is not None
        if not known or in1.dim() != 2 or not in0.numel() or not in1.numel():
            return False
    return bf16_matmul_is_fast()


def _product_bf16(
    in0: torch.Tensor,
    in1: torch.Tensor,
    bias: torch.Tensor | None,
    activation: UnaryWithParam | None,
    packed: torch.Tensor | None,
) -> torch.Tensor:
    row = None if bias is None else bias.reshape(-1)
    if packed is not None or activation is not None:
        name, algorithm = ("none", "") if activation is None else _ONEDNN[activation.op_type]
        weight = in1.t() if packed is None else packed
        out: torch.Tensor = fused_linear(in0, weight, row, name, [], algorithm)
        return out
    if row is None:
        return torch.matmul(in0, in1)
    out = torch.addmm(row, in0.reshape(-1, in0.shape[-1]), in1)
    return out.reshape(*in0.shape[:-1], in1.shape[-1])
