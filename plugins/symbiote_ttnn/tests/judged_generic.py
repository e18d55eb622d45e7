"""The kernels of the generic policy with the torch modules that they meet in BERT, GPT-2 and Gemma.

The programs that run on a mock chip, and the tests that know what to expect, share this table.
"""

from __future__ import annotations

import torch
from judged_kernels import BINARY, MATMUL, NORM, UNARY, Case, Geometry
from torch import nn
from transformers import BertConfig, GemmaConfig, GPT2Config
from transformers.models.bert.modeling_bert import (
    BertIntermediate,
    BertOutput,
    BertPredictionHeadTransform,
)
from transformers.models.gemma.modeling_gemma import GemmaMLP, GemmaRMSNorm
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.pytorch_utils import Conv1D

from symbiote_ttnn.generic import (
    TTNNMLP,
    TTNNActivatedLinear,
    TTNNConv1D,
    TTNNGatedMLP,
    TTNNLinearAddNorm,
    TTNNOffsetRMSNorm,
)


def _bert(g: Geometry) -> BertConfig:
    return BertConfig(hidden_size=g.width, intermediate_size=g.mlp)


def _gpt2(g: Geometry, activation: str) -> nn.Module:
    config = GPT2Config(n_embd=g.width, activation_function=activation, resid_pdrop=0.0)
    return GPT2MLP(g.mlp, config).eval()


def _gemma(g: Geometry, activation: str) -> nn.Module:
    config = GemmaConfig(hidden_size=g.width, intermediate_size=g.mlp, hidden_act=activation)
    config.hidden_activation = activation
    return GemmaMLP(config)


def _pair(g: Geometry) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(g.batch, g.tokens, g.mlp), torch.randn(g.batch, g.tokens, g.width)


CASES = {
    "TTNNConv1D": Case(TTNNConv1D, lambda g: Conv1D(g.mlp, g.width), (MATMUL,)),
    "TTNNOffsetRMSNorm": Case(TTNNOffsetRMSNorm, lambda g: GemmaRMSNorm(g.width), (NORM,)),
    "TTNNMLP": Case(TTNNMLP, lambda g: _gpt2(g, "gelu"), (MATMUL, MATMUL)),
    "TTNNMLP, gelu_new": Case(TTNNMLP, lambda g: _gpt2(g, "gelu_new"), (MATMUL, UNARY, MATMUL)),
    "TTNNGatedMLP": Case(
        TTNNGatedMLP, lambda g: _gemma(g, "silu"), (MATMUL, MATMUL, BINARY, MATMUL)
    ),
    "TTNNGatedMLP, tanh gelu": Case(
        TTNNGatedMLP,
        lambda g: _gemma(g, "gelu_pytorch_tanh"),
        (MATMUL, UNARY, MATMUL, BINARY, MATMUL),
    ),
    "TTNNActivatedLinear": Case(
        TTNNActivatedLinear, lambda g: BertIntermediate(_bert(g)), (MATMUL,)
    ),
    "TTNNActivatedLinear, normed": Case(
        TTNNActivatedLinear, lambda g: BertPredictionHeadTransform(_bert(g)), (MATMUL, NORM)
    ),
    "TTNNLinearAddNorm": Case(
        TTNNLinearAddNorm, lambda g: BertOutput(_bert(g)).eval(), (MATMUL, NORM), _pair
    ),
}
