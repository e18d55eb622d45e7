"""OWL-ViT, open-vocabulary detection, of Hugging Face transformers on TTNN."""

from symbiote_owlvit.kernels import (
    TTNNOwlViTAttention,
    TTNNOwlViTBoxHead,
    TTNNOwlViTClassHead,
    TTNNOwlViTLayer,
    TTNNOwlViTProjection,
    TTNNOwlViTTextEmbeddings,
    TTNNOwlViTVisionEmbeddings,
)

__all__ = [
    "TTNNOwlViTAttention",
    "TTNNOwlViTBoxHead",
    "TTNNOwlViTClassHead",
    "TTNNOwlViTLayer",
    "TTNNOwlViTProjection",
    "TTNNOwlViTTextEmbeddings",
    "TTNNOwlViTVisionEmbeddings",
]
