"""TTNN kernels for the modules of transformers' OWL-ViT."""

from symbiote_owlvit.kernels.attention import TTNNOwlViTAttention
from symbiote_owlvit.kernels.heads import (
    TTNNOwlViTBoxHead,
    TTNNOwlViTClassHead,
    TTNNOwlViTProjection,
)
from symbiote_owlvit.kernels.layer import TTNNOwlViTLayer
from symbiote_owlvit.kernels.model import TTNNOwlViTModel
from symbiote_owlvit.kernels.text import TTNNOwlViTText
from symbiote_owlvit.kernels.text_embeddings import TTNNOwlViTTextEmbeddings
from symbiote_owlvit.kernels.vision import TTNNOwlViTVision
from symbiote_owlvit.kernels.vision_embeddings import TTNNOwlViTVisionEmbeddings

__all__ = [
    "TTNNOwlViTAttention",
    "TTNNOwlViTBoxHead",
    "TTNNOwlViTClassHead",
    "TTNNOwlViTLayer",
    "TTNNOwlViTModel",
    "TTNNOwlViTProjection",
    "TTNNOwlViTText",
    "TTNNOwlViTTextEmbeddings",
    "TTNNOwlViTVision",
    "TTNNOwlViTVisionEmbeddings",
]
