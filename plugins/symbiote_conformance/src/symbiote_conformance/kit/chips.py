"""Mock chips: a process of pytest for each, which runs the acceptances that this one asks for.

A process has one kind of mock chip for its life, and a call that TTNN does not check may end it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from symbiote_conformance.kit.failures import ConformanceError

CHIPS: Final = ("mock:wormhole_b0", "mock:blackhole")
"""The mock chips that judge."""

_TAIL: Final = 3000
"""Characters of what a process said that are shown where it failed."""


def why_no_chips() -> str | None:
    """Why there are no mock chips here, or None if there are."""
    if importlib.util.find_spec("ttnn") is None:
        return "ttnn is not installed"
    return None


@attrs.frozen
class Verdict:
    """How a test ended in the other process.

    Attributes:
        outcome: ``passed``, ``failed`` or ``skipped``.
        text: what it said.
    """

    outcome: str
    text: str


_VERDICTS: Final = pytest.StashKey[dict[str, Verdict]]()


def asking(config: pytest.Config) -> Callable[[pytest.Item, str], None] | None:
    """What asks the process of a chip; None if this is one."""
    return None if config.getoption("symbiote_chip") else ask


def ask(item: pytest.Item, chip: str) -> None:
    """End a test as the process of ``chip`` ends it; at the first call it runs them all.

    Raises:
        ConformanceError: if it failed there.
    """
    verdicts = item.config.stash.setdefault(_VERDICTS, {})
    if item.nodeid not in verdicts:
        wanted = [other for other in item.session.items if _chip_of(other) == chip]
        verdicts.update(_run(item.config, chip, wanted if item in wanted else [item]))
    verdict = verdicts[item.nodeid]
    if verdict.outcome == "skipped":
        pytest.skip(verdict.text)
    if verdict.outcome != "passed":
        pytest.fail(verdict.text, pytrace=False)


def _chip_of(item: pytest.Item) -> str:
    spec = getattr(item, "callspec", None)  # of functions alone
    judgement = None if spec is None else spec.params.get("symbiote_judgement")
    return "" if judgement is None else str(judgement.chip)


def _run(config: pytest.Config, chip: str, items: Sequence[pytest.Item]) -> dict[str, Verdict]:
    """Run tests in processes of a chip: in one, and behind a test that ends it, in another."""
    verdicts: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory() as folder:
        left = [item.nodeid for item in items]
        while left:
            found = _run_some(config, chip, items, left, Path(folder))
            verdicts |= found
            left = [nodeid for nodeid in left if nodeid not in verdicts]
    return verdicts


def _run_some(
    config: pytest.Config,
    chip: str,
    items: Sequence[pytest.Item],
    wanted: Sequence[str],
    folder: Path,
) -> dict[str, Verdict]:
    """Run tests up to the first that ends the process; at least one gets a verdict."""
    orders, answers = folder / "wanted.json", folder / "verdicts.jsonl"
    orders.write_text(json.dumps(list(wanted)))
    answers.write_text("")
    files = sorted({str(item.path) for item in items if item.path != DOOR})
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
        *("--rootdir", str(config.rootpath), "--import-mode", config.getoption("importmode")),
        *([] if config.inipath is None else ["-c", str(config.inipath)]),
        *(f"--symbiote-conformance={name}" for name in config.getoption("symbiote_conformance")),
        f"--symbiote-examples={config.getoption('symbiote_examples')}",
        *(f"--symbiote-chip={chip}", f"--symbiote-folder={folder}"),
        *files,
    ]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("TT_", "LOGURU_"))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        command,
        cwd=config.invocation_params.dir,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    verdicts, begun = _read(answers)
    if begun is not None:
        how = f"exit status {done.returncode}"
        if done.returncode < 0:
            how = signal.Signals(-done.returncode).name
        verdicts[begun] = Verdict("failed", f"TTNN ended the process of {chip} by {how}.")
    if not verdicts:
        raise ConformanceError(
            f"the process of {chip}",
            f"it ended with exit status {done.returncode} before any test:\n{done.stdout[-_TAIL:]}",
            None,
            "`symbiote doctor` tells what is missing.",
        )
    return verdicts


def _read(answers: Path) -> tuple[dict[str, Verdict], str | None]:
    """The verdicts in a file, and the test that had begun and has none."""
    verdicts: dict[str, Verdict] = {}
    begun = None
    for line in answers.read_text().splitlines():
        said: dict[str, Any] = json.loads(line)
        if said["outcome"] == "begun":
            begun = said["nodeid"]
            continue
        begun = None
        verdicts[said["nodeid"]] = Verdict(said["outcome"], said["text"])
    return verdicts, begun


DOOR: Final = Path(__file__).with_name("door.py")
"""The module that the option ``--symbiote-conformance`` collects."""


class ChipProcess:
    """The plugin of pytest in the process of a chip: it runs what is wanted and tells of it.

    Args:
        chip: the device string.
        folder: where the two files are.
    """

    def __init__(self, chip: str, folder: Path) -> None:
        self.wanted = set(json.loads((folder / "wanted.json").read_text()))
        self.answers = folder / "verdicts.jsonl"
        self.chip = chip
        self.device: Any = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not wanted."""
        items[:] = [item for item in items if item.nodeid in self.wanted]

    def pytest_runtestloop(self) -> None:
        """Open the device; it stays open for all tests."""
        from symbiote_core import open_device

        self.device = open_device(self.chip)

    def pytest_unconfigure(self) -> None:
        """Close the device."""
        from symbiote_core import close_device

        if self.device is not None:
            close_device(self.device)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell that a test begins."""
        self._tell(nodeid, "begun", "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell how it ended."""
        if report.when != "call" and report.passed:
            return
        text = report.longreprtext
        if report.skipped and isinstance(report.longrepr, tuple):
            text = report.longrepr[2].removeprefix("Skipped: ")
        self._tell(report.nodeid, report.outcome, text)

    def _tell(self, nodeid: str, outcome: str, text: str) -> None:
        with self.answers.open("a") as file:
            print(json.dumps({"nodeid": nodeid, "outcome": outcome, "text": text}), file=file)
