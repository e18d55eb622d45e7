"""What a forward gave, and how two compare."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from typing import Any

import pytest
import torch

from symbiote_cli.output import Output
from symbiote_cli.results import compare, tensors_of, top_labels, top_overlap


def test_tensors_have_names() -> None:
    t = torch.zeros(1)
    output = {"logits": t, "hidden_states": (t, t), "nothing": None, "deep": {"x": t}}
    assert [name for name, _ in tensors_of(output)] == [
        "logits",
        "hidden_states[0]",
        "hidden_states[1]",
        "deep.x",
    ]
    assert [name for name, _ in tensors_of(t)] == ["output"]


def test_top_labels() -> None:
    config = types.SimpleNamespace(id2label={0: "cat", 1: "dog", 2: "owl"})
    labels = top_labels(config, {"logits": torch.tensor([[0.0, 9.0, 1.0]])})
    assert [label.name for label in labels] == ["dog", "owl", "cat"]
    assert sum(label.probability for label in labels) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "tensors", [{}, {"logits": torch.zeros(1, 4, 3)}, {"logits": torch.zeros(1, 2)}]
)
def test_what_is_no_classifier_has_no_labels(tensors: Any) -> None:
    config = types.SimpleNamespace(id2label={0: "cat", 1: "dog", 2: "owl"})
    assert top_labels(config, tensors) == ()


def test_top_overlap() -> None:
    want = torch.arange(10.0).expand(2, 10)
    other = want.clone()
    other[1] = want[1].flip(0)
    assert top_overlap(want, want) == (1.0, 1.0)
    assert top_overlap(want, other) == (0.5, 0.5)


def test_compare() -> None:
    want = {"logits": torch.tensor([[1.0, 2.0, 4.0]]), "ids": torch.tensor([1])}
    (found,) = compare(want, {"logits": want["logits"] * 2, "ids": want["ids"]})
    assert found.pcc == pytest.approx(1.0)
    assert found.relative_rms == pytest.approx(1.0)
    assert found.same_best == 1.0
    assert compare(want, {"logits": torch.zeros(2, 2)}) == ()


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).emit({"a": float("nan"), "b": [float("inf"), 1.5], "c": ("é", None)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "c": ["é", None]}


NOISY = """
import os
from symbiote_cli.output import Output
output = Output(as_json=True)
with output.reserved():
    print("python noise")
    os.write(1, b"C noise\\n")
output.emit({"fine": True})
"""


def test_stdout_is_reserved_for_json() -> None:
    command = [sys.executable, "-c", NOISY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"fine": True}
    assert sorted(done.stderr.splitlines()) == ["C noise", "python noise"]
