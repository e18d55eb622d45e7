"""Vision Transformers of Hugging Face transformers on TTNN."""

from symbiote_vit.kernels import (
    TTNNViTEmbeddings,
    TTNNViTLayer,
    TTNNViTPooler,
    TTNNViTSelfAttention,
)

__all__ = ["TTNNViTEmbeddings", "TTNNViTLayer", "TTNNViTPooler", "TTNNViTSelfAttention"]
