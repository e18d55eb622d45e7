"""TTNN kernels for the modules of transformers' Llama, Mistral and Qwen2."""

from symbiote_llama.kernels.attention import TTNNGroupedAttention
from symbiote_llama.kernels.head import TTNNLanguageModelHead
from symbiote_llama.kernels.layer import TTNNDecoderLayer
from symbiote_llama.kernels.mlp import TTNNGatedMLP
from symbiote_llama.kernels.model import TTNNDecoderModel

__all__ = [
    "TTNNDecoderLayer",
    "TTNNDecoderModel",
    "TTNNGatedMLP",
    "TTNNGroupedAttention",
    "TTNNLanguageModelHead",
]
