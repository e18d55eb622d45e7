"""A plugin whose kernels a mock chip refuses, or dies of; a policy for each trouble."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl
from symbiote_llama.kernels import TTNNDecoderLayer, TTNNGatedMLP
from symbiote_ttnn import TTNNLinear, ttnn
from symbiote_vit.kernels import TTNNViTSelfAttention

symbiote_api = "1"

VIT = "transformers.models.vit.modeling_vit"
LLAMA = "transformers.models.llama.modeling_llama"
GIB = 1024**3


class RowMajorLinear(TTNNLinear):
    """Forgets that ``ttnn.linear`` wants tiles."""

    def forward(self, input_tensor: Any) -> Any:
        row_major = ttnn.to_layout(input_tensor, ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.linear(row_major, self.tt_weight, bias=self.tt_bias, **self.launch)


class MaskedAttention(TTNNViTSelfAttention):
    """Gives a mask of one row, which torch would repeat and TTNN does not."""

    def move_weights_to_device_impl(self) -> None:
        super().move_weights_to_device_impl()
        self.attend["attn_mask"] = self.upload(torch.zeros(1, 1, 1, 32))


class HeavyLinear(TTNNLinear):
    """Wants 7 GiB of DRAM for its weights; a Wormhole has 12."""

    def move_weights_to_device_impl(self) -> None:
        super().move_weights_to_device_impl()
        self.tt_table = ttnn.empty(
            [7 * GIB // 2**16, 2**15], ttnn.bfloat16, ttnn.TILE_LAYOUT, self.device
        )


class DeadlyLinear(TTNNLinear):
    """Makes TTNN end the process: ``from_torch`` has no float64."""

    def forward(self, input_tensor: Any) -> Any:
        return ttnn.from_torch(torch.zeros(32, 32, dtype=torch.float64), layout=ttnn.TILE_LAYOUT)


class RowMajorMLP(TTNNGatedMLP):
    """Forgets that ``ttnn.linear`` wants tiles."""

    def forward(self, hidden_states: Any) -> Any:
        row_major = ttnn.to_layout(hidden_states, ttnn.ROW_MAJOR_LAYOUT)
        return ttnn.linear(row_major, self.tt_gate, **self.launch)


class RowMajorLayer(TTNNDecoderLayer):
    """Builds decoder layers with that MLP; `TTNNDecoderModel` takes no subclasses."""

    @classmethod
    def from_torch(cls, torch_layer: Any) -> TTNNDecoderLayer:
        module = TTNNDecoderLayer.from_torch(torch_layer)
        module.gated_mlp = RowMajorMLP.from_layers(module.gated_mlp.layers, torch_layer.mlp)
        return module


def policy(name: str, *rules: Rule, model_type: str = "vit") -> Policy:
    return Policy(name, (model_type,), rules, priority=-20)


@hookimpl
def symbiote_kernels() -> list[KernelSpec]:
    here = "symbiote_trouble_code"
    return [
        KernelSpec("RowMajorLinear", nn.Linear, f"{here}:RowMajorLinear", priority=-1),
        KernelSpec("HeavyLinear", nn.Linear, f"{here}:HeavyLinear", priority=-1),
        KernelSpec("DeadlyLinear", nn.Linear, f"{here}:DeadlyLinear", priority=-1),
        KernelSpec(
            "MaskedAttention", f"{VIT}.ViTAttention", f"{here}:MaskedAttention", priority=-1
        ),
        KernelSpec(
            "RowMajorLayer", f"{LLAMA}.LlamaDecoderLayer", f"{here}:RowMajorLayer", priority=-1
        ),
        KernelSpec("MaskedOld", f"{VIT}.ViTSelfAttention", f"{here}:MaskedAttention", priority=-1),
    ]


@hookimpl
def symbiote_policies() -> list[Policy]:
    norm = Rule(nn.LayerNorm, "TTNNLayerNorm")
    return [
        policy(
            "refused",
            Rule(f"{VIT}.ViTAttention", "MaskedAttention"),
            Rule(f"{VIT}.ViTSelfAttention", "MaskedOld"),
            Rule(nn.Linear, "RowMajorLinear"),
            norm,
        ),
        policy("heavy", Rule(nn.Linear, "HeavyLinear"), norm),
        policy("deadly", Rule(nn.Linear, "DeadlyLinear"), norm),
        policy(
            "broken-layer",
            Rule(f"{LLAMA}.LlamaModel", "TTNNDecoderModel.Llama"),
            Rule(f"{LLAMA}.LlamaDecoderLayer", "RowMajorLayer"),
            Rule(nn.Linear, "TTNNLinear"),
            Rule(f"{LLAMA}.LlamaRMSNorm", "TTNNRMSNorm.Llama"),
            Rule(nn.Embedding, "TTNNEmbedding"),
            model_type="llama",
        ),
    ]
