"""The folder of the mock: whole or mended, never mistaken, never half-written."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from symbiote_core import DeviceError
from symbiote_ttnn.runtimes.folder import Wheel, mock_folders, prepare_folder, write

COMPILER = "runtime/sfpi/compiler/bin/riscv-tt-elf-g++"
LINKS = ("tt_metal", "ttnn", "runtime/hw")


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    for name in LINKS:
        (tmp_path / "wheel" / name).mkdir(parents=True)
    return Wheel("1.2.3", tmp_path / "wheel")


@pytest.fixture
def folder(tmp_path: Path, wheel: Wheel) -> Path:
    prepare_folder(tmp_path / "mock", wheel)
    return tmp_path / "mock"


def contents(folder: Path) -> dict[str, object]:
    """What is in the folder; links are not followed."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = path.readlink()
        elif path.is_file():
            found[str(path.relative_to(folder))] = (path.read_bytes(), path.stat().st_mode)
    return found


def test_it_holds_links_a_compiler_and_the_version(folder: Path, wheel: Wheel) -> None:
    compiler = [str(Path(COMPILER).with_name(name)) for name in ("empty.elf", Path(COMPILER).name)]
    assert sorted(contents(folder)) == sorted([*compiler, *LINKS, "ttnn-version"])
    assert [(folder / name).readlink() for name in LINKS] == [wheel.folder / n for n in LINKS]
    assert list(wheel.folder.rglob("*.elf")) == []


def test_the_compiler_stands_in(folder: Path, tmp_path: Path) -> None:
    compiler = folder / COMPILER
    said = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    assert "15.1.0" in said.stdout
    subprocess.run([compiler, "-c", "a.cc", "-o", tmp_path / "a.o"], check=True)
    assert (tmp_path / "a.d").read_text() == f"{tmp_path}/a.o: a.cc\n"
    subprocess.run([compiler, tmp_path / "a.o", "-o", tmp_path / "a.elf"], check=True)
    assert (tmp_path / "a.elf").read_bytes() == compiler.with_name("empty.elf").read_bytes()


def _break_link(folder: Path) -> None:
    (folder / "tt_metal").unlink()
    (folder / "tt_metal").symlink_to("/nowhere/at/all")


def _half_write(folder: Path) -> None:
    (folder / "ttnn-version").write_text("")
    (folder / "runtime/hw").unlink()
    (folder / COMPILER).write_text("#!/bin/sh\n")


def _disarm(folder: Path) -> None:
    (folder / COMPILER).chmod(0o644)


@pytest.mark.parametrize("damage", [_break_link, _half_write, _disarm])
def test_damage_is_mended(folder: Path, wheel: Wheel, damage: Callable[[Path], None]) -> None:
    whole = contents(folder)
    damage(folder)
    assert contents(folder) != whole
    prepare_folder(folder, wheel)
    assert contents(folder) == whole


def test_another_wheel_of_the_version_takes_it_over(
    folder: Path, wheel: Wheel, tmp_path: Path
) -> None:
    moved = Wheel("1.2.3", tmp_path / "moved")
    wheel.folder.rename(moved.folder)
    prepare_folder(folder, moved)
    assert (folder / "tt_metal").resolve() == moved.folder / "tt_metal"


def test_what_is_whole_is_left_alone(folder: Path, wheel: Wheel) -> None:
    def written() -> dict[Path, int]:
        return {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}

    before = written()
    prepare_folder(folder, wheel)
    assert written() == before


def test_the_folder_of_another_version_is_refused(folder: Path, wheel: Wheel) -> None:
    before = contents(folder)
    with pytest.raises(DeviceError) as caught:
        prepare_folder(folder, Wheel("1.3.0", wheel.folder))
    assert str(caught.value) == (
        f"The mock's folder {folder} belongs to ttnn 1.2.3; 1.3.0 is installed. Delete the folder."
    )
    assert contents(folder) == before


def test_a_copy_instead_of_a_link_is_refused(folder: Path, wheel: Wheel) -> None:
    (folder / "ttnn").unlink()
    (folder / "ttnn").mkdir()
    with pytest.raises(DeviceError) as caught:
        prepare_folder(folder, wheel)
    assert str(caught.value) == (
        f"{folder / 'ttnn'} should be a link into the ttnn wheel and is not: the mock's folder was "
        f"changed. Delete {folder / 'ttnn'}."
    )


def test_a_place_that_is_no_folder_is_told(wheel: Wheel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError) as caught:
        prepare_folder(tmp_path / "file" / "mock", wheel)
    assert str(caught.value).startswith(f"The mock's folder {tmp_path}/file/mock can't be written")
    assert str(caught.value).endswith("or set XDG_CACHE_HOME to a folder that can be.")


def test_it_stands_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert mock_folders() == tmp_path / "symbiote" / "mock-ttnn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert mock_folders() == Path("/home/somebody/.cache/symbiote/mock-ttnn")


def test_a_reader_never_sees_a_half_written_file(tmp_path: Path) -> None:
    path, texts = tmp_path / "file", [b"a" * 200_000, b"b" * 200_000]
    write(path, texts[0])
    stop = threading.Event()

    def rewrite() -> None:
        while not stop.is_set():
            for text in texts:
                write(path, text)

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        assert all(path.read_bytes() in texts for _ in range(300))
    finally:
        stop.set()
        thread.join()
    assert os.listdir(tmp_path) == ["file"]
