"""The core imports neither ttnn nor transformers, checked in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import symbiote_core

CHECK = """
import sys
{first}
import symbiote_core
roots = {{name.partition(".")[0] for name in sys.modules}}
foreign = sorted(roots & {{"ttnn", "transformers", "symbiote_ttnn", "symbiote_emulator"}})
print(",".join(foreign))
"""


def _foreign(first: str, folder: Path) -> str:
    """The foreign packages that are imported once ``first`` and the core are."""
    source = Path(symbiote_core.__file__).parents[1]
    code = f"import sys; sys.path[:0] = [{str(source)!r}, {str(folder)!r}]"
    done = subprocess.run(
        [sys.executable, "-c", code + CHECK.format(first=first)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_core_imports_no_backend_and_no_model_library(tmp_path: Path) -> None:
    assert _foreign("", tmp_path) == ""


def test_this_check_can_fail(tmp_path: Path) -> None:
    (tmp_path / "ttnn.py").write_text("")
    assert _foreign("import ttnn", tmp_path) == "ttnn"


def test_the_core_imports_where_there_is_no_numpy(tmp_path: Path) -> None:
    assert _foreign("sys.modules['numpy'] = None", tmp_path) == ""


def test_every_public_name_is_there_and_listed_in_order() -> None:
    assert symbiote_core.__all__ == sorted(symbiote_core.__all__)
    for name in symbiote_core.__all__:
        assert getattr(symbiote_core, name) is not None
