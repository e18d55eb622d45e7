"""The plugin ``vit``: kernels and two policies for transformers' Vision Transformer."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl

_VIT = "transformers.models.vit.modeling_vit"
_KERNELS = "symbiote_vit.kernels"
_ACTIVATIONS = "transformers.activations"

VERSIONS = (("transformers", (4, 57), (6, 0)),)
"""The versions of transformers whose ViT these kernels know."""

_FINE = (
    Rule(f"{_VIT}.ViTAttention", "TTNNViTAttention"),
    Rule(f"{_VIT}.ViTSelfAttention", "TTNNViTSelfAttention"),
    Rule(nn.Linear, "TTNNLinear"),
    Rule(nn.LayerNorm, "TTNNLayerNorm"),
)

_COARSE = (
    Rule(f"{_VIT}.ViTModel", "TTNNViTModel"),
    Rule(f"{_VIT}.ViTEmbeddings", "TTNNViTEmbeddings"),
    Rule(f"{_VIT}.ViTLayer", "TTNNViTLayer"),
    Rule(f"{_VIT}.ViTPooler", "TTNNViTPooler"),
)


class ViTPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for ViT's modules. 5.x merged ViTSelfAttention into ViTAttention."""
        targets = {
            "TTNNViTEmbeddings": ("ViTEmbeddings", "TTNNViTEmbeddings"),
            "TTNNViTLayer": ("ViTLayer", "TTNNViTLayer"),
            "TTNNViTModel": ("ViTModel", "TTNNViTModel"),
            "TTNNViTPooler": ("ViTPooler", "TTNNViTPooler"),
            "TTNNViTAttention": ("ViTAttention", "TTNNViTSelfAttention"),
            "TTNNViTSelfAttention": ("ViTSelfAttention", "TTNNViTSelfAttention"),
        }
        return [
            KernelSpec(name, f"{_VIT}.{target}", f"{_KERNELS}:{cls}")
            for name, (target, cls) in targets.items()
        ]

    @hookimpl
    def symbiote_policies(self) -> list[Policy]:
        """``vit``: whole encoder layers. ``vit-fine``: layers one by one, for debugging."""
        return [
            Policy(
                "vit",
                ("vit",),
                _COARSE + _FINE,
                "whole encoder layers, embeddings, norm and classifier; stays on the device",
                VERSIONS,
            ),
            Policy(
                "vit-fine",
                ("vit",),
                _FINE,
                "Linear, LayerNorm and attention one by one, for debugging",
                VERSIONS,
                priority=-10,
            ),
        ]


plugin = ViTPlugin()
