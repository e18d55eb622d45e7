"""Runs programs on mock chips in processes of their own.

A process has one kind of mock chip for its life, and a call that goes wrong there may crash it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any


def start(program: Path | str, *arguments: str, folder: Path, **more: str) -> subprocess.Popen[str]:
    """Start a program that can import what the tests can, and sets TTNN up by itself.

    Args:
        program: its file, or the text of it.
        arguments: its command line.
        folder: its working directory.
        more: environment variables beside those of this process.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TT_", "LOGURU_"))}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    given = [str(program)] if isinstance(program, Path) else ["-c", program]
    return subprocess.Popen(
        [sys.executable, *given, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=kept | more,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a program that must end well and be silent on stderr; what it printed."""
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err[-3000:]
    assert err == ""
    return out


def told_by(program: Path | str, *arguments: str) -> Any:
    """The JSON document that a program prints: the only thing it prints and leaves behind."""
    with tempfile.TemporaryDirectory() as folder:
        out = finish(start(program, *arguments, folder=Path(folder)))
        assert os.listdir(folder) == []
    return json.loads(out)
