"""Print the path of a Python that ttnn has a wheel for, or say how to get one.

    python3 tools/find_python.py        # CPython 3.12 or 3.10 with a working venv module

Each candidate is run, not only looked up: pyenv's shims are on PATH for every version that pyenv
holds, and fail unless that version is selected.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# The interpreters that ttnn 0.81 has wheels for, the preferred one first.
WANTED = ("3.12", "3.10")

# Printed by a Python that will do; `ensurepip` is what a bare `python3` of Debian lacks.
PROBE = """
import sys
import ensurepip, venv
name = sys.implementation.name
print(name, "%d.%d" % sys.version_info[:2], sys.executable)
"""


def candidates(version: str) -> Iterator[Path]:
    """Where a Python of this version may be: PATH, pyenv's folder, uv's folder."""
    for folder in os.get_exec_path():
        for name in (f"python{version}", "python3", "python"):
            if path := shutil.which(name, path=folder):
                yield Path(path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from newest_first(pyenv / "versions", f"{version}.*/bin/python{version}")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    yield from newest_first(data / "uv" / "python", f"cpython-{version}.*/bin/python{version}")


def newest_first(folder: Path, pattern: str) -> list[Path]:
    """The paths under `folder` that match, the highest patch release first."""

    def patch(path: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in path.parts[-3].split(".") if part.isdigit())

    return sorted(folder.glob(pattern), key=patch, reverse=True)


def probe(path: Path, version: str) -> str | None:
    """The real path of the interpreter, if it runs and is CPython of this version."""
    try:
        done = subprocess.run(
            [str(path), "-c", PROBE],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    name, found, executable = done.stdout.strip().split(" ", 2)
    return executable if (name, found) == ("cpython", version) else None


def find() -> str | None:
    """The first candidate that runs, or None."""
    for version in WANTED:
        for path in dict.fromkeys(candidates(version)):
            if executable := probe(path, version):
                return executable
    return None


def main() -> None:
    """Print the interpreter, or end with what to do."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SystemExit(
            "error: ttnn has wheels for Linux x86-64 only, and this is "
            f"{platform.system()} {platform.machine()}. `make test` runs everything else here."
        )
    found = find()
    if found is None:
        raise SystemExit(
            "error: no Python 3.12 or 3.10 (with venv) that runs was found on PATH, under pyenv "
            "or under uv, and ttnn has wheels for these only. Get one with your system's packages "
            "(python3.12 and python3.12-venv), with `pyenv install 3.12` or with "
            "`uv python install 3.12`; or name one: make test-ttnn TTNN_PYTHON=/path/to/python3.12"
        )
    print(found)


if __name__ == "__main__":
    main()
