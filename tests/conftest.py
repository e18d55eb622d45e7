from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "symbiote-bert"


@attrs.frozen
class Environment:
    """A venv that holds the example's wheel, beside what is installed here."""

    python: Path

    def run(
        self, *arguments: str | Path, cwd: Path, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the venv's interpreter; its output is text."""
        # What this process can import: the packages of this repository are installed editable.
        path = os.pathsep.join(filter(None, sys.path))
        return subprocess.run(
            [self.python, *arguments],
            cwd=cwd,
            env=os.environ | {"PYTHONPATH": path} | more,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )


def checked(done: subprocess.CompletedProcess[str]) -> str:
    """What a program printed that must have ended well."""
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's wheel, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    how = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--wheel-dir", folder)
    command = [sys.executable, "-m", "pip", "wheel", *how, EXAMPLE]
    checked(subprocess.run(command, cwd=folder, capture_output=True, text=True))
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="session")
def with_example(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A venv with the example's wheel."""
    folder = tmp_path_factory.mktemp("venv")
    run = {"cwd": folder, "capture_output": True, "text": True}
    checked(subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], **run))
    environment = Environment(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", environment.python, "install"]
    checked(subprocess.run([*pip, "--no-deps", "--no-index", "--quiet", wheel], **run))
    return environment
