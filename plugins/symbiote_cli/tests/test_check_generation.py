"""``symbiote check`` of models that generate, on a mock chip."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

KERNELS = Path(__file__).parent / "checking_kernels.py"

MATRICES = 512 * 128 + 2 * (2 * 128 * 128 + 2 * 128 * 64 + 3 * 128 * 256)
"""Parameters of the head and of two layers of the tiny Llama."""


@pytest.fixture
def trouble(install: Callable[[str, str], None], fresh_plugins: None, llama_folder: Path) -> Path:
    """Installs the plugin of refused kernels."""
    install("trouble", KERNELS.read_text())
    return llama_folder


def check(symbiote: Any, folder: Path, *more: Any) -> Any:
    return symbiote("check", folder, "--random-weights", "--arch", "wormhole_b0", *more)


@pytest.mark.ttnn
def test_a_prefill_and_a_decode_step(symbiote: Any, llama_folder: Path) -> None:
    result = check(symbiote, llama_folder, "--batch", 2, "--weights", "bfloat8_b", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["inputs"] == {"input_ids": "[2, 44] int64"}
    (arch,) = data["architectures"]
    report = arch["report"]
    assert report["fallbacks"] == report["failures"] == 0
    assert [f["name"] for f in report["forwards"]] == ["prefill", "decode"]
    for forward in report["forwards"]:
        assert forward["operations"] > 20
        assert forward["programs"] > 10
        assert forward["seconds"] > 0
    assert all(m["accepted"] == 2 for m in report["modules"])
    layer = next(m for m in report["modules"] if m["module_class"] == "LlamaDecoderLayer")
    assert layer["operations"]["SDPAOperation"] == 1
    assert layer["operations"]["SdpaDecodeDeviceOperation"] == 1
    # A tile of 1024 takes 1088 bytes in bfloat8_b, and 2048 in bfloat16, as the table has it.
    table = 512 * 128 * 2
    assert MATRICES * 1088 / 1024 < report["memory"]["weights"] - table < MATRICES * 2


@pytest.mark.ttnn
def test_a_kernel_that_is_refused_in_the_row_of_layers(symbiote: Any, trouble: Path) -> None:
    result = check(symbiote, trouble, "--policy", "broken-layer")
    assert result.exit_code == 1, result.output
    told = " ".join(result.stdout.split())
    assert (
        "1 model.layers.0 TTNNDecoderLayer: ttnn.linear on [1, 44, 128] bfloat16 Inputs to matmul "
        "must be tilized" in told
    )
    assert "on [1, 1, 1, 128] bfloat16" in told  # the decode step
    assert "takes no cache" not in told  # what follows when the row has given up
    assert "Verdict refused" in told
    assert "Fallbacks 6 in 2 forwards" in told
    assert "stopped" not in told
