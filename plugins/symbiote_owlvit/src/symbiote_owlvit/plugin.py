"""The plugin ``owlvit``: kernels and two policies for transformers' OWL-ViT."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl

_OWLVIT = "transformers.models.owlvit.modeling_owlvit"
_QUICK_GELU = "transformers.activations.QuickGELUActivation"
_KERNELS = "symbiote_owlvit.kernels"

MODEL_TYPES = ("owlvit", "owlvit_text_model", "owlvit_vision_model")
"""The model types of the whole and of towers by themselves."""

VERSIONS = (("transformers", (4, 57), (6, 0)),)
"""The versions of transformers whose OWL-ViT these kernels know."""

_PROJECTION = KernelSpec("TTNNOwlViTProjection", nn.Linear, f"{_KERNELS}:TTNNOwlViTProjection")
"""For projections in the model itself alone: those below a detector stay on the device."""

_FINE = (
    Rule(f"{_OWLVIT}.OwlViTAttention", "TTNNOwlViTAttention"),
    Rule(_QUICK_GELU, "TTNNQuickGelu"),
    Rule(nn.Linear, "TTNNLinear"),
    Rule(nn.LayerNorm, "TTNNLayerNorm"),
    Rule(nn.Embedding, "TTNNEmbedding", paths=("*token_embedding",)),
    Rule(nn.GELU, "TTNNGelu"),
)

_COARSE = (
    Rule(f"{_OWLVIT}.OwlViTModel", "TTNNOwlViTModel"),
    Rule(f"{_OWLVIT}.OwlViTTextTransformer", "TTNNOwlViTText"),
    Rule(f"{_OWLVIT}.OwlViTVisionTransformer", "TTNNOwlViTVision"),
    Rule(f"{_OWLVIT}.OwlViTTextEmbeddings", "TTNNOwlViTTextEmbeddings"),
    Rule(f"{_OWLVIT}.OwlViTVisionEmbeddings", "TTNNOwlViTVisionEmbeddings"),
    Rule(f"{_OWLVIT}.OwlViTEncoderLayer", "TTNNOwlViTLayer"),
    Rule(f"{_OWLVIT}.OwlViTClassPredictionHead", "TTNNOwlViTClassHead"),
    Rule(f"{_OWLVIT}.OwlViTBoxPredictionHead", "TTNNOwlViTBoxHead"),
    Rule(nn.Linear, _PROJECTION, paths=("text_projection", "visual_projection")),
)


class OwlViTPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for OWL-ViT's modules."""
        targets = {
            "TTNNOwlViTAttention": "OwlViTAttention",
            "TTNNOwlViTBoxHead": "OwlViTBoxPredictionHead",
            "TTNNOwlViTClassHead": "OwlViTClassPredictionHead",
            "TTNNOwlViTLayer": "OwlViTEncoderLayer",
            "TTNNOwlViTModel": "OwlViTModel",
            "TTNNOwlViTText": "OwlViTTextTransformer",
            "TTNNOwlViTTextEmbeddings": "OwlViTTextEmbeddings",
            "TTNNOwlViTVision": "OwlViTVisionTransformer",
            "TTNNOwlViTVisionEmbeddings": "OwlViTVisionEmbeddings",
        }
        return [
            KernelSpec(name, f"{_OWLVIT}.{target}", f"{_KERNELS}:{name}")
            for name, target in targets.items()
        ]

    @hookimpl
    def symbiote_policies(self) -> list[Policy]:
        """``owlvit``: whole encoder layers. ``owlvit-fine``: layers one by one, for debugging."""
        return [
            Policy(
                "owlvit",
                MODEL_TYPES,
                _COARSE + _FINE,
                "whole towers and heads; torch adds the box bias and takes the boxes' sigmoid",
                VERSIONS,
            ),
            Policy(
                "owlvit-fine",
                MODEL_TYPES,
                _FINE,
                "Linear, LayerNorm, Embedding, activations and attention one by one, for debugging",
                VERSIONS,
                priority=-10,
            ),
        ]


plugin = OwlViTPlugin()
