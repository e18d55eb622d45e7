"""TTNN's graph capture, and what is read out of the graphs: operations and memory.

The nodes are read here alone, since `ttnn.reports` crashes on a mock chip.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from symbiote_ttnn.late import ttnn

Nodes = Sequence[dict[str, Any]]


@contextlib.contextmanager
def captured(dispatch: bool = True) -> Iterator[list[dict[str, Any]]]:
    """Capture what TTNN does inside the block; the list is filled at its end.

    Captures may stand in each other: each has all of its block.

    Args:
        dispatch: run the programs. Without, TTNN builds every program anew, which shows its
            buffers, and gives tensors no memory, so that nothing made in the block may be used
            after it.
    """
    modes = ttnn.graph.RunMode
    nodes: list[dict[str, Any]] = []
    ttnn.graph.begin_graph_capture(modes.NORMAL if dispatch else modes.NO_DISPATCH)
    ttnn.graph.disable_python_io_recording()  # the text of every argument, which nobody reads
    try:
        yield nodes
    finally:
        nodes += ttnn.graph.end_graph_capture()


def device_operations(nodes: Nodes) -> collections.Counter[str]:
    """How often each device operation ran, by TTNN's name such as ``MatmulDeviceOperation``.

    One is a program that was run; it has the name of the innermost function that was open then.
    A call that was refused before its program ran is none.

    Args:
        nodes: of a capture with dispatch.
    """
    found: collections.Counter[str] = collections.Counter()
    open_at: dict[int, str] = {}
    for node in nodes:
        level = node["stacking_level"]
        if node["node_type"] == "function_start":
            open_at[level] = node["params"]["name"]
        elif node["node_type"] == "program_execution":
            found[open_at[level]] += 1
    return found


def dram_peak(nodes: Nodes, banks: int) -> int:
    """The most bytes of DRAM that a capture had in use beyond what was in use before it.

    The sum of what it allocated less what it freed, at its highest. A buffer takes its share in
    every bank that its largest part takes in one, as in TTNN's own count.

    Args:
        nodes: of a capture.
        banks: how many banks of DRAM the device has.
    """
    now = most = 0
    for node in nodes:
        kind, params = node["node_type"], node["params"]
        if kind in ("buffer_allocate", "buffer_deallocate") and params["type"] == "DRAM":
            now += params["max_size_per_bank"] * (1 if kind == "buffer_allocate" else -1)
            most = max(most, now)
    return most * banks


def l1_peak(nodes: Nodes) -> int:
    """The most bytes of L1 that a capture had in use on one core, by TTNN's own reckoning.

    Circular buffers, dataflow buffers, scratchpads and tensors in L1.

    Args:
        nodes: of a capture without dispatch; with it, programs that are compiled already show no
            buffers.
    """
    return int(ttnn.graph.extract_resource_usage_per_core(nodes).peak_total)
