"""The ways into the kit, as an author of a plugin meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from kit_runs import Run, run_pytest

ALONE = ("-p", "no:randomly", "-p", "no:hypothesispytest", "-W", "error")

SHOWS = """
import sys

def pytest_unconfigure():
    heavy = {"torch", "hypothesis", "transformers", "symbiote_core", "symbiote_conformance"}
    print("imported:", sorted(heavy & sys.modules.keys()))
"""


def test_it_costs_nothing_until_it_is_asked_for(tmp_path: Path) -> None:
    arguments = ("-s", "--trace-config", *ALONE)
    run = run_pytest(tmp_path, *arguments, conftest=SHOWS, test_it="def test_it(): pass")
    assert "imported: []" in run.out
    assert "pytest_symbiote" in run.out  # it was there
    assert run.code == 0


PLUGIN = """
from wrong_kernels import TTNNLinear
from torch import nn
from symbiote_core import KernelSpec, Policy, Rule, hookimpl, plugin_manager
from symbiote_conformance import ModelSubject, Subject, takes


class Scaled(nn.Linear):
    def __init__(self, width):
        super().__init__(width, width)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.scaled = Scaled(64)

    def forward(self, x):
        return self.scaled(x)


class Plugin:
    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self):
        return [KernelSpec("Told", Scaled, TTNNLinear), KernelSpec("Untold", Scaled, TTNNLinear)]

    @hookimpl
    def symbiote_policies(self):
        return [
            Policy("told", ("mine",), (Rule(Scaled, "Told"),)),
            Policy("untold", ("mine",), (Rule(Scaled, "Told"),)),
        ]


def pytest_configure():
    plugin_manager().register(Plugin(), "mine")


def pytest_symbiote_subjects(plugin):
    if plugin != "mine":
        return []
    return [
        Subject("Told", lambda: Scaled(64), [takes("B", "S", 64)]),
        ModelSubject("told", Model, [takes("B", "S", 64)]),
    ]
"""


@pytest.fixture(scope="module")
def by_option(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``--symbiote-conformance`` for a plugin with kernels and policies, of which it knows half."""
    folder = tmp_path_factory.mktemp("option")
    arguments = ("--symbiote-conformance", "mine", "-k", "not mock", *ALONE)
    return run_pytest(folder, *arguments, conftest=PLUGIN, test_own="def test_own(): pass")


class TestTheOption:
    def test_judges_kernels_and_policies(self, by_option: Run) -> None:
        for check in ("parity", "batch", "lifecycle", "state", "restore", "sharing", "leaks"):
            assert by_option.of(f"TestKernels[Told-{check}]").status == "passed"
        for check in ("parity", "report", "lifecycle", "state", "restore", "fallback"):
            assert by_option.of(f"TestPolicies[told-{check}]").status == "passed"

    def test_adds_to_the_tests_of_a_project_that_has_it_in_its_addopts(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --symbiote-conformance mine\n")
        chosen = ("-k", "own or leaks", "--symbiote-examples", "3", *ALONE)
        run = run_pytest(tmp_path, *chosen, conftest=PLUGIN, test_own="def test_own(): pass")
        assert run.of("test_own[").status == "passed"
        assert run.of("TestKernels[Told-leaks]").status == "passed"

    def test_runs_nothing_else(self, by_option: Run) -> None:
        assert "test_own" not in by_option.out

    @pytest.mark.parametrize(
        ("test", "name", "write"),
        [
            ("TestKernels[Untold-subject]", "no Scaled is known to judge it by", "Subject('Untold"),
            (
                "TestPolicies[untold-subject]",
                "transformers has no model type 'mine'",
                "ModelSubject('untold'",
            ),
        ],
    )
    def test_what_it_knows_no_subject_for_fails_and_says_what_to_write(
        self, by_option: Run, test: str, name: str, write: str
    ) -> None:
        outcome = by_option.of(test)
        assert outcome.status == "failed"
        assert name in outcome.text
        assert write in outcome.text
        assert "pytest_symbiote_subjects" in outcome.text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--symbiote-conformance", "nobody"), "There is no plugin 'nobody'. Installed are: "),
        (
            ("--symbiote-conformance", "symbiote-emulator"),
            "brings neither kernels nor policies: there is nothing to judge",
        ),
        (("--symbiote-examples", "0"), "at least one example is needed"),
    ],
)
def test_what_makes_no_sense_is_an_error_at_once(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    run = run_pytest(tmp_path, *arguments)
    assert run.code == pytest.ExitCode.USAGE_ERROR
    assert says in run.out


CLASSES = """
from symbiote_conformance import KernelConformance, PolicyConformance
from wrong_kernels import (
    CrashesOffTheEmulator, OnlyOnTheEmulator, Subject, TooLoud, TTNNLinear, nn, takes
)


class Kernels(KernelConformance):
    examples = 6

    def subject(self, kernel):
        return Subject(kernel, lambda: nn.Linear(64, 64), [takes("B", "S", 64)])


class TestRight(Kernels):
    def subjects(self):
        yield self.subject(TTNNLinear)


class TestWrong(Kernels):
    def subjects(self):
        yield self.subject(TooLoud)


class TestChips(Kernels):
    def subjects(self):
        for kernel in (CrashesOffTheEmulator, OnlyOnTheEmulator, TTNNLinear):
            yield self.subject(kernel)
"""


class TestTheClass:
    def test_judges_what_it_is_given(self, tmp_path: Path) -> None:
        run = run_pytest(tmp_path, "-k", "parity or mock and not chips", *ALONE, test_it=CLASSES)
        assert run.of("TestRight[TTNNLinear-parity]").status == "passed"
        wrong = run.of("TestWrong[TooLoud-parity]")
        assert wrong.status == "failed"
        assert "gain 1.0204" in wrong.text
        assert "smallest call: ([1, 1, 64] float32 normal values, seed 0)" in wrong.text
        assert "Traceback" not in wrong.text

    def test_tells_of_a_kernels_error_where_it_came_from(self, tmp_path: Path) -> None:
        broken = """
from wrong_kernels import *
from symbiote_conformance import KernelConformance

class Broken(TTNNLinear):
    def forward(self, x):
        raise KeyError("a mistake of the author")

class TestBroken(KernelConformance):
    def subjects(self):
        yield Subject(Broken, lambda: nn.Linear(64, 64), [takes("B", "S", 64)])
"""
        run = run_pytest(tmp_path, "-k", "parity", *ALONE, test_it=broken)
        text = run.of("TestBroken[Broken-parity]").text
        assert "kernel Broken (plugin test_it): it fails" in text
        assert 'raise KeyError("a mistake of the author")' in text
        assert "During handling of" not in text

    def test_with_nothing_to_judge_is_an_error(self, tmp_path: Path) -> None:
        empty = "from symbiote_conformance import *\nclass TestIt(KernelConformance): pass"
        run = run_pytest(tmp_path, *ALONE, test_it=empty)
        assert run.code != 0
        assert "TestIt has nothing to judge: it has no plugin or subjects" in run.out


@pytest.mark.ttnn
def test_chips_judge_in_processes_of_their_own(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "-k", "TestChips and mock", *ALONE, test_it=CLASSES)
    for chip in ("mock:wormhole_b0", "mock:blackhole"):
        assert run.of(f"TestChips[TTNNLinear-{chip}]").status == "passed"
        refused = run.of(f"TestChips[OnlyOnTheEmulator-{chip}]")
        assert refused.status == "failed"
        assert f"on {chip} it fails" in refused.text
        assert "failed in ttnn.linear on [1, 1, 64] float32 [ttnn_error]" in refused.text
        assert "smallest call: ([1, 1, 64] float32 normal values, seed 0)" in refused.text
        crashed = run.of(f"TestChips[CrashesOffTheEmulator-{chip}]")
        assert crashed.status == "failed"
        assert f"TTNN ended the process of {chip} by SIGSEGV" in crashed.text
