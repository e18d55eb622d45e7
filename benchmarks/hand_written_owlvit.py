"""An encoder layer of OWL-ViT by hand in TTNN: what the swapped layer is measured against."""

from __future__ import annotations

from typing import Any

import torch

QUICK_GELU = 1.702


class HandWrittenLayer:
    """Hidden states [B, S, D] to the same, on the device: ten operations.

    Weights are resident, arguments are made once, and nothing is checked: no module, no wrapper, no
    record of what happened.
    """

    def __init__(self, layer: Any, ttnn: Any, device: Any, is_causal: bool) -> None:
        def put(tensor: torch.Tensor) -> Any:
            return ttnn.from_torch(
                tensor.contiguous(), dtype=ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
            )

        attention, mlp = layer.self_attn, layer.mlp
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.ttnn, self.heads = ttnn, attention.num_heads
        self.before = put(layer.layer_norm1.weight), put(layer.layer_norm1.bias)
        self.after = put(layer.layer_norm2.weight), put(layer.layer_norm2.bias)
        self.qkv = put(torch.cat([part.weight for part in three]).t())
        self.qkv_bias = put(torch.cat([part.bias for part in three])[None])
        self.out, self.out_bias = (
            put(attention.out_proj.weight.t()),
            put(attention.out_proj.bias[None]),
        )
        # quick_gelu(x) is silu(1.702 x) / 1.702, and TTNN has silu in the program of a matmul.
        self.first = put(mlp.fc1.weight.t() * QUICK_GELU)
        self.first_bias = put(mlp.fc1.bias[None] * QUICK_GELU)
        self.second, self.second_bias = (
            put(mlp.fc2.weight.t() / QUICK_GELU),
            put(mlp.fc2.bias[None]),
        )
        compute = ttnn.init_device_compute_kernel_config(
            device.arch(),
            math_fidelity=ttnn.MathFidelity.HiFi4,
            math_approx_mode=False,
            fp32_dest_acc_en=True,
            packer_l1_acc=True,
        )
        self.normalise = {"epsilon": layer.layer_norm1.eps, "compute_kernel_config": compute}
        self.multiply = {"dtype": ttnn.bfloat16, "compute_kernel_config": compute}
        self.widen = {**self.multiply, "activation": "silu", "core_grid": device.core_grid}
        self.attend = {
            "is_causal": is_causal,
            "scale": attention.scale,
            "output_concat_heads": True,
            "compute_kernel_config": compute,
        }

    def __call__(self, x: Any) -> Any:
        """Run the layer."""
        ttnn, multiply, normalise = self.ttnn, self.multiply, self.normalise
        scale, shift = self.before
        y = ttnn.layer_norm(x, weight=scale, bias=shift, **normalise)
        y = ttnn.linear(y, self.qkv, bias=self.qkv_bias, **multiply)
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            y, num_heads=self.heads, transpose_key=False
        )
        y = ttnn.transformer.scaled_dot_product_attention(query, key, value, **self.attend)
        batch, _, length, width = y.shape
        y = ttnn.reshape(y, (batch, length, width))
        x = ttnn.add(ttnn.linear(y, self.out, bias=self.out_bias, **multiply), x)
        scale, shift = self.after
        y = ttnn.layer_norm(x, weight=scale, bias=shift, **normalise)
        y = ttnn.linear(y, self.first, bias=self.first_bias, **self.widen)
        return ttnn.add(ttnn.linear(y, self.second, bias=self.second_bias, **multiply), x)
