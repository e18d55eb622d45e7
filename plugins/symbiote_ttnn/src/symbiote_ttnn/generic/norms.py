"""Norms of any class, recognised by what they compute."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from symbiote_ttnn.generic.probe import agree, answer, bare_copy, is_torchs_own, normal
from symbiote_ttnn.kernels.conversion import tile
from symbiote_ttnn.kernels.normalization import TTNNRMSNorm, epsilon_of

RMS_NORM = "rms_norm"
OFFSET_RMS_NORM = "offset_rms_norm"
LAYER_NORM = "layer_norm"

Formula = Callable[[torch.Tensor, torch.Tensor, "torch.Tensor | None", float], torch.Tensor]


def _rms(x: torch.Tensor, eps: float) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def _rms_norm(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, eps: float) -> torch.Tensor:
    return _rms(x, eps) * w if b is None else torch.full_like(x, torch.nan)


def _offset_rms_norm(
    x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, eps: float
) -> torch.Tensor:
    return _rms_norm(x, 1 + w, b, eps)


def _layer_norm(
    x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, eps: float
) -> torch.Tensor:
    return nn.functional.layer_norm(x, w.shape, w, b, eps)


_FORMULAS: dict[str, Formula] = {
    RMS_NORM: _rms_norm,
    OFFSET_RMS_NORM: _offset_rms_norm,
    LAYER_NORM: _layer_norm,
}


def looks_like_norm(module: nn.Module) -> bool:
    """Whether a module has what a norm over the last dimension has, and nothing else.

    A weight [D], a bias [D] or none, and an epsilon; torch's own classes have rules of their own.
    """
    weight, bias = module._parameters.get("weight"), module._parameters.get("bias")
    return (
        not is_torchs_own(module)
        and not module._modules
        and not any(buffer is not None for buffer in module._buffers.values())
        and set(module._parameters) <= {"weight", "bias"}
        and weight is not None
        and weight.ndim == 1
        and weight.numel() > 1
        and (bias is None or bias.shape == weight.shape)
        and epsilon_of(module) is not None
    )


def norm_form(module: nn.Module) -> str | None:
    """Which norm a module that looks like one computes, or None.

    Its forward is called with other weights on a few rows: some of the size of epsilon, where a
    forward that took it elsewhere would differ, and none with a mean of zero.
    """
    eps = epsilon_of(module)
    assert eps is not None
    width = module._parameters["weight"].numel()  # type: ignore[union-attr]
    weight = normal(width, seed=1)
    given = module._parameters.get("bias")
    bias = None if given is None else normal(width, seed=2)
    own = {"weight": weight} | ({"bias": bias} if "bias" in module._parameters else {})
    probe = bare_copy(module, own)
    small = max(eps, 1e-30) ** 0.5
    rows = (normal(4, width, seed=3) + 0.5) * torch.tensor([1.0, 3.0, small, 3 * small])[:, None]
    got = answer(probe, rows)
    if got is None:
        return None
    for name, formula in _FORMULAS.items():
        expected = formula(rows, weight, bias, eps)
        if all(agree(mine, its) for mine, its in zip(got, expected, strict=True)):
            return name
    return None


def is_rms_norm(module: nn.Module) -> bool:
    """Whether it is ``weight * x / sqrt(mean(x²) + eps)``."""
    return looks_like_norm(module) and norm_form(module) == RMS_NORM


def is_offset_rms_norm(module: nn.Module) -> bool:
    """Whether it is ``(1 + weight) * x / sqrt(mean(x²) + eps)``, as in Gemma."""
    return looks_like_norm(module) and norm_form(module) == OFFSET_RMS_NORM


def is_layer_norm(module: nn.Module) -> bool:
    """Whether it is a layer norm over the last dimension."""
    return looks_like_norm(module) and norm_form(module) == LAYER_NORM


def unknown_norm(module: nn.Module) -> str:
    """Why a module that only looks like a norm stays on torch."""
    return (
        f"{type(module).__name__} has what a norm has and computes neither a layer norm nor an RMS "
        "norm over the last dimension"
    )


class TTNNOffsetRMSNorm(TTNNRMSNorm):
    """``(1 + weight) * x / sqrt(mean(x²) + eps)``, as Gemma has it: [..., D] → [..., D]."""

    def preprocess_weights_impl(self) -> None:
        """Convert the scale, [D], rounded once."""
        self.tt_weight = tile(self.torch_layer.weight.detach().float() + 1)
