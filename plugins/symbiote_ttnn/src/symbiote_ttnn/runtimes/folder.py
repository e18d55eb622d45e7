"""The folder of the mock: TTNN's runtime root, its kernel cache and its logs."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import attrs

from symbiote_core import DeviceError
from symbiote_ttnn.runtimes.stub import SCRIPT, empty_elf

_STAMP = "ttnn-version"
_LINKS = ("tt_metal", "ttnn", "runtime/hw")
_COMPILER = "runtime/sfpi/compiler/bin"


@attrs.frozen
class Wheel:
    """The installed ``ttnn``.

    Attributes:
        version: its version.
        folder: the package's folder.
    """

    version: str
    folder: Path

    @classmethod
    def installed(cls) -> Wheel:
        """That of this environment, without importing it."""
        spec = importlib.util.find_spec("ttnn")
        assert spec is not None
        assert spec.submodule_search_locations
        folder = Path(spec.submodule_search_locations[0]).resolve()
        return cls(importlib.metadata.version("ttnn"), folder)


def mock_folders() -> Path:
    """What holds the folder of the mock of each ttnn version.

    Raises:
        DeviceError: if there is neither XDG_CACHE_HOME nor a home folder.
    """
    given = os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(given) if given else Path.home() / ".cache"
    except RuntimeError as error:
        raise DeviceError(f"The mock has no place: {error}. Set XDG_CACHE_HOME.") from error
    return base / "symbiote" / "mock-ttnn"


def prepare_folder(folder: Path, wheel: Wheel) -> None:
    """Fill the mock's folder or mend it: links into the wheel, the stand-in compiler.

    Every entry is put in its place at once, when it is whole, and only where it differs: other
    processes may use the folder meanwhile, or prepare it themselves.

    Args:
        folder: where; its kernel cache is its own, since null kernels must not get into that of
            real hardware.
        wheel: what it is for.

    Raises:
        DeviceError: if the folder belongs to another version of ttnn, something else stands in it,
            or it can't be written.
    """
    stamp = folder / _STAMP
    try:
        held = stamp.read_text() if stamp.is_file() else ""
        if held not in ("", wheel.version):  # an empty one was left by a crash
            raise DeviceError(
                f"The mock's folder {folder} belongs to ttnn {held}; {wheel.version} is "
                "installed. Delete the folder."
            )
        for name in _LINKS:
            _link(folder / name, wheel.folder / name)
        (folder / "runtime/sfpi/include").mkdir(parents=True, exist_ok=True)
        write(folder / _COMPILER / "empty.elf", empty_elf())
        write(folder / _COMPILER / "riscv-tt-elf-g++", SCRIPT.encode(), 0o755)
        write(stamp, wheel.version.encode())
    except OSError as error:
        raise DeviceError(
            f"The mock's folder {folder} can't be written: {error}. Delete it, or set "
            "XDG_CACHE_HOME to a folder that can be."
        ) from error


def write(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Give a file this content and mode, in one step; leave one that has them alone."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == content and path.stat().st_mode & 0o777 == mode:
            return

    def make(beside: Path) -> None:
        beside.write_bytes(content)
        beside.chmod(mode)

    _replace(path, make)


def _link(path: Path, target: Path) -> None:
    """Make ``path`` a link to ``target``, in one step."""
    if path.is_symlink():
        if path.readlink() == target:
            return
    elif path.exists():
        raise DeviceError(
            f"{path} should be a link into the ttnn wheel and is not: the mock's folder was "
            f"changed. Delete {path}."
        )
    _replace(path, lambda beside: beside.symlink_to(target))


def _replace(path: Path, make: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        beside = Path(scratch) / path.name
        make(beside)
        beside.replace(path)
