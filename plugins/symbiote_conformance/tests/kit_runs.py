"""Running pytest with the kit as an author does: in a process and a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import attrs


@attrs.frozen
class Outcome:
    """How a test ended.

    Attributes:
        status: ``passed``, ``failed``, ``error`` or ``skipped``.
        text: what it said.
    """

    status: str
    text: str = ""


@attrs.frozen
class Run:
    """What a run of pytest did.

    Attributes:
        code: its exit status.
        out: what it printed.
        tests: how the tests ended, by ``Class::name``.
    """

    code: int
    out: str
    tests: dict[str, Outcome]

    def of(self, test: str) -> Outcome:
        """The outcome of ``Class[id]``, which has one test function."""
        cls, _, name = test.partition("[")
        [found] = [o for key, o in self.tests.items() if key == f"{cls}[{name}"]
        return found


def run_pytest(folder: Path, *arguments: str, **files: str) -> Run:
    """Run pytest in a folder with these files in it.

    Args:
        folder: an empty one.
        arguments: the command line.
        files: texts by file name without ``.py``.
    """
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    tests_of_this_package = str(Path(__file__).parent)
    path = os.pathsep.join(filter(None, [tests_of_this_package, *sys.path]))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--junitxml", "junit.xml"),
            *("-p", "no:cacheprovider", *arguments),
        ],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    report = folder / "junit.xml"
    return Run(done.returncode, done.stdout, _outcomes(report) if report.exists() else {})


def _outcomes(report: Path) -> dict[str, Outcome]:
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        cls = case.get("classname", "").rpartition(".")[2]
        name = f"{cls}[{case.get('name', '').partition('[')[2]}"
        outcome = Outcome("passed")
        for kind, status in (("failure", "failed"), ("error", "error"), ("skipped", "skipped")):
            told = case.find(kind)
            if told is not None:
                outcome = Outcome(status, f"{told.get('message', '')}\n{told.text or ''}")
        found[name] = outcome
    return found
