"""Llama written by hand in TTNN: what a step of the swapped model is measured against."""

from __future__ import annotations

from typing import Any

import torch


class Layer:
    """The weights of a decoder layer on the device, and its keys and values."""

    def __init__(self, layer: Any, put: Any, cache: tuple[Any, Any]) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        self.norm_before = put(layer.input_layernorm.weight)
        self.norm_after = put(layer.post_attention_layernorm.weight)
        self.qkv = put(torch.cat([part.weight for part in three]).t(), matrix=True)
        self.out = put(attention.o_proj.weight.t(), matrix=True)
        self.gate = put(mlp.gate_proj.weight.t(), matrix=True)
        self.up = put(mlp.up_proj.weight.t(), matrix=True)
        self.down = put(mlp.down_proj.weight.t(), matrix=True)
        self.keys, self.values = cache


class HandWrittenLlama:
    """One token of each sequence in, logits [B, 1, V] out, both on the host.

    Weights and cache are resident, arguments are made once, an intermediate result is freed when
    its name is bound again, and nothing is checked: no module, no wrapper, no record of what
    happened. The caller counts the places.
    """

    def __init__(
        self, model: Any, ttnn: Any, device: Any, batch: int, capacity: int, weights: Any
    ) -> None:
        config, llama = model.config, model.model
        self.ttnn, self.device, self.batch = ttnn, device, batch
        self.heads, self.shared = config.num_attention_heads, config.num_key_value_heads
        self.size = config.head_dim

        def put(tensor: torch.Tensor, matrix: bool = False, layout: Any = None) -> Any:
            return ttnn.from_torch(
                tensor.contiguous(),
                dtype=weights if matrix else ttnn.bfloat16,
                layout=layout or ttnn.TILE_LAYOUT,
                device=device,
            )

        shape = (batch, self.shared, capacity, self.size)
        empty = torch.zeros(shape, dtype=torch.bfloat16)
        self.layers = [Layer(layer, put, (put(empty), put(empty))) for layer in llama.layers]
        rows = ttnn.ROW_MAJOR_LAYOUT
        self.table = put(llama.embed_tokens.weight, layout=rows)
        angles = llama.rotary_emb(torch.empty(0), position_ids=torch.arange(capacity)[None])
        self.cos, self.sin = (put(table[0], layout=rows) for table in angles)
        self.norm, self.head = put(llama.norm.weight), put(model.lm_head.weight.t(), matrix=True)
        compute = ttnn.init_device_compute_kernel_config(
            device.arch(),
            math_fidelity=ttnn.MathFidelity.HiFi4,
            math_approx_mode=False,
            fp32_dest_acc_en=True,
            packer_l1_acc=True,
        )
        self.normalise = {"epsilon": config.rms_norm_eps, "compute_kernel_config": compute}
        self.multiply = {"dtype": ttnn.bfloat16, "compute_kernel_config": compute}
        self.gated = {"input_tensor_a_activations": [ttnn.UnaryOpType.SILU]}
        grid = device.core_grid
        self.attend = {
            "scale": self.size**-0.5,
            "compute_kernel_config": compute,
            "program_config": ttnn.SDPAProgramConfig(
                compute_with_storage_grid_size=ttnn.CoreCoord(grid.x, grid.y),
                q_chunk_size=0,
                k_chunk_size=0,
                exp_approx_mode=False,
            ),
        }
        across, down = min(batch, grid.x), -(-batch // grid.x)
        cores = ttnn.CoreRange(ttnn.CoreCoord(0, 0), ttnn.CoreCoord(across - 1, down - 1))
        shard = ttnn.ShardSpec(
            ttnn.CoreRangeSet([cores]), [32, self.size], ttnn.ShardOrientation.ROW_MAJOR
        )
        self.sharded = ttnn.MemoryConfig(
            ttnn.TensorMemoryLayout.HEIGHT_SHARDED, ttnn.BufferType.L1, shard
        )
        self.upload = {"layout": rows, "device": device}

    def __call__(self, tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """One step.

        Args:
            tokens: [B, 1], the next token of each sequence.
            places: [B], where it goes: how many tokens stand before it.
        """
        ttnn = self.ttnn
        ids = ttnn.from_torch(tokens.reshape(1, -1), dtype=ttnn.uint32, **self.upload)
        at = ttnn.from_torch(places.int(), dtype=ttnn.int32, **self.upload)
        positions = ttnn.reshape(ttnn.typecast(at, ttnn.uint32), (1, self.batch))
        cos, sin = self.angles(self.cos, positions), self.angles(self.sin, positions)
        x = ttnn.embedding(ids, self.table, layout=ttnn.TILE_LAYOUT)
        x = ttnn.reshape(x, (1, 1, self.batch, x.shape[-1]))
        for layer in self.layers:
            x = self.run(layer, x, cos, sin, at)
        x = ttnn.rms_norm(x, weight=self.norm, **self.normalise)
        x = ttnn.linear(x, self.head, **self.multiply)
        return ttnn.to_torch(x).float().reshape(self.batch, 1, -1)

    def angles(self, table: Any, positions: Any) -> Any:
        """Rows of a table, [1, B, 1, size], a core for each sequence."""
        ttnn = self.ttnn
        rows = ttnn.reshape(ttnn.embedding(positions, table), (1, self.batch, 1, self.size))
        return ttnn.to_memory_config(ttnn.to_layout(rows, ttnn.TILE_LAYOUT), self.sharded)

    def run(self, layer: Layer, x: Any, cos: Any, sin: Any, at: Any) -> Any:
        """One decoder layer: seventeen operations."""
        ttnn, multiply, normalise = self.ttnn, self.multiply, self.normalise
        special = ttnn.experimental
        y = ttnn.rms_norm(x, weight=layer.norm_before, **normalise)
        y = ttnn.linear(y, layer.qkv, **multiply)
        query, key, value = special.nlp_create_qkv_heads_decode(
            y, num_heads=self.heads, num_kv_heads=self.shared
        )
        query = special.rotary_embedding_hf(query, cos, sin, is_decode_mode=True)
        key = special.rotary_embedding_hf(key, cos, sin, is_decode_mode=True)
        special.paged_update_cache(layer.keys, key, update_idxs_tensor=at)
        special.paged_update_cache(layer.values, value, update_idxs_tensor=at)
        y = ttnn.transformer.scaled_dot_product_attention_decode(
            query, layer.keys, layer.values, cur_pos_tensor=at, **self.attend
        )
        y = ttnn.reshape(y, (1, 1, self.batch, self.heads * self.size))
        x = ttnn.add(ttnn.linear(y, layer.out, **multiply), x)
        y = ttnn.rms_norm(x, weight=layer.norm_after, **normalise)
        gate, up = ttnn.linear(y, layer.gate, **multiply), ttnn.linear(y, layer.up, **multiply)
        y = ttnn.multiply(gate, up, **self.gated)
        return ttnn.add(ttnn.linear(y, layer.down, **multiply), x)
