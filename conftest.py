"""What every test run of this repository shares: the `ttnn` marker, random values, versions."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import importlib.util
import os
import platform
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

# Pytest names a test module after its folders (symbiote_core.tests.test_x), and where it finds no
# module symbiote_core it makes an empty one for that folder. Folders at the root that are called
# like the package within them are such cases: the packages have to be there first.
for _project in sorted(Path(__file__).parent.glob("symbiote_*/pyproject.toml")):
    with contextlib.suppress(ModuleNotFoundError):  # not installed: its own tests will say so
        importlib.import_module(_project.parent.name)

ABSENT = pytest.StashKey[int]()
THREADS = "OMP_NUM_THREADS"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-ttnn",
        action="store_true",
        help="fail at once, instead of skipping tests, if ttnn is not installed",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--require-ttnn") and (why := why_no_ttnn()):
        raise pytest.UsageError(f"--require-ttnn: {why}")
    if "PYTEST_XDIST_WORKER" in os.environ and THREADS not in os.environ:
        # Workers, and what they start, share the processors; threads on top would wait in turns.
        os.environ[THREADS] = "1"
        torch.set_num_threads(1)


def pytest_report_header() -> str:
    return "using: " + ", ".join(
        f"{name} {version_of(name) or 'absent'}" for name in ("torch", "transformers", "ttnn")
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = why_no_ttnn()
    if why is None:
        return
    for item in items:
        if item.get_closest_marker("ttnn"):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    # Before any fixture: what a test draws must not depend on the tests that ran before it.
    torch.manual_seed(0)


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    why = why_no_ttnn()
    skipped = terminalreporter.stats.get("skipped", [])
    config.stash[ABSENT] = sum(
        why is not None and report.longrepr[-1] == f"Skipped: {why}" for report in skipped
    )
    yield


def pytest_unconfigure(config: pytest.Config) -> None:
    # After pytest's own last line, so that this one can't be overlooked.
    count = config.stash.get(ABSENT, None)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if count is None or reporter is None:
        return
    why = why_no_ttnn() or f"ttnn {version_of('ttnn')} is installed"
    tests = "test" if count == 1 else "tests"
    reporter.write_line(f"{count} {tests} skipped for want of ttnn: {why}")


def why_no_ttnn() -> str | None:
    """Why tests that need ttnn can't run here, or None if they can."""
    if importlib.util.find_spec("ttnn") is not None:
        return None
    wheels = "wheels exist for 3.10 and 3.12 on Linux x86-64"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"no ttnn wheel for {platform.system()} {platform.machine()} ({wheels})"
    if sys.implementation.name != "cpython" or version not in ("3.10", "3.12"):
        return f"no ttnn wheel for {platform.python_implementation()} {version} ({wheels})"
    return "ttnn is not installed here, though it has a wheel for this Python"


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
