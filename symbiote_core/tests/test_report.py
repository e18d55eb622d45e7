"""The report: a record, a readable text, JSON and HTML."""

from __future__ import annotations

import json

import pytest
import torch
from core_kernels import Failing, FakeLinear, Relu, small_model
from torch import nn

from symbiote_core import (
    FallbackWarning,
    NothingReplacedError,
    accelerate,
    register_module_replacement_dict,
    report,
    reset_fallbacks,
)

X = torch.ones(1, 4)


def test_a_model_that_was_not_swapped() -> None:
    with pytest.raises(NothingReplacedError) as caught:
        report(small_model())
    assert str(caught.value) == (
        "This Sequential was not swapped, so there is nothing to report. Swap it with "
        "accelerate(model) or register_module_replacement_dict(model, {...})."
    )


def test_before_there_is_a_device() -> None:
    model = small_model()
    register_module_replacement_dict(model, {nn.Linear: FakeLinear})
    told = report(model)
    assert told.device == ""
    assert str(told).splitlines()[:2] == [
        "Sequential, no device yet: 2 modules replaced by policy mapping (plugin mapping)",
        "no forward yet",
    ]
    assert [m.weights for m in told.modules] == ["torch", "torch"]


def test_the_text_has_every_table() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear}, exclude="2")
    model(X)
    text = str(report(model))
    assert text == (
        "Sequential on fake: 1 modules replaced by policy mapping (plugin mapping)\n"
        "1 forwards, 1 uploads and 1 downloads a forward, 0 fallbacks, 2 operations on torch\n"
        "\n"
        "Replaced\n"
        "  modules  class   kernel      plugin        parameters  weights  calls  fallbacks\n"
        "  -------  ------  ----------  ------------  ----------  -------  -----  ---------\n"
        "  0        Linear  FakeLinear  core_kernels  40          device   1      0\n"
        "\n"
        "Kept on torch\n"
        "  modules  class   why\n"
        "  -------  ------  ------------------------------------\n"
        "  1        ReLU    no rule of policy 'mapping' for ReLU\n"
        "  2        Linear  excluded by the caller\n"
        "\n"
        "Operations on torch\n"
        "  count  operation           why\n"
        "  -----  ------------------  ----------\n"
        "  1      aten.relu.default   no handler\n"
        "  1      aten.addmm.default  no handler"
    )


def test_fallbacks_are_in_the_text_by_cause() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: Failing, nn.ReLU: Relu})
    with pytest.warns(FallbackWarning):
        model(X)
    told = report(model)
    assert told.fallback_count == 2
    row = next(line for line in str(told).splitlines() if "ttnn_error" in line).split()
    assert row[:4] == ["2", "Failing", "fake.linear", "ttnn_error"]


def test_several_modules_of_a_kind_are_one_row() -> None:
    model = nn.Sequential(*[nn.Linear(4, 4) for _ in range(12)]).eval()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    assert "  0 (+11)  Linear  FakeLinear  core_kernels  240 " in str(report(model))


def test_json_holds_all_of_it() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: Failing})
    with pytest.warns(FallbackWarning):
        model(X)
    told = report(model)
    loaded = json.loads(told.to_json())
    assert loaded["model_class"] == "Sequential"
    assert loaded["device"] == "fake"
    assert loaded["policies"] == [["mapping", "mapping"]]
    assert [m["paths"] for m in loaded["modules"]] == [["0"], ["2"]]
    assert loaded["kept"][0]["reason"] == "no rule of policy 'mapping' for ReLU"
    assert loaded["fallbacks"][0]["cause"]["op"] == "fake.linear"
    assert loaded["fallbacks"][0]["count"] == 2
    assert loaded["events"][0]["shapes"] == [[1, 4]]
    assert loaded["traffic"]["forwards"] == 1
    assert told.to_json(indent=None).count("\n") == 0


def test_html_is_escaped() -> None:
    class Odd(FakeLinear):
        @classmethod
        def supports(cls, torch_layer: nn.Module) -> str | None:
            return "needs <32> & more" if torch_layer.out_features == 3 else None

    model = small_model()
    page = accelerate(model, "fake", {nn.Linear: Odd})._repr_html_()
    assert "needs &lt;32&gt; &amp; more" in page
    assert page.count("<table>") == page.count("</table>") == 2
    assert "<h4>Replaced</h4>" in page


def test_a_report_does_not_change_afterwards() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model(X)
    told = report(model)
    model(X)
    assert told.traffic.forwards == 1
    assert told.modules[0].calls == 1


def test_reset_starts_at_zero() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    model(X)
    reset_fallbacks(model)
    told = report(model)
    assert (told.traffic.forwards, told.traffic.uploads, told.modules[0].calls) == (0, 0, 0)
    assert told.op_fallbacks == ()
    model(X)
    assert report(model).traffic.forwards == 1


def test_events_do_not_grow_without_end() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: Failing})
    with pytest.warns(FallbackWarning):
        _ = [model(X) for _ in range(200)]
    told = report(model)
    assert told.fallback_count == 400
    assert len(told.events) == 256


def test_uploads_per_forward_need_a_forward() -> None:
    model = small_model()
    accelerate(model, "fake", {nn.Linear: FakeLinear})
    assert report(model).traffic.per_forward(3) is None
