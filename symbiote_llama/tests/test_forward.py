"""A swapped language model computes what torch computes."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llama_models import assert_close, build, left_padded, prompt, steps_of
from transformers import DynamicCache

from symbiote_core import accelerate, apply, plan, report, set_device, set_run_mode

KINDS = ["llama", "mistral", "qwen2"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ["", "-fine"])
def test_logits_agree_with_torch(emulator: Any, kind: str, policy: str) -> None:
    model, ids = build(kind), prompt(2, 37)
    expected = model(ids).logits
    accelerate(model, emulator, policy=f"{kind}{policy}", strict=not policy)
    assert_close(expected, model(ids).logits)
    assert report(model).fallback_count == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"num_key_value_heads": 4},
        {"num_key_value_heads": 1},
        {"head_dim": 64},
        {"attention_bias": True, "mlp_bias": True},
        {"tie_word_embeddings": True},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_geometries_agree_with_torch(emulator: Any, changes: dict[str, Any]) -> None:
    model, ids = build(**changes), prompt(2, 9)
    expected = model(ids).logits
    accelerate(model, emulator, strict=True)
    assert_close(expected, model(ids).logits)


SCALINGS = [
    {"rope_type": "linear", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 2.0},
    {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    {"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64},
]


@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: scaling["rope_type"])
def test_every_scaling_of_positions_agrees_with_torch(
    emulator: Any, scaling: dict[str, Any]
) -> None:
    """A dynamic scaling changes its angles within the sequence."""
    known = 24 if scaling["rope_type"] == "dynamic" else 512
    told: dict[str, Any] = {"rope_parameters": scaling | {"rope_theta": 10000.0}}
    model, ids = build(max_position_embeddings=known, **told), prompt(1, 40)
    sizes = [20, *[1] * 20]
    expected = steps_of(model, ids, sizes, DynamicCache(config=model.config))
    accelerate(model, emulator, strict=True)
    actual = steps_of(model, ids, sizes, DynamicCache(config=model.config))
    assert_close(expected, actual)


def test_a_sliding_window_hides_what_is_behind_it(emulator: Any) -> None:
    model, ids = build("mistral", sliding_window=8), prompt(2, 40)
    sizes = [20, 9, *[1] * 11]
    expected = steps_of(model, ids, sizes, DynamicCache(config=model.config))
    accelerate(model, emulator, strict=True)
    assert_close(expected, steps_of(model, ids, sizes, DynamicCache(config=model.config)))
    changed = ids.clone()
    changed[:, 0] = 3
    last = model(ids).logits[:, -1]
    assert torch.equal(last, model(changed).logits[:, -1])  # two layers see 2 * 7 tokens back


def test_a_layer_of_qwen2_has_a_window_of_its_own(emulator: Any) -> None:
    model = build("qwen2", use_sliding_window=True, sliding_window=8, max_window_layers=1)
    ids, sizes = prompt(1, 30), [20, *[1] * 10]
    expected = steps_of(model, ids, sizes, DynamicCache(config=model.config))
    accelerate(model, emulator, strict=True)
    assert_close(expected, steps_of(model, ids, sizes, DynamicCache(config=model.config)))


@pytest.fixture(scope="module")
def swapped() -> Any:
    from symbiote_core import close_device, open_device

    device = open_device("emulator")
    model = build()
    with torch.no_grad():
        accelerate(model, device, strict=True)
    yield model
    close_device(device)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.sampled_from([1, 1, 1, 2, 5, 31, 32, 33]), min_size=1, max_size=6),
    batch=st.integers(1, 3),
)
def test_any_split_into_forwards_gives_the_same_logits(
    swapped: Any, sizes: list[int], batch: int
) -> None:
    with torch.no_grad():
        ids = prompt(batch, sum(sizes), seed=sum(sizes))
        whole = swapped(ids).logits
        cache = DynamicCache(config=swapped.config)
        assert_close(whole, steps_of(swapped, ids, sizes, cache))
        assert cache.get_seq_length() == sum(sizes)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4), positions=st.booleans())
def test_padding_does_not_leak(swapped: Any, lengths: list[int], positions: bool) -> None:
    """Each row is as if it were alone, wherever its padding stands and whatever is in it."""
    with torch.no_grad():
        ids, mask = left_padded(lengths, seed=sum(lengths))
        told = {"position_ids": (mask.cumsum(1) - 1).clamp(min=0)} if positions else {}
        cache = DynamicCache(config=swapped.config)
        logits = swapped(ids, attention_mask=mask, past_key_values=cache, **told).logits
        token = prompt(len(lengths), 1, seed=7)
        grown = torch.cat([mask, torch.ones_like(token)], dim=1)
        then = {"position_ids": mask.sum(1, keepdim=True)} if positions else {}
        after = swapped(token, attention_mask=grown, past_key_values=cache, **then).logits

        noise = torch.where(mask.bool(), ids, torch.randint_like(ids, 96))
        other = DynamicCache(config=swapped.config)
        same = swapped(noise, attention_mask=mask, past_key_values=other, **told).logits
        assert torch.equal(logits[mask.bool()], same[mask.bool()])
        same = swapped(token, attention_mask=grown, past_key_values=other, **then).logits
        assert torch.equal(after, same)

        for row, length in enumerate(lengths):
            alone = torch.cat([ids[row : row + 1, -length:], token[row : row + 1]], dim=1)
            expected = swapped(alone).logits
            assert_close(expected[:, :-1], logits[row : row + 1, -length:])
            assert_close(expected[:, -1:], after[row : row + 1])


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_the_batch_does_not_matter(swapped: Any, order: list[int]) -> None:
    with torch.no_grad():
        ids = prompt(4, 21)
        assert_close(swapped(ids).logits[order], swapped(ids[order]).logits, rms=0.01)


def test_right_padding_agrees_with_torch(emulator: Any) -> None:
    model = build()
    ids, mask = left_padded([5, 12, 9])
    ids, mask = ids.flip(1), mask.flip(1)
    expected = model(ids, attention_mask=mask).logits[mask.bool()]
    accelerate(model, emulator, strict=True)
    assert_close(expected, model(ids, attention_mask=mask).logits[mask.bool()])


def test_embeddings_may_be_passed_instead_of_ids(emulator: Any) -> None:
    model, ids = build(), prompt(2, 5)
    expected = model(ids).logits
    accelerate(model, emulator, strict=True)
    embedded = model.get_input_embeddings()(ids)
    assert_close(expected, model(inputs_embeds=embedded).logits)
    assert_close(expected, model(inputs_embeds=embedded.to_torch).logits)


def test_all_hidden_states_agree_with_torch(emulator: Any) -> None:
    model, ids = build(), prompt(2, 9)
    expected = model(ids, output_hidden_states=True).hidden_states
    accelerate(model, emulator, strict=True)
    actual = model(ids, output_hidden_states=True).hidden_states
    assert len(actual) == len(expected) == 3
    for want, got in zip(expected, actual, strict=True):
        assert_close(want, got)


def test_attention_weights_come_from_torch_and_visibly(emulator: Any) -> None:
    model, ids = build(), prompt(1, 9)
    model.set_attn_implementation("eager")
    expected = model(ids, output_attentions=True)
    accelerate(model, emulator)
    with pytest.warns(UserWarning, match="ran on torch instead"):
        actual = model(ids, output_attentions=True)
    assert_close(expected.attentions[0], actual.attentions[0])
    assert_close(expected.logits, actual.logits)
    assert report(model).fallback_count > 0


def test_logits_of_single_tokens_are_downloaded_once_each(emulator: Any) -> None:
    """Not in tiles of 32 rows, of which one is filled."""
    model, ids = build(), prompt(4, 6)
    expected = model(ids).logits[:, -1:]
    accelerate(model, emulator, strict=True)
    cache = DynamicCache(config=model.config)
    model(ids[:, :5], past_key_values=cache)
    before = report(model).traffic
    actual = model(ids[:, 5:], past_key_values=cache).logits
    after = report(model).traffic
    assert type(actual) is torch.Tensor
    assert_close(expected, actual)
    assert after.downloads - before.downloads == 1
    emulator.reset_counters()
    model(ids[:, 5:], past_key_values=cache)
    assert emulator.counters.downloads == 1


def test_a_prompt_of_one_token_for_each_sequence(emulator: Any) -> None:
    model, ids = build(), prompt(3, 1)
    expected = model(ids).logits
    accelerate(model, emulator, strict=True)
    assert_close(expected, model(ids).logits)


def test_a_model_that_is_put_on_a_device_by_hand_runs_there(emulator: Any) -> None:
    """Weights are converted at the first call then, and again after they were freed."""
    model, ids = build(), prompt(2, 9)
    expected = model(ids).logits
    apply(plan(model), model, strict=True)
    set_device(model, emulator)
    assert_close(expected, model(ids).logits)
    for module in (model.model, *model.model.layers):
        module.deallocate_weights()
    assert_close(expected, model(ids).logits)
    assert report(model).modules[0].calls == 2
    assert report(model).fallback_count == 0


def test_the_torch_mode_gives_what_torch_gives(emulator: Any) -> None:
    model, ids = build(), prompt(2, 9)
    expected = model(ids).logits
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "torch")
    assert torch.equal(model(ids).logits, expected)
    assert report(model).fallback_count == 0


def test_every_module_is_compared_with_torch(emulator: Any) -> None:
    """Without a cache: called by torch code, a layer takes none.

    In transformers 4, torch code passes a causal mask to several rows of tokens, in 5 none.
    """
    model, ids = build(), prompt(2, 9)
    expected = model(ids).logits
    accelerate(model, emulator, strict=True)
    set_run_mode(model, "compare")
    assert_close(expected, model(ids, use_cache=False).logits)
    compared = {m.paths: m.pcc for m in report(model).modules if m.kernel != "TTNNDecoderModel"}
    assert all(value is not None and value > 0.999 for value in compared.values()), compared


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.integers(1, 3),
    length=st.integers(1, 40),
    apart=st.booleans(),
    boolean=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_layer_that_torch_code_calls_sees_what_the_mask_shows(
    emulator: Any, rows: int, length: int, apart: bool, boolean: bool, seed: int
) -> None:
    model = build("mistral", sliding_window=4)  # the mask alone says what is seen
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, 1, length, length, generator=random) < 0.5
    mask |= torch.eye(length, dtype=torch.bool)
    hidden = torch.randn(rows, length, model.config.hidden_size, generator=random)
    first = torch.arange(rows).unsqueeze(1) * 7 if apart else torch.zeros(1, 1, dtype=torch.long)
    tables = model.model.rotary_emb(hidden, position_ids=first + torch.arange(length))
    if not boolean:
        mask = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)

    def called() -> torch.Tensor:
        out: torch.Tensor = model.model.layers[0](
            hidden, attention_mask=mask, position_embeddings=tables
        )
        return out

    expected = called()
    accelerate(model, emulator, strict=True)
    assert_close(expected, called())


def test_a_mask_of_torch_code_goes_up_once_for_all_layers(emulator: Any) -> None:
    model = build()
    mask = torch.ones(2, 1, 9, 9, dtype=torch.bool).tril()
    hidden = torch.randn(2, 9, model.config.hidden_size)
    tables = model.model.rotary_emb(hidden, position_ids=torch.arange(9).unsqueeze(0))
    accelerate(model, emulator, strict=True)
    counts = [report(model).traffic.uploads]
    for layer in model.model.layers:
        layer(hidden, attention_mask=mask, position_embeddings=tables)
        counts.append(report(model).traffic.uploads)
    uploads = [after - before for before, after in itertools.pairwise(counts)]
    assert uploads == [4, 3]  # hidden states, cosines, sines, and the first time the mask
