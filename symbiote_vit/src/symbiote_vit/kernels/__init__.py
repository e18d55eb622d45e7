"""TTNN kernels for the modules of transformers' ViT."""

from symbiote_vit.kernels.attention import TTNNViTSelfAttention
from symbiote_vit.kernels.embeddings import TTNNViTEmbeddings
from symbiote_vit.kernels.layer import TTNNViTLayer
from symbiote_vit.kernels.model import TTNNViTModel
from symbiote_vit.kernels.pooler import TTNNViTPooler

__all__ = [
    "TTNNViTEmbeddings",
    "TTNNViTLayer",
    "TTNNViTModel",
    "TTNNViTPooler",
    "TTNNViTSelfAttention",
]
