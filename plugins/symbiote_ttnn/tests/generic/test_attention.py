"""Attention of models that ask transformers' AttentionInterface, and of those that don't."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pytest
import torch
from generic_models import MODELS, assert_near, build, ids, outputs, padding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from symbiote_core import (
    FallbackWarning,
    TTNNExecutionError,
    accelerate,
    pcc,
    plan,
    relative_rms,
    report,
    restore,
)
from symbiote_ttnn.generic import attention, interface
from symbiote_ttnn.generic.attention import TTNNInterfaceAttention
from symbiote_ttnn.generic.masks import _MASKS

KERNEL = "TTNNInterfaceAttention"


def attentions(model: nn.Module) -> dict[str, nn.Module]:
    return {path: m for path, m in model.named_modules() if interface.is_attention(m)}


def last_hidden(model: Any, **inputs: Any) -> torch.Tensor:
    states: torch.Tensor = model(**inputs)[0]
    return states


@pytest.mark.parametrize("name", MODELS)
def test_every_attention_is_replaced_or_told_with_the_reason(name: str) -> None:
    model = build(name)
    made = plan(model)
    replaced = {r.path for r in made.replacements if r.kernel.name == KERNEL}
    kept = {k.path: k.reason for k in made.kept}
    found = attentions(model)
    assert found
    for path, module in found.items():
        if interface.interface_of(type(module)) is None:
            assert kept[path] == (
                f"{KERNEL}: its forward does not ask transformers' AttentionInterface for its "
                "attention"
            )
            # What is in it is replaced all the same.
            assert any(r.path.startswith(f"{path}.") for r in made.replacements)
        else:
            assert path in replaced


def test_masks_are_brought_up_once_and_freed_with_the_mask(emulator: Any) -> None:
    model = build("gpt2")
    accelerate(model, emulator)
    inputs = MODELS["gpt2"].inputs()
    model(**inputs)
    told = report(model).traffic
    assert told.uploads == 3  # ids, positions and the mask, for two layers
    assert told.downloads == 1
    assert not _MASKS


def test_a_mask_of_the_user_is_freed_with_the_swap(emulator: Any) -> None:
    model = build("gpt2")
    mask = torch.zeros(1, 1, 6, 6).masked_fill(torch.ones(6, 6).triu(1) > 0, -1e4)
    expected = last_hidden(model, input_ids=ids(2, 6), attention_mask=mask)
    accelerate(model, emulator)
    for _ in range(2):
        assert_near(expected, last_hidden(model, input_ids=ids(2, 6), attention_mask=mask), 0.03)
    mask[..., 1:, 0] = -1e4  # written to: what the device holds is no longer it
    changed = last_hidden(model, input_ids=ids(2, 6), attention_mask=mask)
    assert relative_rms(expected, changed) > 0.05
    assert _MASKS
    restore(model)
    assert not any(made for _, made in _MASKS.values())
    assert_near(last_hidden(model, input_ids=ids(2, 6), attention_mask=mask), changed, 0.03)


@pytest.mark.parametrize("name", ["gpt2", "gemma", "opt"])
def test_queries_that_see_nothing_get_what_torch_gives_them(emulator: Any, name: str) -> None:
    model = build(name)
    inputs = {"input_ids": ids(), "attention_mask": padding(left=True)}
    expected = last_hidden(model, **inputs)
    accelerate(model, emulator)
    assert_near(expected, last_hidden(model, **inputs), 0.03)
    assert report(model).fallback_count == 0


@pytest.mark.parametrize("name", MODELS)
def test_models_that_attend_eagerly(emulator: Any, name: str) -> None:
    model = build(name, _attn_implementation="eager")
    inputs = MODELS[name].inputs()
    expected = dict(outputs(model, inputs))
    told = accelerate(model, emulator)
    counted = sum(m.kernel == KERNEL for m in told.modules)
    assert counted + sum(KERNEL in kept.reason for kept in told.kept) == len(attentions(model))
    for key, value in outputs(model, inputs):
        assert_near(expected[key], value, MODELS[name].rms)
    assert report(model).fallback_count == 0
    assert model.config._attn_implementation == "eager"


def test_attention_weights_are_torchs_visibly(emulator: Any) -> None:
    model = build("gpt2", _attn_implementation="eager")
    inputs = MODELS["gpt2"].inputs()
    expected = model(**inputs, output_attentions=True).attentions
    accelerate(model, emulator)
    replaced = [m for m in report(model).modules if m.kernel == KERNEL]
    for _ in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FallbackWarning)
            actual = model(**inputs, output_attentions=True).attentions
    assert len(actual) == len(expected) == 2
    for want, got in zip(expected, actual, strict=True):
        assert_near(want, got, 0.05)
    told = report(model)
    if replaced:  # 4.57's eager attention of GPT-2 masks by itself and is not replaced
        assert told.fallback_count == 8
        assert "attention" in told.fallbacks[0].cause.message
    before = told.fallback_count
    model(**inputs)
    assert report(model).fallback_count == before


def fail(*_: Any, **__: Any) -> Any:
    raise RuntimeError("TT_FATAL: no such attention")


def test_what_the_device_refuses_runs_on_torch_visibly(
    emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("deit")
    inputs = MODELS["deit"].inputs()
    expected = model(**inputs).logits
    accelerate(model, emulator)
    monkeypatch.setattr(attention, "attend", fail)
    with pytest.warns(FallbackWarning, match=r"TTNNInterfaceAttention .* no such attention"):
        actual = model(**inputs).logits
    assert_near(expected, actual, 0.03)
    assert report(model).fallback_count == 2
    for _ in range(3):  # and stays there, as everything does that failed three times
        model(**inputs)
    assert report(model).fallback_count == 8
    assert {m.calls for m in report(model).modules if m.kernel == KERNEL} == {3}


def test_strictly_nothing_runs_on_torch(emulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("deit")
    accelerate(model, emulator, strict=True)
    model(**MODELS["deit"].inputs())
    monkeypatch.setattr(attention, "attend", fail)
    with pytest.raises(TTNNExecutionError, match="no such attention"):
        model(**MODELS["deit"].inputs())


def test_model_and_configuration_are_those_of_before(emulator: Any) -> None:
    model = build("gpt2")
    before = {path: dict(m.__dict__) for path, m in attentions(model).items()}
    configured = model.config.to_dict()
    accelerate(model, emulator)
    model(**MODELS["gpt2"].inputs())
    assert model.config.to_dict() == configured
    assert model.config._attn_implementation == "sdpa"
    restore(model)
    for path, module in attentions(model).items():
        assert module.__dict__ == before[path]


def test_projections_that_stay_on_torch(emulator: Any) -> None:
    model = build("gpt2")
    inputs = MODELS["gpt2"].inputs()
    expected = model(**inputs).logits
    accelerate(model, emulator, exclude="*.c_attn")
    assert_near(expected, model(**inputs).logits, 0.03)
    told = report(model)
    assert told.fallback_count == 0
    assert sum(m.calls for m in told.modules if m.kernel == KERNEL) == 2


def test_an_excluded_attention_stays(emulator: Any) -> None:
    model = build("gpt2")
    made = plan(model, exclude="transformer.h.0.attn")
    paths = [r.path for r in made.replacements if r.kernel.name == KERNEL]
    assert paths == ["transformer.h.1.attn"]
    assert not any(r.path.startswith("transformer.h.0.attn") for r in made.replacements)


def test_a_copy_of_a_swapped_model_runs(emulator: Any) -> None:
    model = build("gpt2")
    inputs = MODELS["gpt2"].inputs()
    accelerate(model, emulator)
    expected = model(**inputs).logits
    other = copy.deepcopy(model)
    restore(model)
    assert torch.equal(other(**inputs).logits, expected)


def test_gradients_and_training_are_torchs(emulator: Any) -> None:
    model = build("gpt2")
    inputs = MODELS["gpt2"].inputs()
    accelerate(model, emulator)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    with torch.enable_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        model(**inputs).logits.sum().backward()
    assert model.transformer.wte.weight.grad is not None


class Odd(nn.Module):
    """An attention whose forward asks the interface, and writes to itself."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.query, self.key = nn.Linear(32, 32), nn.Linear(32, 32)
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        function: Any = eager_attention_forward
        if self.config._attn_implementation != "eager":
            function = ALL_ATTENTION_FUNCTIONS[self.config._attn_implementation]
        q, k = (layer(x).view(2, 5, 2, 16).transpose(1, 2) for layer in (self.query, self.key))
        out: torch.Tensor = function(self, q, k, k, None, scaling=0.25)[0]
        return out.reshape(2, 5, 32)


def eager_attention_forward(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float, **_: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """A model's own attention."""
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = module.after(scores.softmax(-1)) if hasattr(module, "after") else scores.softmax(-1)
    return (weights @ value).transpose(1, 2), weights


class Table(dict[str, Any]):
    """A table of functions as transformers has it."""

    def register(self, name: str, function: Any) -> None:
        self[name] = function


ALL_ATTENTION_FUNCTIONS = Table(mine=eager_attention_forward)


class Config:
    """A configuration with an attention."""

    def __init__(self, name: str) -> None:
        self._attn_implementation = name


def test_what_a_forward_writes_to_its_module_is_there(emulator: Any) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Odd(Config("eager"))).eval()
    x = torch.randn(2, 5, 32)
    expected = model(x)
    accelerate(model, emulator, strict=True)
    assert type(model[0]) is TTNNInterfaceAttention
    assert_near(expected, model(x), 0.02)
    assert model[0].torch_layer.calls == model[0].calls == 2
    assert model[0].torch_layer.config._attn_implementation == "eager"


def test_attention_that_is_something_else_stays() -> None:
    odd = Odd(Config("eager"))
    assert interface.unsupported(odd) is None
    odd.after = torch.square
    assert interface.unsupported(odd) == (
        "its eager attention computes something else than scaled dot product attention"
    )
    odd = Odd(Config("mine"))
    assert interface.unsupported(odd) == (
        "its attention implementation is 'mine', neither 'sdpa' nor 'eager'"
    )
    assert interface.unsupported(Odd(None)) == "it has no config._attn_implementation"


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4),
    more=st.integers(0, 8),
    name=st.sampled_from(["bert", "distilbert"]),
)
def test_a_text_has_its_answer_in_any_company(
    emulator: Any, lengths: list[int], more: int, name: str
) -> None:
    """An encoder's answer to a text depends neither on padding nor on the rest of the batch."""
    model = build(name)
    accelerate(model, emulator, strict=True)
    longest = max(lengths) + more
    tokens = ids(len(lengths), longest)
    mask = (torch.arange(longest) < torch.tensor(lengths)[:, None]).long()
    together = model(input_ids=tokens, attention_mask=mask).logits
    for row, length in enumerate(lengths):
        alone = model(input_ids=tokens[row : row + 1, :length]).logits[0]
        among = together[row, :length] if together.ndim == 3 else together[row]
        assert relative_rms(alone, among) < 0.02
        assert alone.numel() < 3 or pcc(alone, among) > 0.999
