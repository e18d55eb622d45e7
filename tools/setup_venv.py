"""Set up the development environment: a venv that holds every distribution of this repository.

    python3 tools/setup_venv.py .venv                 # with ttnn where it has a wheel
    python3 tools/setup_venv.py .venv --no-ttnn       # without it, whatever the interpreter
    python3 tools/setup_venv.py .venv --overlay requirements-transformers-4.txt

The venv is made for the interpreter that runs this script, which needs nothing but the standard
library. torch goes in first and by itself, at the pinned version, so that no later range can choose
another build of it. Then come the other dependencies and, editable, the distributions. A stamp
(interpreter, pyproject files, constraints) is written last: while it matches, nothing is done; a
set-up that was cut short leaves no stamp and begins again from an empty venv.

An overlay is a folder of packages under the venv, meant for the front of PYTHONPATH, so that the
tests also run with other releases than the venv's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
DEV_REQUIREMENTS = ROOT / "requirements-dev.txt"
OLDEST, NEWEST = (3, 10), (3, 13)  # the range that CI and constraints.txt know

STAMP = ".symbiote-stamp"
UNFINISHED = ".symbiote-unfinished"

# The interpreters that ttnn 0.81 has wheels for.
TTNN_PYTHONS = ((3, 10), (3, 12))

# Runs in the venv. pip brings its own TOML reader; tomllib came only with Python 3.11.
READ_DEPENDENCIES = """
import json, sys
try:
    import tomllib
except ModuleNotFoundError:
    from pip._vendor import tomli as tomllib
needs = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        project = tomllib.load(file)["project"]
    needs += project.get("dependencies", [])
    for extra in project.get("optional-dependencies", {}).values():
        needs += extra
print(json.dumps(sorted(set(needs))))
"""


class SetupError(Exception):
    """The environment can't be set up; the text says why and what to do."""


def log(text: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(f"[setup] {text}", flush=True)


def distributions() -> list[Path]:
    """The folders that hold a distribution with code of its own, in a stable order."""
    found = [*ROOT.glob("symbiote_*/pyproject.toml"), *ROOT.glob("plugins/*/pyproject.toml")]
    return sorted(path.parent for path in found)


def interpreter() -> str:
    """What a venv must agree in with the interpreter that runs this script."""
    return f"{sys.implementation.name} {platform.python_version()} {platform.machine()}"


def ttnn_has_wheel() -> bool:
    """Whether ttnn has a wheel for the interpreter that runs this script."""
    return (
        sys.platform == "linux"
        and platform.machine() == "x86_64"
        and sys.implementation.name == "cpython"
        and sys.version_info[:2] in TTNN_PYTHONS
    )


def fingerprint(*parts: str, files: list[Path]) -> str:
    """One hash over the interpreter, this script, `parts` and the content of `files`."""
    digest = hashlib.sha256()
    for text in (interpreter(), *parts):
        digest.update(text.encode() + b"\0")
    for path in (Path(__file__), *files):
        digest.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def venv_python(venv: Path) -> Path:
    """The interpreter inside `venv`."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def output_of(*command: str | Path) -> str | None:
    """What `command` prints, or None if it can't be run or fails."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def why_unusable(venv: Path) -> str | None:
    """Why the venv has to be made anew, or None if it is good."""
    if (venv / UNFINISHED).exists():
        return "its set-up was interrupted"
    if not (venv / "pyvenv.cfg").is_file():
        return "it is not a venv"
    show = (
        "import platform as p, sys; print(sys.implementation.name, p.python_version(), p.machine())"
    )
    found = output_of(venv_python(venv), "-c", show)
    if found is None:
        return "its interpreter does not run"
    if found != interpreter():
        return f"it is for {found}, this is {interpreter()}"
    return None


def remove(venv: Path) -> None:
    """Remove a venv; cut short, this leaves no half of one under its name."""
    rest = venv.with_name(f"{venv.name}.removed")
    if rest.exists():
        shutil.rmtree(rest)
    venv.rename(rest)
    shutil.rmtree(rest)


def make_venv(venv: Path) -> None:
    """Make an empty venv for this interpreter, in place of whatever venv is there."""
    if venv.exists():
        why = why_unusable(venv)
        if why is None and output_of(venv_python(venv), "-m", "pip", "--version"):
            return
        ours = any((venv / name).exists() for name in ("pyvenv.cfg", UNFINISHED))
        if not ours and not (venv.is_dir() and not any(venv.iterdir())):
            raise SetupError(f"{venv} exists and is not a venv. Name another folder.")
        log(f"making {venv.name} anew: {why or 'it has no working pip'}")
        remove(venv)
    log(f"making {venv.name} for {interpreter()}")
    venv.mkdir(parents=True)
    (venv / UNFINISHED).touch()  # first of all, so that a venv cut short here is known as such
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", str(venv)], check=True, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        remove(venv)
        raise SetupError(
            f"{sys.executable} -m venv failed with exit code {error.returncode}. This Python has "
            "no working venv module; on Debian and Ubuntu it is the package "
            f"python{sys.version_info[0]}.{sys.version_info[1]}-venv. "
            "Install it, or choose another interpreter: make PYTHON=python3.12 ..."
        ) from error


def pip(venv: Path, *arguments: str | Path) -> None:
    """Run `pip install` in the venv under the repository's constraints."""
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    command = [venv_python(venv), "-m", "pip", "install", "--no-input", *quiet, *arguments]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        subprocess.run(
            [str(part) for part in command],
            check=True,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.CalledProcessError as error:
        raise SetupError(
            f"pip failed with exit code {error.returncode}; its own message stands above. "
            "Mend the cause (network, disk space, a pin in constraints.txt) and run this again: "
            "it goes on with what is installed."
        ) from error


def third_party(venv: Path, folders: list[Path], *, ttnn: bool) -> list[str]:
    """What the distributions need from outside this repository, extras included."""
    files = [folder / "pyproject.toml" for folder in folders]
    text = output_of(venv_python(venv), "-c", READ_DEPENDENCIES, *files)
    if text is None:
        raise SetupError("A pyproject.toml can't be read as TOML, or has no [project] table.")
    needs: list[str] = json.loads(text)
    return [
        need
        for need in needs
        if not name_of(need).startswith("symbiote-") and (ttnn or name_of(need) != "ttnn")
    ]


def name_of(requirement: str) -> str:
    """The name in a requirement such as `torch>=2.6`, normalised as in PEP 503."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else ""


def install(venv: Path, *, ttnn: bool) -> None:
    """Install torch, then the other dependencies, then the distributions (editable)."""
    pinned = ("-c", CONSTRAINTS)
    folders = distributions()
    needs = third_party(venv, folders, ttnn=ttnn)
    torch = [need for need in needs if name_of(need) == "torch"]
    log("installing torch (the CUDA build of it, where pip finds no other, is several GB)")
    pip(venv, *pinned, *torch)
    log("installing the other dependencies" + (", ttnn among them" if ttnn else ""))
    pip(venv, *pinned, *needs, "-r", DEV_REQUIREMENTS)
    log("installing " + ", ".join(folder.name for folder in folders) + " (editable)")
    editables = [part for folder in folders for part in ("-e", str(folder))]
    pip(venv, "--no-deps", "--no-build-isolation", *editables)


def set_up(venv: Path, *, ttnn: bool) -> None:
    """Bring the venv up to date, unless its stamp says that it is."""
    files = [
        CONSTRAINTS,
        DEV_REQUIREMENTS,
        *(folder / "pyproject.toml" for folder in distributions()),
    ]
    ttnn = ttnn and ttnn_has_wheel()
    stamp, wanted = venv / STAMP, fingerprint(f"ttnn={ttnn}", files=files)
    if stamp.is_file() and stamp.read_text() == wanted and why_unusable(venv) is None:
        return
    started = time.monotonic()
    stamp.unlink(missing_ok=True)
    make_venv(venv)
    (venv / UNFINISHED).touch()
    try:
        if not ttnn and has_ttnn(venv):
            subprocess.run(
                [str(venv_python(venv)), "-m", "pip", "uninstall", "--yes", "--quiet", "ttnn"],
                check=True,
            )
        install(venv, ttnn=ttnn)
    except SetupError:
        (venv / UNFINISHED).unlink()  # pip failed in good order: what it installed is whole
        raise
    (venv / UNFINISHED).unlink()
    stamp.write_text(wanted)
    log(f"{venv.name} is ready after {time.monotonic() - started:.0f} s")


def has_ttnn(venv: Path) -> bool:
    """Whether ttnn is installed in the venv."""
    show = "from importlib.metadata import version; print(version('ttnn'))"
    return output_of(venv_python(venv), "-c", show) is not None


def set_up_overlay(venv: Path, requirements: Path) -> None:
    """Bring the overlay of the venv up to date; its folder is named after the file."""
    if not requirements.is_file():
        raise SetupError(f"{requirements} does not exist.")
    folder = venv / requirements.stem.replace("requirements", "overlay")
    stamp, wanted = folder / STAMP, fingerprint(files=[requirements])
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    log(f"installing {requirements.name} into {venv.name}/{folder.name}")
    shutil.rmtree(folder, ignore_errors=True)
    pip(venv, "--no-deps", "--target", folder, "-r", requirements)
    stamp.write_text(wanted)


def fail(text: str) -> NoReturn:
    """End with a message and exit code 1."""
    raise SystemExit(f"[setup] error: {text}")


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("venv", type=Path, help="folder of the venv, made if missing")
    parser.add_argument("--no-ttnn", action="store_true", help="leave out ttnn")
    parser.add_argument("--overlay", type=Path, metavar="FILE", help="add this overlay to the venv")
    arguments = parser.parse_args()
    version = sys.version_info[:2]
    if version < OLDEST:
        fail(
            f"Python {platform.python_version()} is too old: Symbiote needs 3.10 or newer. "
            "Choose another interpreter: make PYTHON=python3.12 ..."
        )
    if version > NEWEST:
        log(f"Python {platform.python_version()} is newer than any that Symbiote is tested with")
    venv: Path = arguments.venv.absolute()
    try:
        set_up(venv, ttnn=not arguments.no_ttnn)
        if arguments.overlay:
            set_up_overlay(venv, arguments.overlay.absolute())
    except SetupError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted. Run it again: it begins with an empty venv.")


if __name__ == "__main__":
    main()
