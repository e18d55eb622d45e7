"""The classes of torch and transformers that kernels are registered for. Nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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


def _class_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _activation_kernels() -> Iterator[tuple[str, str]]:
    for kernel, target in ACTIVATIONS.items():
        yield target if isinstance(target, str) else _class_name(target), kernel
    for kernel, names in FURTHER_ACTIVATIONS.items():
        for name in names:
            yield f"{_ACTIVATIONS}.{name}", kernel


def activation_kernel(cls: type[nn.Module]) -> str | None:
    """The name of the kernel for an activation of this class, or None if it is no known one."""
    return dict(_activation_kernels()).get(_class_name(cls))


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
