"""TTNN kernels that stand for torch modules."""

from symbiote_ttnn.kernels.activation import (
    QUICK_GELU,
    TTNNGelu,
    TTNNQuickGelu,
    TTNNReLU,
    TTNNSilu,
    TTNNTanh,
    activation_name,
)
from symbiote_ttnn.kernels.attention import AttentionLayers, TTNNSelfAttention
from symbiote_ttnn.kernels.base import TTNNKernel, add_in_place
from symbiote_ttnn.kernels.conversion import tile, tile_transposed
from symbiote_ttnn.kernels.embedding import TTNNEmbedding
from symbiote_ttnn.kernels.image_tokens import TTNNImageTokens
from symbiote_ttnn.kernels.linear import (
    FUSED_ACTIVATIONS,
    TTNNLinear,
    TTNNLinearGelu,
    TTNNLinearLLama,
    TTNNLinearLLamaBFloat16,
    TTNNLinearRelu,
    TTNNLinearSilu,
    TTNNLinearTanh,
)
from symbiote_ttnn.kernels.normalization import TTNNLayerNorm, TTNNRMSNorm
from symbiote_ttnn.kernels.over_swapped import TTNNOverSwapped, called
from symbiote_ttnn.kernels.patch_embedding import (
    TTNNPatchEmbedding,
    cut_patches,
    patch_convolution_problem,
)

__all__ = [
    "FUSED_ACTIVATIONS",
    "QUICK_GELU",
    "AttentionLayers",
    "TTNNEmbedding",
    "TTNNGelu",
    "TTNNImageTokens",
    "TTNNKernel",
    "TTNNLayerNorm",
    "TTNNLinear",
    "TTNNLinearGelu",
    "TTNNLinearLLama",
    "TTNNLinearLLamaBFloat16",
    "TTNNLinearRelu",
    "TTNNLinearSilu",
    "TTNNLinearTanh",
    "TTNNOverSwapped",
    "TTNNPatchEmbedding",
    "TTNNQuickGelu",
    "TTNNRMSNorm",
    "TTNNReLU",
    "TTNNSelfAttention",
    "TTNNSilu",
    "TTNNTanh",
    "activation_name",
    "add_in_place",
    "called",
    "cut_patches",
    "patch_convolution_problem",
    "tile",
    "tile_transposed",
]
