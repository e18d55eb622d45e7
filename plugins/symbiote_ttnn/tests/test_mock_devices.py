"""Mock chips and meshes of them, opened by the real TTNN in processes of their own."""

from __future__ import annotations

import functools
import importlib.metadata
import tempfile
from pathlib import Path
from typing import Any

import attrs
import pytest
from mock_processes import finish, start, told_by

pytestmark = pytest.mark.ttnn

SMALL = """
import logging, sys
import torch
from symbiote_core import close_device, open_device
from symbiote_ttnn import ttnn
logging.getLogger("symbiote").setLevel(sys.argv[1])
device = open_device("mock:wormhole_b0")
x = ttnn.from_torch(torch.ones(32, 32), ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device)
print("shape", tuple(ttnn.linear(x, x).shape))
close_device(device)
"""


@functools.cache
def mesh() -> Any:
    """What the program on two chips saw."""
    return told_by(Path(__file__).parent / "mock_mesh.py")


def test_a_mesh_opens_by_name() -> None:
    told = mesh()
    assert told["runtime"] == "mock"
    assert told["shape"] == told["opened again"] == [1, 2]
    assert told["memory"] == 12 * 1072693184  # of one chip


def test_opening_it_twice_gives_the_same_device() -> None:
    assert mesh()["same"]


@pytest.mark.parametrize("opened", ["named", "given"])
def test_a_model_runs_on_a_mesh(opened: str) -> None:
    told = mesh()[opened]
    assert told["out"] == told["again"] == [2, 32, 96]
    assert told["chips"] == [2, 2]  # input and weight, replicated
    assert told["fallbacks"] == 0
    assert told["after all"] == told["after one"]
    assert told["before"] == told["brought back"] == told["restored"] == [0, 0]


def test_a_mesh_that_somebody_opened_is_a_mock_all_the_same() -> None:
    assert mesh()["own runtime"] == "mock"


def test_a_sharded_tensor_is_not_taken_for_the_whole() -> None:
    assert mesh()["sharded"] == [
        "DeviceError",
        "The tensor is sharded over 2 chips (PlacementShard(-1)): none holds all of it. Gather it "
        "in the kernel with ttnn.all_gather, or download it with "
        "ttnn.to_torch(tensor, mesh_composer=...).",
    ]
    assert mesh()["gathered"] == [64, 64]
    assert mesh()["to and fro"] == [64, 64]


def test_a_freed_tensor_raises_where_ttnn_would_crash() -> None:
    told = mesh()["freed"]
    assert len(told) == 19
    for name, (kind, text) in told.items():
        op = name.partition(",")[0]
        assert kind == "RuntimeError"
        assert text == (
            f"ttnn.{op}(): the input tensor is not allocated. Free a tensor after its last use."
        )


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("begin_trace_capture", "call the operations themselves; a trace replays on chips only"),
        ("end_trace_capture", "call the operations themselves; a trace replays on chips only"),
        ("execute_trace", "call the operations themselves; a trace replays on chips only"),
        ("wait_for_event", "wait for everything with ttnn.synchronize_device(device)"),
    ],
)
def test_what_would_crash_raises(name: str, instead: str) -> None:
    text = (
        f"ttnn.{name}() can't run on a mock chip: TTNN would crash the process. Use a chip or a "
        f"simulator, or {instead}."
    )
    # Through the name that kernels use, and through the real module.
    assert mesh()["guarded"][name] == [["MockChipError", text]] * 2
    assert mesh()["its class"]


@pytest.mark.parametrize("name", ["mock:blackhole", "mock:wormhole_b0", "mock:wormhole_b0:2x1"])
def test_another_mock_is_refused(name: str) -> None:
    assert mesh()["others"][name] == [
        "DeviceError",
        f"This process has opened 'mock:wormhole_b0:1x2', and TTNN can't change to {name!r}. Use "
        "one process for each architecture and shape.",
    ]


def test_a_chip_is_refused() -> None:
    [kind, text] = mesh()["others"]["ttnn:0"]
    assert kind == "DeviceError"
    assert text.startswith("This process has opened 'mock:wormhole_b0:1x2', and TTNN sees no chips")


@attrs.frozen
class Pair:
    """What two processes said and left behind that opened a mock at the same time.

    Attributes:
        quiet: output of the one whose log was off.
        verbose: output of the one whose log was on.
        left: the files below the folder that both ran in and that held all their caches.
    """

    quiet: str
    verbose: str
    left: tuple[Path, ...]


@functools.cache
def pair() -> Pair:
    """Both start with no folder of the mock there is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        caches = {"XDG_CACHE_HOME": f"{name}/cache", "TT_METAL_CACHE": f"{name}/users-kernels"}
        processes = [
            start(SMALL, level, folder=folder / "work", **caches) for level in ("WARNING", "INFO")
        ]
        quiet, verbose = (finish(process) for process in processes)
        left = tuple(path.relative_to(folder) for path in folder.rglob("*"))
    return Pair(quiet, verbose, left)


def test_two_processes_can_set_the_mock_up_at_once() -> None:
    assert "shape (32, 32)" in pair().quiet
    assert "shape (32, 32)" in pair().verbose
    assert not any(path.name.startswith(".new-") for path in pair().left)


def test_ttnn_is_silent_unless_symbiotes_log_is_on() -> None:
    assert pair().quiet == "shape (32, 32)\n"
    assert "Currently using mock cluster descriptor" in pair().verbose


def test_everything_stays_in_the_mocks_own_folder() -> None:
    own = Path("cache/symbiote/mock-ttnn") / importlib.metadata.version("ttnn")
    outside = {p for p in pair().left if own not in (p, *p.parents) and p not in own.parents}
    assert outside == {Path("work")}
    below = [path.relative_to(own) for path in pair().left if own in path.parents]
    assert {path.parts[0] for path in below} == {
        "kernels",
        "logs",
        "runtime",
        "tt_metal",
        "ttnn",
        "ttnn-version",
        "wormhole_b0-1x1.yaml",
    }
