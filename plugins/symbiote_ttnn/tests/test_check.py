"""What a check finds on a mock chip, and what it reads out of TTNN's graphs and words."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from symbiote_core import accelerate, set_run_mode
from symbiote_ttnn import TTNNLinear
from symbiote_ttnn.check import CheckReport
from symbiote_ttnn.check.capture import device_operations, dram_peak
from symbiote_ttnn.check.fitting import Shortage, shortage
from symbiote_ttnn.check.watch import Watch

PROGRAM = Path(__file__).parent / "check_program.py"
GIB = 1024**3

MATRIX = -(-32 * 32 // 12) * 12 * 2048
"""Bytes that [1024, 1024] in bfloat16 takes: 1024 tiles of 2 KiB over the 12 banks of a Wormhole,
where each bank takes as much as the fullest."""


@pytest.mark.ttnn
def test_small_models_on_a_mock_chip(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=600, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    square, crowded, stopping = told["square"], told["crowded"], told["stopping"]

    report = square["report"]
    assert report["arch"] == "wormhole_b0"
    assert report["policies"] == [["mapping", "mapping"]]
    assert [f["name"] for f in report["forwards"]] == ["prefill", "decode"]
    assert [f["operations"] for f in report["forwards"]] == [1, 1]
    # Other shapes are another program.
    assert [f["programs"] for f in report["forwards"]] == [1, 1]
    (module,) = report["modules"]
    assert module["accepted"] == 2
    assert module["operations"] == {"MatmulDeviceOperation": 2}
    assert module["seconds"] > 0
    assert all(f["seconds"] > 0 for f in report["forwards"])
    memory = report["memory"]
    assert memory["weights"] == memory["needed"] == MATRIX
    # The weight, the input and the output of the larger forward; and what programs keep there.
    assert 3 * MATRIX <= memory["dram_peak"] < 3 * MATRIX + 2**18
    assert 0 < memory["l1_peak"] < memory["l1"]
    steps = [(stage, done, total) for stage, done, total, *_ in square["steps"]]
    assert steps == [
        ("build", 0, 1),
        ("build", 1, 1),
        ("convert", 0, 1),
        *((stage, done, 2) for stage in ("forward", "time", "memory") for done in (0, 1)),
    ]
    assert [step[3:] for step in square["steps"][2:]] == [["0", "TTNNLinear"]] * 7
    assert square["restored"]
    assert square["left"] == 0

    assert crowded["refusals"] == []
    assert crowded["fallbacks"] == crowded["failures"] == 0
    (misfit,) = crowded["misfits"]
    assert misfit["message"].startswith("Out of Memory: Not enough space to allocate 7516192768 B")
    assert {**misfit, "message": ""} == {
        "path": "1",
        "kernel": "HungryLinear",
        "stage": "forward",
        "memory": "DRAM",
        "needed": 7 * GIB,
        "survived": True,
        "message": "",
    }
    assert crowded["memory"]["dram"] < 14 * GIB < crowded["memory"]["dram_peak"]

    clumsy = told["clumsy"]
    assert [r["shapes"] for r in clumsy["refusals"]] == [[[32, 32]], [[1, 32]]]
    for refusal in clumsy["refusals"]:
        assert refusal["path"] == "0"
        assert refusal["kernel"] == "ClumsyRow"
        assert refusal["op"] == "ttnn.linear"
        assert refusal["message"] == "Inputs to matmul must be tilized"
    # In the row and, when it had given up, by torch's code.
    assert [m["accepted"] for m in clumsy["modules"]] == [4, 4]
    assert clumsy["fallbacks"] == 2
    assert [f["stopped"] for f in clumsy["forwards"]] == [None, None]

    # A tile takes 1088 bytes in bfloat8_b, and 2048 in bfloat16.
    assert told["in_bfloat8_b"]["memory"]["weights"] == MATRIX * 1088 // 2048

    (forward,) = stopping["forwards"]
    assert forward["stopped"] == "ZeroDivisionError: of zeros"
    assert forward["seconds"] is stopping["memory"]["dram_peak"] is None
    assert stopping["failures"] == 1

    known = [shortage(message) for message in told["shortages"]]
    assert [short and short.memory for short in known] == ["L1"] * 4, told["shortages"]

    for data in (report, crowded, stopping):
        assert CheckReport.from_data(data).to_data() == as_made(data)


def as_made(data: dict[str, Any]) -> dict[str, Any]:
    """A report's data as `to_data` gives them, with the tuples that JSON does not know."""
    tuples = ("policies", "modules", "refusals", "misfits", "on_torch", "forwards")
    made = data | {name: tuple(data[name]) for name in tuples}
    return made | {"policies": tuple(map(tuple, data["policies"]))}


def node(kind: str, level: int, **params: Any) -> dict[str, Any]:
    return {"node_type": kind, "stacking_level": level, "params": params}


def test_a_modules_time_is_that_of_all_its_calls_in_a_round(
    emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that goes on by a second at each look."""
    shared = nn.Linear(32, 32)
    model = nn.Sequential(shared, nn.Linear(32, 32), shared).eval()
    accelerate(model, emulator, {nn.Linear: TTNNLinear})
    model(torch.ones(1, 32))
    swapped = [model[0], model[1]]
    watch = Watch(emulator, swapped, [], lambda *args: None)
    monkeypatch.setattr("symbiote_ttnn.check.watch.time.perf_counter", itertools.count().__next__)
    set_run_mode(model, watch.timed)
    for _ in range(2):
        watch.begin_round()
        model(torch.ones(1, 32))
    monkeypatch.undo()
    assert {path: tally.seconds for path, tally in watch.tallies.items()} == {
        "0": [2, 2],
        "1": [1, 1],
    }


def test_a_device_operation_is_a_program_that_ran() -> None:
    nodes = [
        node("function_start", 1, name="ttnn.linear"),
        node("function_start", 2, name="MatmulDeviceOperation"),
        node("function_start", 3, name="tt::tt_metal::create_device_tensor"),
        node("function_end", 3, name="tt::tt_metal::create_device_tensor"),
        node("program_execution", 2),
        node("function_end", 2, name="MatmulDeviceOperation"),
        node("function_start", 2, name="UnaryDeviceOperation"),
        node("program_execution", 2),
        node("function_end", 2, name="UnaryDeviceOperation"),
        node("function_end", 1, name="ttnn.linear"),
        node("function_start", 1, name="ttnn.add"),
        node("function_start", 2, name="BinaryNgDeviceOperation"),  # refused
        node("function_end", 2, name="BinaryNgDeviceOperation"),
        node("function_end", 1, name="ttnn.add"),
    ]
    assert device_operations(nodes) == {"MatmulDeviceOperation": 1, "UnaryDeviceOperation": 1}


def test_the_peak_of_dram_is_the_highest_sum() -> None:
    def buffer(kind: str, size: int, memory: str = "DRAM") -> dict[str, Any]:
        return node(f"buffer_{kind}", 1, type=memory, max_size_per_bank=size)

    nodes = [
        buffer("deallocate", 50),  # of before the capture
        buffer("allocate", 100),
        buffer("allocate", 1000, "L1"),
        buffer("allocate", 30),
        buffer("deallocate", 100),
        buffer("allocate", 60),
    ]
    assert dram_peak(nodes, 12) == 80 * 12
    assert dram_peak([], 12) == 0


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (
            "Out of Memory: Not enough space to allocate 8589934592 B DRAM buffer across 12 banks, "
            "where each bank needs to store 715829248 B, but bank size is 1072693184 B.",
            Shortage("DRAM", 8589934592),
        ),
        (
            "Out of Memory: Not enough space to allocate 4096 B L1 buffer across 64 banks",
            Shortage("L1", 4096),
        ),
        (
            "Statically allocated dataflow buffers in program 0 clash with L1 buffers on core "
            "range [0-0 - 1-0]. L1 buffer allocated at 188416 and static dataflow buffer region "
            "ends at 638304",
            Shortage("L1", None),
        ),
        (
            "Statically allocated circular buffers on core range [0-0 - 7-7] grow to 8402272 B "
            "which is beyond max L1 size of 1499136 B",
            Shortage("L1", 8402272),
        ),
        (
            "LayerNorm streaming circular buffers require 118784 bytes, but only 78462 bytes of "
            "the allocator's L1 span are available",
            Shortage("L1", 118784),
        ),
        ("Inputs to matmul must be tilized", None),
    ],
)
def test_shortages_in_ttnns_words(message: str, found: Shortage | None) -> None:
    assert shortage(message) == found
