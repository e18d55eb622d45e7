"""tt-symbiote on the same model and the same mock chip, from a venv of its own."""

from __future__ import annotations

import os
import statistics
import sys
from pathlib import Path

import pytest
import torch
from measure import say
from turns import program

HERE = Path(__file__).parent
VARIABLE = "TT_SYMBIOTE_PYTHON"
"""The environment variable that names another interpreter with tt-symbiote."""

ROUNDS, FORWARDS = 7, 5

pytestmark = pytest.mark.ttnn


@pytest.fixture(scope="module")
def interpreter() -> str:
    """The Python that has tt-symbiote, or a skip that says how to get one."""
    path = os.environ.get(VARIABLE) or str(HERE.parent / ".venv-tt-symbiote/bin/python")
    if not Path(path).is_file():
        pytest.skip(
            f"no interpreter {path} with tt-symbiote: run `make bench-incumbent`, which sets it up "
            f"(6 GB), or name one in {VARIABLE}"
        )
    return path


def test_a_forward_beside_tt_symbiote(interpreter: str) -> None:
    threads_tried = sorted({1, torch.get_num_threads()})
    found = {}
    with program([sys.executable, str(HERE / "swapped_forwards.py")], os.environ) as ours:
        mock = os.environ | ours.told | {"MESH_DEVICE": "N150"}
        with program([interpreter, str(HERE / "incumbent_forwards.py")], mock) as theirs:
            for threads in threads_tried:
                ours.seconds(threads, 2)
                theirs.seconds(threads, 2)
                turns = [
                    (theirs.seconds(threads, FORWARDS), ours.seconds(threads, FORWARDS))
                    for _ in range(ROUNDS)
                ]
                found[threads] = [statistics.median(times) for times in zip(*turns, strict=True)]
    best = [min(times) for times in zip(*found.values(), strict=True)]
    listed = "; ".join(
        f"with {threads} {their * 1e3:.0f} ms / {our * 1e3:.2f} ms"
        for threads, (their, our) in found.items()
    )
    say(
        "ViT-base forward on the mock Wormhole, tt-symbiote 0.1.6 / policy vit",
        f"{best[0] / best[1]:.1f} ({best[0] * 1e3:.0f} ms / {best[1] * 1e3:.2f} ms)",
        ">= 15",
        f"its recipe of Linear and LayerNorm; medians of {ROUNDS} turns of {FORWARDS} forwards "
        f"in two processes, each with its better number of threads for torch ({listed})",
    )
    assert best[0] / best[1] >= 15
