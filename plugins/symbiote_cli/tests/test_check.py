"""``symbiote check``: the whole command on mock chips, and what it makes of what it is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from symbiote_cli import checking
from symbiote_cli.checking import Death, sentence
from symbiote_cli.processes import started
from symbiote_ttnn.check import (
    CheckReport,
    ForwardCheck,
    MemoryCheck,
    Misfit,
    ModuleCheck,
    OperationOnTorch,
    Refusal,
)
from symbiote_ttnn.runtimes import specs

KERNELS = Path(__file__).parent / "checking_kernels.py"
GIB = 1024**3


@pytest.fixture
def trouble(install: Callable[[str, str], None], fresh_plugins: None, vit_folder: Path) -> Path:
    """Installs the plugin of refused kernels; a ViT whose 32 tokens fill one tile."""
    install("trouble", KERNELS.read_text())
    config = json.loads((vit_folder / "config.json").read_text()) | {"image_size": [16, 496]}
    (vit_folder / "config.json").write_text(json.dumps(config))
    return vit_folder


def check(symbiote: Any, folder: Path, *more: Any) -> Any:
    return symbiote("check", folder, "--random-weights", *more)


# -- on mock chips ---------------------------------------------------------------------------------


@pytest.mark.ttnn
def test_both_chips_accept_a_small_vit(symbiote: Any, vit_folder: Path) -> None:
    result = check(symbiote, vit_folder, "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["passed"]
    assert data["dtype"] == "float32"
    assert data["inputs"] == {"pixel_values": "[1, 3, 32, 32] float32"}
    assert "The weights are random (seed 0)." in data["notes"]
    assert [a["arch"] for a in data["architectures"]] == ["wormhole_b0", "blackhole"]
    for arch in data["architectures"]:
        assert arch["passed"]
        assert arch["death"] is None
        report = arch["report"]
        assert report["arch"] == arch["arch"]
        assert report["fallbacks"] == report["failures"] == 0
        assert report["refusals"] == report["misfits"] == report["on_torch"] == []
        modules = {m["path"]: m for m in report["modules"]}
        layers = [m for m in modules.values() if m["module_class"] == "ViTLayer"]
        assert len(layers) == 2
        assert all((m["accepted"], m["refused"]) == (1, 0) for m in modules.values())
        # Norm, qkv, split, attention, projection, add, norm, MLP's two, add.
        assert [sum(m["operations"].values()) for m in layers] == [10, 10]
        assert layers[0]["operations"]["MatmulDeviceOperation"] == 4
        # The second layer runs the programs of the first.
        assert layers[0]["programs"] > layers[1]["programs"] == 0
        (forward,) = report["forwards"]
        # Two of the embeddings, two layers, the last norm, the slice of one token, the classifier.
        assert forward["operations"] == 2 + 20 + 1 + 1 + 1
        assert sum(m["programs"] for m in modules.values()) < forward["programs"] <= 25
        assert all(m["seconds"] > 0 for m in (*modules.values(), forward))
        memory = report["memory"]
        assert 0 < memory["weights"] < memory["dram_peak"] < memory["dram"]
        assert 0 < memory["l1_peak"] < memory["l1"]
    wormhole, blackhole = (a["report"]["memory"] for a in data["architectures"])
    assert round(wormhole["dram"] / GIB) == 12
    assert round(blackhole["dram"] / GIB) == 32


@pytest.mark.ttnn
def test_what_ttnn_refuses_is_told_in_its_own_words(symbiote: Any, trouble: Path) -> None:
    result = check(symbiote, trouble, "--policy", "refused", "--arch", "wormhole_b0")
    assert result.exit_code == 1, result.output
    text = result.stdout
    refused = text[text.index("Refused on wormhole_b0") : text.index("In short")]
    for line in (
        "attention (2)",
        "MaskedAttention: ttnn.transformer.scaled_dot_product_attention",
        "Mask sequence length must match Q sequence length",
        "RowMajorLinear: ttnn.linear",
        "on [1, 32, 64] float32",
        "Inputs to matmul must be tilized",
        "classifier",
    ):
        assert line in refused
    assert "blackhole" not in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.ttnn
def test_weights_that_do_not_fit(symbiote: Any, trouble: Path) -> None:
    asked = ("--arch", "wormhole_b0", "--policy", "heavy", "--include", "*mlp.fc*", "--json")
    result = check(symbiote, trouble, *asked, "--max-fallbacks", 99)
    assert result.exit_code == 1, result.output  # no fallback mends that accelerate fails
    report = json.loads(result.stdout)["architectures"][0]["report"]
    assert report["failures"] == 3
    misfits = report["misfits"]
    assert len(misfits) == 3  # of four, one fits
    assert all(m["memory"] == "DRAM" and m["needed"] == 7 * GIB for m in misfits)
    assert {m["stage"] for m in misfits} == {"convert"}
    assert {m["kernel"] for m in misfits} == {"HeavyLinear"}
    assert report["forwards"] == []
    assert 7 * GIB < report["memory"]["weights"] < 7.1 * GIB
    assert 28 * GIB < report["memory"]["needed"] < 28.1 * GIB


@pytest.mark.ttnn
def test_a_call_that_ttnn_dies_of(symbiote: Any, trouble: Path) -> None:
    asked = ("--arch", "wormhole_b0", "--policy", "deadly", "--include", "classifier")
    result = check(symbiote, trouble, *asked)
    assert result.exit_code == 1, result.output
    told = " ".join(result.stdout.split())
    assert (
        "wormhole_b0: TTNN killed the process (SIGABRT) in module 'classifier', kernel "
        "DeadlyLinear. Its last words: get_dtype_from_ttnn_datatype: got INVALID or unhandled "
        "DataType." in told
    )


# -- without TTNN ----------------------------------------------------------------------------------


def failed(result: Any, code: int = 2) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    return str(result.stderr)


@pytest.mark.usefixtures("fresh_plugins")
def test_without_the_wheel(
    symbiote: Any, vit_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "there is no ttnn wheel for Python 3.9 on linux x86_64; use Python 3.10 or 3.12"
    monkeypatch.setattr(specs, "wheel_missing", lambda: why)
    assert failed(check(symbiote, vit_folder)) == (
        f"Error: symbiote check asks TTNN itself, and can't here: {why}. `symbiote run "
        f"{vit_folder} --device emulator --strict` has the emulator check the calls.\n"
    )


def test_without_symbiote_ttnn(
    symbiote: Any, vit_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "symbiote_ttnn", None)
    assert "Install it with: pip install symbiote-ttnn" in failed(check(symbiote, vit_folder))


@pytest.mark.usefixtures("fresh_plugins")
def test_with_its_plugin_turned_off(
    symbiote: Any, vit_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBIOTE_PLUGINS", "vit")
    assert "`symbiote plugins --load` says why." in failed(check(symbiote, vit_folder))


# -- what its processes tell, by processes that only pretend ---------------------------------------

REPORT = CheckReport(
    arch="wormhole_b0",
    model_class="ViTForImageClassification",
    policies=(("vit", "vit"),),
    modules=(
        ModuleCheck("vit.layers.0", "ViTLayer", "TTNNViTLayer", "vit", 1, 0, {"A": 10}, 7, 0.0005),
        ModuleCheck("vit.layers.1", "ViTLayer", "TTNNViTLayer", "vit", 1, 0, {"A": 10}, 0, 0.0004),
        ModuleCheck("classifier", "Linear", "TTNNLinear", "ttnn", 0, 1, {}, 0, None),
    ),
    kept=2,
    refusals=(
        Refusal(
            "classifier",
            "TTNNLinear",
            "ttnn",
            "forward",
            "ttnn.linear",
            ((1, 64),),
            ("float32",),
            "ttnn_error",
            "Inputs to matmul must be tilized",
        ),
    ),
    misfits=(
        Misfit("vit.layers.0", "TTNNViTLayer", "forward", "L1", 2 * 1024**2, True, "no room"),
        Misfit("vit.layers.1", "TTNNViTLayer", "convert", "DRAM", None, False, "no room"),
    ),
    on_torch=(OperationOnTorch("aten.foo.default", "no handler", 4),),
    forwards=(ForwardCheck("forward", 21, 7, 0.0012, None),),
    memory=MemoryCheck(12 * GIB, 170 * 1024**2, 170 * 1024**2, 175 * 1024**2, 1_393_312, 450_560),
)


@pytest.fixture
def pretending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts lines of Python in the place of what a process of the check does."""
    monkeypatch.setattr(checking, "mock_architectures", lambda model: ("wormhole_b0", "blackhole"))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(checking, "WORKER", "pretender")
    step = {"kind": "step", "stage": "forward", "done": 0, "total": 2, "path": "a.b", "kernel": "K"}
    result = {"kind": "result", "report": REPORT.to_data(), "dtype": "float32"}
    messages = [step, result | {"inputs": {"x": "[1] int64"}, "notes": ["so it is"]}]
    (tmp_path / "messages.json").write_text(json.dumps(messages))

    def write(lines: str) -> None:
        body = "".join(f"    {line}\n" for line in lines.splitlines())
        (tmp_path / "pretender.py").write_text(
            "import json, os, pathlib, signal, sys\n"
            "from symbiote_cli.processes import Teller\n"
            "def main():\n"
            "    teller = Teller()\n"
            "    request = json.load(sys.stdin)\n"
            "    here = pathlib.Path(__file__).parent\n"
            "    step, result = json.loads((here / 'messages.json').read_text())\n"
            f"{body}"
        )

    return write


def test_the_tables(
    symbiote: Any, vit_folder: Path, pretending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretending("teller.tell(**step)\nteller.tell(**result)")
    narrow = check(symbiote, vit_folder)
    assert narrow.exit_code == 1, narrow.output
    for text in (
        "ViTForImageClassification (float32)",
        "vit (plugin vit); 2 modules stay on torch",
        "ViTLayer → TTNNViTLayer",
        "0.90 ms",
        "TTNNLinear: ttnn.linear",
        "on [1, 64] float32",
        "Inputs to matmul must be tilized",
        "2.0 MiB L1",
        "the weights of other modules give way",
        "more DRAM",
        "accelerate would fail",
        "5 a forward",
        "170.0 MiB of 12.0 GiB",
        "175.0 MiB of 12.0 GiB",
        "440.0 KiB of 1.3 MiB",
        "aten.foo.default ran on torch (4 a forward): no handler",
    ):
        assert text in narrow.stdout, text
    assert max(map(len, narrow.stdout.splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "140")
    wide = check(symbiote, vit_folder, "--arch", "wormhole_b0")
    (row,) = [line for line in wide.stdout.splitlines() if "vit.layers.* (2)" in line]
    cells = " ".join(row.split())
    assert cells == "vit.layers.* (2) ViTLayer TTNNViTLayer vit 2/2 20 7 0.90 ms"


def test_weights_that_do_not_fit_in_words(symbiote: Any, vit_folder: Path, pretending: Any) -> None:
    report = attrs.evolve(
        REPORT,
        forwards=(),
        memory=attrs.evolve(REPORT.memory, needed=15 * GIB, dram_peak=None, l1_peak=None),
        modules=tuple(attrs.evolve(m, accepted=0, refused=0) for m in REPORT.modules),
        refusals=(attrs.evolve(REPORT.refusals[0], stage="convert"),),
    )
    pretending(
        f"report = json.loads({json.dumps(report.to_data())!r})\n"
        "teller.tell(**(result | {'report': report}))"
    )
    result = check(symbiote, vit_folder, "--arch", "wormhole_b0")
    assert result.exit_code == 1, result.output
    told = " ".join(result.stdout.split())
    assert "Verdict does not fit" in told
    assert "Weights 15.0 GiB of 12.0 GiB" in told
    assert (
        "wormhole_b0: the weights do not fit, so no forward was run. They need 15.0 GiB of DRAM, "
        "and the chip has 12.0 GiB." in told
    )
    assert "Modules on" not in told


@pytest.mark.parametrize(("allowed", "code"), [(4, 1), (5, 0)])
def test_max_fallbacks(
    symbiote: Any, vit_folder: Path, pretending: Any, allowed: int, code: int
) -> None:
    pretending("teller.tell(**result)")
    result = check(symbiote, vit_folder, "--max-fallbacks", allowed, "--json")
    assert result.exit_code == code, result.output
    data = json.loads(result.stdout)
    assert data["passed"] is (code == 0)
    assert data["max_fallbacks"] == allowed
    assert data["inputs"] == {"x": "[1] int64"}
    assert data["notes"] == ["so it is"]  # both architectures say it
    report = data["architectures"][1]["report"]
    assert report["fallbacks"] == 5  # one call of a module, four operations
    assert CheckReport.from_data(report) == REPORT


def test_a_death_is_told_and_the_others_go_on(
    symbiote: Any, vit_folder: Path, pretending: Any
) -> None:
    pretending(
        "teller.tell(**step)\n"
        "if request['arch'] == 'wormhole_b0': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "teller.tell(**result)"
    )
    result = check(symbiote, vit_folder, "--json")
    assert result.exit_code == 1, result.output
    dead, alive = json.loads(result.stdout)["architectures"]
    assert dead["report"] is None
    assert dead["death"] == {
        "how": "SIGSEGV",
        "by_signal": True,
        "stage": "forward",
        "path": "a.b",
        "kernel": "K",
        "last_words": "",
    }
    assert alive["arch"] == "blackhole"
    assert alive["report"]["memory"]["dram"] == 12 * GIB


def test_a_crash_after_the_result_is_no_matter(
    symbiote: Any, vit_folder: Path, pretending: Any
) -> None:
    pretending("teller.tell(**result)\nos.kill(os.getpid(), signal.SIGSEGV)")
    result = check(symbiote, vit_folder, "--arch", "blackhole", "--json")
    assert json.loads(result.stdout)["architectures"][0]["death"] is None


@pytest.mark.parametrize(
    ("foreseen", "code", "message"),
    [(True, 2, "Error: no such thing"), (False, 3, "Unexpected error: RuntimeError: no such")],
)
def test_an_error_in_the_process_ends_the_command(
    symbiote: Any, vit_folder: Path, pretending: Any, foreseen: bool, code: int, message: str
) -> None:
    pretending(f"teller.tell(kind='error', text='no such thing', foreseen={foreseen})")
    assert message in failed(check(symbiote, vit_folder), code)


def test_a_warning_in_the_process_is_shown(
    symbiote: Any, vit_folder: Path, pretending: Any
) -> None:
    pretending(
        "teller.tell(kind='log', name='symbiote.check', level=30, text='look out 100%')\n"
        "teller.tell(**result)"
    )
    assert "warning: look out 100%" in check(symbiote, vit_folder, "--arch", "blackhole").stderr


def test_the_process_tells_what_is_wrong_with_the_input(vit_folder: Path) -> None:
    asked = {
        "model": str(vit_folder / "config.json"),
        "random_weights": False,
        "seed": 0,
        "dtype": "auto",
        "verbosity": 0,
        "trust_remote_code": False,
    }
    with started(checking.WORKER, asked, shows_errors=False) as process:
        step, error = process.messages()
        assert process.ending().code == 0
    assert step["stage"] == "load"
    assert error["foreseen"]
    assert "Add --random-weights, or give the folder with the weights." in error["text"]


@pytest.mark.parametrize(
    ("how", "by_signal", "told"),
    [
        ("SIGSEGV", True, "TTNN killed the process (SIGSEGV) in module 'a', kernel K"),
        (
            "SIGKILL",
            True,
            "The process was killed in module 'a', kernel K (SIGKILL); this machine may lack "
            "memory for it",
        ),
        ("exit code 1", False, "The process ended in module 'a', kernel K (exit code 1)"),
    ],
)
def test_deaths_in_words(how: str, by_signal: bool, told: str) -> None:
    assert str(Death(how, by_signal, "forward", "a", "K", "")) == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", ""),
        ("[1] Segfault at 0x0\n", ""),
        (
            "what():  TT_THROW @ /a.hpp:3: tt::exception\ninfo:\nNo such\ndtype.\n\n[vm] Signal",
            "No such dtype.",
        ),
        ("TT_FATAL @ /a.cpp:1: x\ninfo:\nToo big\nbacktrace:\n --- 1", "Too big"),
        ("terminate called\n  what():  std::bad_alloc\n", "std::bad_alloc"),
        ("Traceback (most recent call last):\n  x\nos.PathError: gone\n", "os.PathError: gone"),
    ],
)
def test_last_words(words: str, told: str) -> None:
    assert sentence(words) == told


def test_an_unknown_architecture(symbiote: Any, vit_folder: Path, pretending: Any) -> None:
    assert failed(check(symbiote, vit_folder, "--arch", "wormhole_b0, grayskull")) == (
        "Error: There is no mock chip of the architecture 'grayskull'. Known are: wormhole_b0, "
        "blackhole.\n"
    )


def test_a_model_that_is_not_there(symbiote: Any, tmp_path: Path) -> None:
    assert "There is no file or folder" in failed(symbiote("check", tmp_path / "nope"))
