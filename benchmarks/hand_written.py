"""ViT-base written by hand in TTNN: what the swapped model is measured against."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import ViTForImageClassification


class Layer:
    """The weights of an encoder layer on the device."""

    def __init__(self, layer: Any, put: Any) -> None:
        attention, mlp = layer.attention, layer.mlp
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.norm_before = put(layer.layernorm_before.weight), put(layer.layernorm_before.bias)
        self.norm_after = put(layer.layernorm_after.weight), put(layer.layernorm_after.bias)
        self.qkv = put(torch.cat([part.weight for part in three]).t())
        self.qkv_bias = put(torch.cat([part.bias for part in three])[None])
        self.out, self.out_bias = put(attention.o_proj.weight.t()), put(attention.o_proj.bias[None])
        self.first, self.first_bias = put(mlp.fc1.weight.t()), put(mlp.fc1.bias[None])
        self.second, self.second_bias = put(mlp.fc2.weight.t()), put(mlp.fc2.bias[None])


class HandWrittenViT:
    """Pixels [B, 3, H, W] in, logits [B, L] out, both on the host.

    Weights are resident, arguments are made once, an intermediate result is freed when its name is
    bound again, and nothing is checked: no module, no wrapper, no record of what happened.
    """

    def __init__(self, model: ViTForImageClassification, ttnn: Any, device: Any) -> None:
        config, vit = model.config, model.vit

        def put(tensor: torch.Tensor) -> Any:
            return ttnn.from_torch(
                tensor.contiguous(), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )

        self.ttnn, self.device = ttnn, device
        self.patch, self.heads = config.patch_size, config.num_attention_heads
        projection = vit.embeddings.patch_embeddings.projection
        table = vit.embeddings.position_embeddings + projection.bias
        table[:, :1] = vit.embeddings.position_embeddings[:, :1] + vit.embeddings.cls_token
        self.projection, self.table = put(projection.weight.flatten(1).t()), put(table)
        self.layers = [Layer(layer, put) for layer in vit.layers]
        self.norm = put(vit.layernorm.weight), put(vit.layernorm.bias)
        self.classifier = put(model.classifier.weight.t()), put(model.classifier.bias[None])
        self.upload = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": device}
        compute = ttnn.init_device_compute_kernel_config(
            device.arch(),
            math_fidelity=ttnn.MathFidelity.HiFi4,
            math_approx_mode=False,
            fp32_dest_acc_en=True,
            packer_l1_acc=True,
        )
        self.normalise = {"epsilon": config.layer_norm_eps, "compute_kernel_config": compute}
        self.multiply = {"dtype": ttnn.bfloat16, "compute_kernel_config": compute}
        # The grid makes TTNN compute the activation in the program of the matmul.
        self.widen = {**self.multiply, "activation": "gelu", "core_grid": device.core_grid}
        self.attend = {
            "is_causal": False,
            "scale": (config.hidden_size // config.num_attention_heads) ** -0.5,
            "output_concat_heads": True,
            "compute_kernel_config": compute,
        }

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """One forward."""
        ttnn, multiply = self.ttnn, self.multiply
        x = ttnn.from_torch(self.rows(pixels), **self.upload)
        x = ttnn.add(ttnn.linear(x, self.projection, **multiply), self.table)
        for layer in self.layers:
            x = self.run(layer, x)
        x = ttnn.layer_norm(x, weight=self.norm[0], bias=self.norm[1], **self.normalise)
        batch, _, width = x.shape
        x = ttnn.reshape(ttnn.slice(x, [0, 0, 0], [batch, 1, width]), (batch, width))
        x = ttnn.linear(x, self.classifier[0], bias=self.classifier[1], **multiply)
        return ttnn.to_torch(x).float()

    def rows(self, pixels: torch.Tensor) -> torch.Tensor:
        """Patches [B, 1 + N, 3 * patch * patch], the first row empty for the class token."""
        batch, channels, height, width = pixels.shape
        patch = self.patch
        down, across = height // patch, width // patch
        # torch rounds to bfloat16 as TTNN does, and faster.
        cut = pixels.bfloat16().reshape(batch, channels, down, patch, across, patch)
        cut = cut.permute(0, 2, 4, 1, 3, 5).reshape(batch, down * across, channels * patch * patch)
        return nn.functional.pad(cut, (0, 0, 1, 0))

    def run(self, layer: Layer, x: Any) -> Any:
        """One encoder layer: ten operations."""
        ttnn, multiply, normalise = self.ttnn, self.multiply, self.normalise
        scale, shift = layer.norm_before
        y = ttnn.layer_norm(x, weight=scale, bias=shift, **normalise)
        y = ttnn.linear(y, layer.qkv, bias=layer.qkv_bias, **multiply)
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            y, num_heads=self.heads, transpose_key=False
        )
        y = ttnn.transformer.scaled_dot_product_attention(query, key, value, **self.attend)
        batch, _, length, width = y.shape
        y = ttnn.reshape(y, (batch, length, width))
        y = ttnn.linear(y, layer.out, bias=layer.out_bias, **multiply)
        x = ttnn.add(y, x)
        scale, shift = layer.norm_after
        y = ttnn.layer_norm(x, weight=scale, bias=shift, **normalise)
        y = ttnn.linear(y, layer.first, bias=layer.first_bias, **self.widen)
        y = ttnn.linear(y, layer.second, bias=layer.second_bias, **multiply)
        return ttnn.add(y, x)
