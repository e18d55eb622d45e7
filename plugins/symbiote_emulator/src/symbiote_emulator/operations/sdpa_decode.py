"""Attention of a decode step."""

from __future__ import annotations

from collections.abc import Sequence

from symbiote_emulator.errors import NotImitated, OperationRefused, WrongInTTNN
from symbiote_emulator.operations._cache import require_unsigned
from symbiote_emulator.operations._common import emit, require_device
from symbiote_emulator.operations._sdpa_decode import (
    attend_decode,
    check_mask,
    check_output,
    check_shapes,
    check_tensors,
    check_work,
    last_keys,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    DRAM_MEMORY_CONFIG,
    Layout,
    MemoryConfig,
    SDPAProgramConfig,
    WormholeComputeKernelConfig,
)


@operation("ttnn.transformer.scaled_dot_product_attention_decode")
def scaled_dot_product_attention_decode(
    input_tensor_q: Tensor,
    input_tensor_k: Tensor,
    input_tensor_v: Tensor,
    *,
    is_causal: bool = True,
    attn_mask: Tensor | None = None,
    cur_pos: Sequence[int] = (),
    cur_pos_tensor: Tensor | None = None,
    attention_sink: Tensor | None = None,
    scale: float | None = None,
    sliding_window_size: int | None = None,
    memory_config: MemoryConfig | None = None,
    program_config: SDPAProgramConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
    share_cache: bool | None = None,
) -> Tensor:
    """``softmax(scale * q @ k^T + mask) @ v`` of one token of each user, rounded once.

    Args:
        input_tensor_q: [1, B, heads, size] tiles in DRAM or sharded by height; BFLOAT16, or with
            one head of keys a block float.
        input_tensor_k: [B, kv_heads, L, size] tiles in DRAM, BFLOAT16 or a block float; L is a
            multiple of 32, ``heads`` one of ``kv_heads``.
        input_tensor_v: as the keys.
        is_causal: each user attends to the keys up to its position; otherwise to all.
        attn_mask: [1 or B, 1, heads, L] added to the scores; not with ``is_causal``.
        cur_pos: of each user, the position of its token, the last key that it sees; or else
        cur_pos_tensor: the same, INT32 or UINT32 [B]; -1 leaves a user out and gives it zeros.
        attention_sink: not emulated.
        scale: 1 / sqrt(size) if left out.
        sliding_window_size: how many keys a user sees at most, that of its token included.
        memory_config: output memory, DRAM if left out.
        program_config: cores and chunks; on a Blackhole, few heads need one.
        compute_kernel_config: accepted.
        share_cache: not emulated.

    Raises:
        OperationRefused: what TTNN refuses.
        NotImitated: what it takes and is not emulated.
        WrongInTTNN: positions past the cache, all keys of a cache that ends within a tile.
        WouldCrash: the query is on the host or deallocated, or there is nothing to attend.
    """
    del compute_kernel_config
    require_unsigned(sliding_window_size, *cur_pos)
    q, k, v = input_tensor_q, input_tensor_k, input_tensor_v
    device = check_tensors(q, k, v, attn_mask)
    for tensor in (cur_pos_tensor, attention_sink):
        if tensor is not None:
            require_device(tensor)
    if attention_sink is not None or share_cache:
        raise NotImitated("An attention sink, or a shared cache.", "Leave them out.")
    check_shapes(q, k, v)
    check_work(q, k, program_config, device)
    batch, _, length, _ = k.spec.shape
    if is_causal:
        if attn_mask is not None:
            raise OperationRefused(
                "attn_mask must not be provided when is_causal=True. Pass is_causal=False to use "
                "an explicit mask.",
                "Leave one of them out.",
            )
        last = last_keys(cur_pos, cur_pos_tensor, k)
    else:
        if cur_pos or cur_pos_tensor is not None:
            last_keys(cur_pos, cur_pos_tensor, k)
        _check_all_keys(k, sliding_window_size)
        last = [length - 1] * batch
    if attn_mask is not None:
        check_mask(attn_mask, q, k)
    check_output(memory_config, q, k.spec.shape[1])
    return emit(
        attend_decode(q, k, v, last, attn_mask, scale, sliding_window_size),
        device,
        dtype=q.dtype,
        layout=Layout.TILE,
        memory_config=memory_config or DRAM_MEMORY_CONFIG,
    )


def _check_all_keys(k: Tensor, window: int | None) -> None:
    if window:
        raise NotImitated("A sliding window that is not causal.", "Put the window into attn_mask.")
    if k.spec.shape[2] != k.spec.padded_shape[2]:
        raise WrongInTTNN(
            f"All of {k.spec.shape[2]} keys, which end within a tile: TTNN attends to the padding.",
            "Make the length of the cache a multiple of 32.",
        )
