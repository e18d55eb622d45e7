"""The classes of torch and transformers that kernels are registered for. Nothing is imported."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from symbiote_core import KernelSpec

_KERNELS = "symbiote_ttnn.kernels"
_ACTIVATIONS = "transformers.activations"

LAYERS: Mapping[str, type[nn.Module]] = {
    "TTNNLinear": nn.Linear,
    "TTNNLayerNorm": nn.LayerNorm,
    "TTNNRMSNorm": nn.RMSNorm,
    "TTNNEmbedding": nn.Embedding,
}
"""Kernel to the class that it is for."""

ACTIVATIONS: Mapping[str, type[nn.Module] | str] = {
    "TTNNGelu": nn.GELU,
    "TTNNSilu": nn.SiLU,
    "TTNNReLU": nn.ReLU,
    "TTNNTanh": nn.Tanh,
    "TTNNQuickGelu": f"{_ACTIVATIONS}.QuickGELUActivation",
}
"""Likewise, for activations."""

FURTHER_ACTIVATIONS: Mapping[str, tuple[str, ...]] = {
    "TTNNGelu": (
        "GELUActivation",
        "GELUTanh",
        "PytorchGELUTanh",
        "NewGELUActivation",
        "FastGELUActivation",
        "AccurateGELUActivation",
    ),
    "TTNNSilu": ("SiLUActivation",),
}
"""Kernel to the names of other classes in transformers' activations that it is for."""


def kernel_specs() -> list[KernelSpec]:
    """The kernels for all of them."""
    return [
        *(
            KernelSpec(name, target, f"{_KERNELS}:{name}")
            for name, target in {**LAYERS, **ACTIVATIONS}.items()
        ),
        *(
            KernelSpec(f"{kernel}.{cls}", f"{_ACTIVATIONS}.{cls}", f"{_KERNELS}:{kernel}")
            for kernel, classes in FURTHER_ACTIVATIONS.items()
            for cls in classes
        ),
    ]
