"""Attention on the device gives what torch's scaled dot product attention gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kernel_cases import seeded

from symbiote_core import TorchTTNNTensor, UnsupportedInputError, pcc, relative_rms
from symbiote_core.fallback import Activity
from symbiote_ttnn import HIDDEN, ttnn
from symbiote_ttnn.attend import attend

F = torch.nn.functional


def put(values: torch.Tensor, device: Any, dtype: Any = None) -> Any:
    return ttnn.from_torch(
        values, dtype=dtype or ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batch=st.integers(1, 3),
    kv_heads=st.integers(1, 3),
    groups=st.integers(1, 3),
    queries=st.integers(1, 40),
    keys=st.integers(1, 40),
    size=st.sampled_from([4, 16, 24, 32, 40, 64]),
    value_size=st.sampled_from([None, 8, 48]),
    hides=st.sampled_from(["nothing", "later", "some", "some of one"]),
    scale=st.sampled_from([None, 0.5]),
)
def test_any_sizes_masks_and_scales(
    emulator: Any,
    batch: int,
    kv_heads: int,
    groups: int,
    queries: int,
    keys: int,
    size: int,
    value_size: int | None,
    hides: str,
    scale: float | None,
) -> None:
    if hides == "later":
        queries = min(queries, keys)
    q = seeded(batch, kv_heads * groups, queries, size, seed=1).bfloat16().float()
    k = seeded(batch, kv_heads, keys, size, seed=2).bfloat16().float()
    v = seeded(batch, kv_heads, keys, value_size or size, seed=3).bfloat16().float()
    mask = None
    if hides.startswith("some"):
        hidden = seeded(batch if "one" not in hides else 1, 1, queries, keys, seed=4) > 0.5
        hidden[..., 0] = False
        mask = torch.zeros(hidden.shape).masked_fill(hidden, HIDDEN)
    causal = hides == "later"
    expected = F.scaled_dot_product_attention(
        q, k, v, mask, is_causal=causal, scale=scale, enable_gqa=True
    )
    out = attend(
        *(put(t, emulator) for t in (q, k, v)),
        None if mask is None else put(mask, emulator),
        causal,
        scale,
    )
    host = ttnn.to_torch(out).float()
    assert host.shape == expected.shape
    assert relative_rms(expected, host) < 0.01
    assert expected.numel() < 3 or pcc(expected, host) > 0.999


def test_float32_stays_float32_outside(emulator: Any) -> None:
    values = seeded(1, 2, 8, 32)
    out = attend(*[put(values, emulator, ttnn.float32)] * 3)
    assert out.dtype == ttnn.float32
    assert relative_rms(F.scaled_dot_product_attention(*[values] * 3), ttnn.to_torch(out)) < 0.01


def test_more_queries_than_keys_cannot_look_back(emulator: Any) -> None:
    few, many = put(seeded(1, 1, 3, 32), emulator), put(seeded(1, 1, 5, 32), emulator)
    with pytest.raises(UnsupportedInputError, match="5 queries look back at no more than 3 keys"):
        attend(many, few, few, is_causal=True)


MASKS = {
    "none": None,
    "causal": "causal",
    "booleans": seeded(2, 1, 6, 6) > -1,
    "a row": seeded(2, 1, 1, 6) > -1,
    "of two dimensions": seeded(6, 6) > -1,
    "numbers": seeded(1, 4, 6, 6),
    "minus infinity": torch.zeros(6, 6).masked_fill(torch.ones(6, 6).triu(1) > 0, -torch.inf),
}


@pytest.mark.parametrize("inference_mode", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_torch_code_that_attends_does_so_on_the_device(
    emulator: Any, name: str, inference_mode: bool
) -> None:
    mask: Any = MASKS[name]
    activity = Activity()
    values = seeded(2, 4, 6, 16).bfloat16().float()

    def attended(x: torch.Tensor) -> torch.Tensor:
        how = {"is_causal": True} if name == "causal" else {"attn_mask": mask}
        return F.scaled_dot_product_attention(x, x * 2, x, scale=0.3, **how)

    with torch.inference_mode(inference_mode):
        expected = attended(values)
        actual: Any = attended(TorchTTNNTensor(values, device=emulator, activity=activity))
    assert isinstance(actual, TorchTTNNTensor)
    assert actual.is_on_device
    assert activity.op_fallbacks == {}
    assert activity.downloads == 0
    assert relative_rms(expected, actual.to_torch) < 0.01


def test_dropout_is_left_to_torch(emulator: Any) -> None:
    activity = Activity()
    x = TorchTTNNTensor(seeded(1, 1, 4, 16), device=emulator, activity=activity)
    F.scaled_dot_product_attention(x, x, x, dropout_p=1.0)
    assert activity.op_fallbacks
