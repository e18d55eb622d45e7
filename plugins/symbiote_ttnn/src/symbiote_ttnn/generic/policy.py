"""The generic policy: layers of any model, recognised by their structure."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule
from symbiote_ttnn.generic.conv1d import CONV1D
from symbiote_ttnn.generic.interface import is_attention
from symbiote_ttnn.generic.mlp import KERNELS as MLP_KERNELS
from symbiote_ttnn.generic.mlp import unknown_mlp
from symbiote_ttnn.generic.mlp_forms import looks_like_mlp
from symbiote_ttnn.generic.norms import (
    is_layer_norm,
    is_offset_rms_norm,
    is_rms_norm,
    looks_like_norm,
    unknown_norm,
)
from symbiote_ttnn.known import kernel_specs

_HERE = "symbiote_ttnn.generic"
_KERNELS = "symbiote_ttnn.kernels"


def _spec(name: str, replaces: type | str = nn.Module, package: str = _HERE) -> KernelSpec:
    return KernelSpec(name, replaces, f"{package}:{name}", plugin="ttnn")


_UNKNOWN_NORM = KernelSpec(
    "TTNNLayerNorm", nn.Module, f"{_KERNELS}:TTNNLayerNorm", unknown_norm, plugin="ttnn"
)

_UNKNOWN_MLP = KernelSpec("TTNNMLP", nn.Module, f"{_HERE}:TTNNMLP", unknown_mlp, plugin="ttnn")

_ATTENTION = (
    Rule(nn.Module, _spec("TTNNInterfaceAttention"), subclasses=True, structure=is_attention),
)

_MLPS = (
    *(
        Rule(nn.Module, _spec(kernel.__name__), subclasses=True, structure=kernel.is_meant)
        for kernel in MLP_KERNELS
    ),
    Rule(nn.Module, _UNKNOWN_MLP, subclasses=True, structure=looks_like_mlp),
)

_LAYERS = (
    *(Rule(known.replaces, known.name) for known in kernel_specs()),
    Rule(CONV1D, _spec("TTNNConv1D", CONV1D)),
)

_NORMS = tuple(
    Rule(nn.Module, kernel, subclasses=True, structure=structure)
    for structure, kernel in (
        (is_rms_norm, _spec("TTNNRMSNorm", package=_KERNELS)),
        (is_offset_rms_norm, _spec("TTNNOffsetRMSNorm")),
        (is_layer_norm, _spec("TTNNLayerNorm", package=_KERNELS)),
        (looks_like_norm, _UNKNOWN_NORM),
    )
)

GENERIC = Policy(
    "generic",
    ("*",),
    _ATTENTION + _MLPS + _LAYERS + _NORMS,
    "any model: attention, feed-forward and other layers, recognised by structure",
    priority=-100,
)
"""For models that no other policy is for."""
