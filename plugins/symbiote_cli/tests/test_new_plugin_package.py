"""A package that ``symbiote new-plugin`` makes installs, is found, and passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def run(*args: str, cwd: Path, **environ: str) -> str:
    """What a module of Python prints when it is run."""
    done = subprocess.run(
        [sys.executable, "-m", *args],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "80"} | environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("made_for", [None, "transformers:bert"])
def test_it_installs_and_passes_its_own_tests(
    symbiote: Any, tmp_path: Path, made_for: str | None
) -> None:
    asked = [] if made_for is None else ["--for", made_for]
    result = symbiote("new-plugin", "acme-kernels", "--into", tmp_path, *asked)
    assert result.exit_code == 0, result.output
    folder, site = tmp_path / "acme-kernels", tmp_path / "site"
    offline = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    run("pip", "install", *offline, "--target", str(site), str(folder), cwd=tmp_path)
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    listed = run("symbiote_cli", "plugins", "--load", cwd=tmp_path, PYTHONPATH=path)
    (row,) = (line.split() for line in listed.splitlines() if "acme-kernels 0.1.0" in line)
    assert " ".join(row) == "acme-kernels acme-kernels 0.1.0 1 active 1 kernel, 1 policy"
    told = run("pytest", "-q", cwd=folder, PYTHONPATH=path)
    assert " passed" in told
    assert "failed" not in told


def test_its_tests_can_fail(symbiote: Any, tmp_path: Path) -> None:
    assert symbiote("new-plugin", "acme-kernels", "--into", tmp_path).exit_code == 0
    folder = tmp_path / "acme-kernels"
    kernels = folder / "src" / "acme_kernels" / "kernels.py"
    right = kernels.read_text()
    wrong = right.replace("self.tt_down(self.tt_up(x))", "self.tt_down(self.tt_up(x) + 1)")
    assert wrong != right
    kernels.write_text(wrong)
    info = folder / "src" / "acme_kernels-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-kernels\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[symbiote]\nacme-kernels = acme_kernels.plugin\n")
    path = os.pathsep.join([str(folder / "src"), os.environ.get("PYTHONPATH", "")])
    with pytest.raises(AssertionError, match="test_it_gives_the_values_of_torch"):
        run("pytest", "-q", "tests/test_kernel.py", cwd=folder, PYTHONPATH=path)
