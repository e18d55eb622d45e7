"""SpeechT5's layers written by hand in TTNN: what the swapped ones are measured against."""

from __future__ import annotations

from typing import Any

import torch


class HandWritten:
    """What both layers have in common: weights resident, arguments made once, nothing checked."""

    def __init__(self, ttnn: Any, device: Any, epsilon: float) -> None:
        self.ttnn, self.device = ttnn, device
        compute = ttnn.init_device_compute_kernel_config(
            device.arch(),
            math_fidelity=ttnn.MathFidelity.HiFi4,
            math_approx_mode=False,
            fp32_dest_acc_en=True,
            packer_l1_acc=True,
        )
        self.compute = {"compute_kernel_config": compute}
        self.normalise = {"epsilon": epsilon, **self.compute}
        self.multiply = {"dtype": ttnn.bfloat16, **self.compute}
        self.widen = {**self.multiply, "activation": "gelu", "core_grid": device.core_grid}

    def put(self, tensor: torch.Tensor) -> Any:
        """A tensor on the device."""
        ttnn = self.ttnn
        return ttnn.from_torch(
            tensor.detach().contiguous(),
            dtype=ttnn.bfloat16,
            layout=ttnn.TILE_LAYOUT,
            device=self.device,
        )

    def matrix(self, *layers: Any, scale: float = 1.0) -> tuple[Any, Any]:
        """Linear layers side by side, the first scaled: matrix and bias."""
        scales = [scale, *[1.0] * (len(layers) - 1)]
        weight = torch.cat([x.weight * s for x, s in zip(layers, scales, strict=True)])
        bias = torch.cat([x.bias * s for x, s in zip(layers, scales, strict=True)])
        return self.put(weight.t()), self.put(bias[None])

    def norm(self, layer: Any) -> tuple[Any, Any]:
        """Scale and shift."""
        return self.put(layer.weight), self.put(layer.bias)

    def linear(self, x: Any, matrix: tuple[Any, Any]) -> Any:
        """One matmul."""
        return self.ttnn.linear(x, matrix[0], bias=matrix[1], **self.multiply)

    def add_norm(self, x: Any, residual: Any, norm: tuple[Any, Any]) -> Any:
        """Residual and norm in one."""
        return self.ttnn.layer_norm(
            x, residual_input_tensor=residual, weight=norm[0], bias=norm[1], **self.normalise
        )

    def feed(self, x: Any) -> Any:
        """The feed-forward network with its residual and norm."""
        weight, bias = self.first
        y = self.ttnn.linear(x, weight, bias=bias, **self.widen)
        return self.add_norm(self.linear(y, self.second), x, self.final)

    def take_feed(self, layer: Any) -> None:
        """The weights of the feed-forward network."""
        self.first = self.matrix(layer.feed_forward.intermediate_dense)
        self.second = self.matrix(layer.feed_forward.output_dense)
        self.final = self.norm(layer.final_layer_norm)


class HandWrittenEncoderLayer(HandWritten):
    """[1, S, D] → [1, S, D]: eleven operations."""

    def __init__(self, layer: Any, ttnn: Any, device: Any) -> None:
        super().__init__(ttnn, device, layer.layer_norm.eps)
        attention = layer.attention
        self.heads = attention.num_heads
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.qkv = self.matrix(*three, scale=attention.scaling)
        self.out = self.matrix(attention.out_proj)
        self.attended = self.norm(layer.layer_norm)
        self.take_feed(layer)
        self.attend = {
            "is_causal": False,
            "scale": 1.0,
            "output_concat_heads": True,
            **self.compute,
        }

    def __call__(self, x: Any, vectors: Any) -> Any:
        """Run it; ``vectors`` [S, head_size, S] are those of the distances."""
        ttnn = self.ttnn
        y = self.linear(x, self.qkv)
        query, key, value = ttnn.transformer.split_query_key_value_and_split_heads(
            y, num_heads=self.heads, transpose_key=False
        )
        _, heads, length, size = query.shape
        rows = ttnn.reshape(ttnn.permute(query, (2, 0, 1, 3)), (length, heads, size))
        scores = ttnn.matmul(rows, vectors, **self.compute)
        scores = ttnn.reshape(scores, (length, 1, heads, length))
        scores = ttnn.permute(scores, (1, 2, 0, 3))
        y = ttnn.transformer.scaled_dot_product_attention(
            query, key, value, attn_mask=scores, **self.attend
        )
        y = self.linear(ttnn.reshape(y, tuple(x.shape)), self.out)
        return self.feed(self.add_norm(y, x, self.attended))


class HandWrittenDecoderLayer(HandWritten):
    """[1, 1, B, D] → [1, 1, B, D], one token of each sequence: seventeen operations."""

    def __init__(self, layer: Any, ttnn: Any, device: Any, batch: int, capacity: int) -> None:
        super().__init__(ttnn, device, layer.final_layer_norm.eps)
        own, cross = layer.self_attn, layer.encoder_attn
        self.batch, self.heads, self.size = batch, own.num_heads, own.head_dim
        self.qkv = self.matrix(own.q_proj, own.k_proj, own.v_proj, scale=own.scaling)
        self.out = self.matrix(own.out_proj)
        self.attended = self.norm(layer.self_attn_layer_norm)
        self.query = self.matrix(cross.q_proj, scale=cross.scaling)
        self.cross_out = self.matrix(cross.out_proj)
        self.cross_attended = self.norm(layer.encoder_attn_layer_norm)
        self.take_feed(layer)
        empty = torch.zeros(batch, self.heads, capacity, self.size)
        self.keys, self.values = self.put(empty), self.put(empty)
        grid = device.core_grid
        program = ttnn.SDPAProgramConfig(
            compute_with_storage_grid_size=ttnn.CoreCoord(min(grid.x, 8), min(grid.y, 8)),
            q_chunk_size=0,
            k_chunk_size=0,
            exp_approx_mode=False,
        )
        self.attend = {"scale": 1.0, "program_config": program, **self.compute}

    def __call__(self, x: Any, at: Any, states: tuple[Any, Any], last: Any) -> Any:
        """Run it.

        Args:
            x: one token of each sequence.
            at: its place in the cache, [B].
            states: keys and values of the encoder's states, [B, heads, T, size] each.
            last: the place of each row's last state, [B].
        """
        ttnn = self.ttnn
        query, key, value = ttnn.experimental.nlp_create_qkv_heads_decode(
            self.linear(x, self.qkv), num_heads=self.heads, num_kv_heads=self.heads
        )
        update = ttnn.experimental.paged_update_cache
        update(self.keys, key, update_idxs_tensor=at)
        update(self.values, value, update_idxs_tensor=at)
        y = self.attended_to(query, self.keys, self.values, at)
        x = self.add_norm(self.linear(y, self.out), x, self.attended)
        query = ttnn.reshape(self.linear(x, self.query), (1, self.batch, self.heads, self.size))
        y = self.attended_to(query, *states, last)
        return self.feed(self.add_norm(self.linear(y, self.cross_out), x, self.cross_attended))

    def attended_to(self, query: Any, keys: Any, values: Any, last: Any) -> Any:
        """Attention of one token of each sequence, the heads merged."""
        out = self.ttnn.transformer.scaled_dot_product_attention_decode(
            query, keys, values, cur_pos_tensor=last, **self.attend
        )
        return self.ttnn.reshape(out, (1, 1, self.batch, self.heads * self.size))
