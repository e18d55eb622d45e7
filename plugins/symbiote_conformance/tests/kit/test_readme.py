"""What the README shows of the kit is so."""

from __future__ import annotations

import re
from pathlib import Path

from kit_runs import run_pytest

from symbiote_conformance.kit.checks import KERNEL_CHECKS, POLICY_CHECKS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
KIT = README.partition("## Judging a plugin")[2].partition("## Calls as data")[0]
BLOCKS = re.findall(r"```python\n(.*?)```", KIT, re.DOTALL)
ALONE = ("-p", "no:randomly", "-W", "error")


def test_every_check_is_in_the_table() -> None:
    told = set(re.findall(r"^\| `([a-z]+)` \|", KIT, re.MULTILINE))
    assert told == set(KERNEL_CHECKS) | set(POLICY_CHECKS)


def test_the_classes_run(tmp_path: Path) -> None:
    inherited, written, _ = BLOCKS
    # Two checks are enough to show that they run.
    chosen = ("-k", "(parity or state) and not mock", "--symbiote-examples", "3")
    run = run_pytest(tmp_path, *chosen, *ALONE, test_it=inherited, test_more=written)
    assert run.code == 0, run.out
    for name in (
        "TestKernels[TTNNViTLayer-parity]",
        "TestPolicies[vit:ViTModel-parity]",
        "TestMoreKernels[TTNNLinear-state]",
        "TestMoreKernels[TTNNLinear:bfp8-state]",
        "TestMorePolicies[mine-state]",
    ):
        assert run.of(name).status == "passed"


def test_the_hook_tells_subjects(tmp_path: Path) -> None:
    kernel = """
from torch import nn
from symbiote_core import KernelSpec, hookimpl, plugin_manager
from symbiote_ttnn import TTNNLinear

class Mine(nn.Linear):
    pass

def build_mine():
    return Mine(64, 64)

class Plugin:
    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self):
        return [KernelSpec("TTNNMine", Mine, TTNNLinear)]

def pytest_configure():
    plugin_manager().register(Plugin(), "mine")
"""
    chosen = ("--symbiote-conformance", "mine", "-k", "leaks", "--symbiote-examples", "3")
    run = run_pytest(tmp_path, *chosen, *ALONE, conftest=kernel + BLOCKS[2])
    assert run.code == 0, run.out
    assert run.of("TestKernels[TTNNMine-leaks]").status == "passed"
