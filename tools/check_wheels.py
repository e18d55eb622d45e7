"""Build every wheel into dist/ and check that each one works by itself.

    .venv/bin/python tools/check_wheels.py

For each distribution an empty venv gets its wheel, the wheels of the symbiote distributions that it
depends on, and the third-party distributions that these declare, and nothing else, so that a
dependency that is used but not declared is found. The third-party ones are links into the
environment that runs this script: nothing is downloaded. In that venv, and outside the checkout,
the package imports, its entry points of the group `symbiote` are found and load, and its own
promises hold (PROMISES). Last, the meta distribution goes in together with all the others, and
`pip check` has nothing to say.
"""

from __future__ import annotations

import email
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from setup_venv import ROOT, distributions

DIST = ROOT / "dist"
META = "symbiote"

# These are not found through entry points: the one that looks for them, the command, and the kit
# that tests import.
WITHOUT_ENTRY_POINTS = ("symbiote-core", "symbiote-cli", "symbiote-conformance")

# Imports the package and loads the entry points that its wheel declares.
LOAD = """
import importlib, importlib.metadata as metadata, pathlib, sys
distribution, package, needs_entry_point = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
module = importlib.import_module(package)
file = pathlib.Path(module.__file__).resolve()
assert file.is_relative_to(pathlib.Path(sys.prefix).resolve()), f"imported from {file}"
own = metadata.distribution(distribution).entry_points.select(group="symbiote")
assert own or not needs_entry_point, "the wheel declares no entry point of the group symbiote"
found = {point.name: point for point in metadata.entry_points(group="symbiote")}
for point in own:
    print(f"    entry point {point.name}: {found[point.name].load()!r}")
"""

# torch says so at import where numpy, which it does not require, is absent.
NO_NUMPY = ("-W", "ignore:Failed to initialize NumPy:UserWarning")

# What else a distribution promises: commands for the interpreter of its venv.
PROMISES: dict[str, list[list[str]]] = {
    "symbiote-core": [
        [
            "-c",
            "import sys, symbiote_core; early = {'ttnn', 'transformers'} & sys.modules.keys(); "
            "assert not early, f'symbiote_core imports {early}'",
        ]
    ],
    "symbiote-conformance": [
        [
            "-c",
            "import sys, pytest_symbiote; early = {'torch', 'hypothesis'} & sys.modules.keys(); "
            "assert not early, f'the plugin of pytest imports {early}'",
        ],
        ["-m", "pytest", "--symbiote-examples", "3", "--version"],
    ],
    "symbiote-cli": [
        ["-m", "symbiote_cli", "--help"],
        [
            *NO_NUMPY,
            "-c",
            "from symbiote_cli import characters, digits; digits.model_path(); "
            "assert characters.held_out_text() and characters.load_vocabulary()",
        ],
    ],
}


class CheckError(Exception):
    """A wheel does not hold what it promises."""


def run(*command: str | Path, cwd: Path, say: bool = False) -> None:
    """Run a command that has to succeed; its output is shown if it fails, or if `say`."""
    # PYTHONPATH could make the checkout importable.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    parts = [str(part) for part in command]
    done = subprocess.run(
        parts,
        cwd=cwd,
        env={**environment, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise CheckError(f"exit code {done.returncode} from {' '.join(parts)}\n{done.stdout}")
    if say:
        print(done.stdout, end="", flush=True)


def build() -> dict[str, Path]:
    """Build all wheels into an emptied dist/; the wheel of each distribution by name."""
    for old in DIST.glob("symbiote*.whl"):
        old.unlink()
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", DIST)
    run(sys.executable, "-m", "pip", "wheel", *options, ROOT, *distributions(), cwd=ROOT)
    built = sorted(DIST.glob("symbiote*.whl"))
    wheels: dict[str, Path] = {canonicalize_name(path.name.split("-")[0]): path for path in built}
    if len(wheels) != len(distributions()) + 1:
        raise CheckError(f"expected one wheel for each pyproject.toml, got {sorted(wheels)}")
    return wheels


def check_content(name: str, wheel: Path) -> None:
    """A wheel holds its licence and, but for the meta distribution, py.typed."""
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    wanted = ["LICENSE"] if name == META else ["LICENSE", f"{name.replace('-', '_')}/py.typed"]
    for end in wanted:
        if not any(file.endswith(end) for file in files):
            raise CheckError(f"{wheel.name} has no {end}")
    # The templates of a new plugin have tests too, which are no modules.
    strangers = [f for f in files if f.endswith(".py") and "tests" in f.split("/")]
    if strangers:
        raise CheckError(f"{wheel.name} holds tests: {strangers[:3]}")


def requirements_of(wheel: Path) -> list[Requirement]:
    """What a wheel requires, as its metadata say."""
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(path).decode()
    lines = email.message_from_string(text).get_all("Requires-Dist", [])
    return [Requirement(line) for line in lines]


def closure(name: str, wheels: dict[str, Path]) -> tuple[set[str], set[str]]:
    """All that a distribution needs here: the names of ours, and of third-party ones."""
    ours: set[str] = set()
    others: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(name, frozenset())]
    while waiting:
        current, extras = waiting.pop()
        if (current, extras) in seen:
            continue
        seen.add((current, extras))
        needs: Iterable[Requirement]
        if current in wheels:
            ours.add(current)
            needs = requirements_of(wheels[current])
        else:
            others.add(current)
            needs = [Requirement(text) for text in importlib.metadata.requires(current) or []]
        for need in needs:
            marker = need.marker
            if marker is None or any(marker.evaluate({"extra": e}) for e in extras | {""}):
                waiting.append((canonicalize_name(need.name), frozenset(need.extras)))
    return ours, others


def link(names: Iterable[str], folder: Path) -> None:
    """Make the installed distributions `names` importable from `folder`, by links."""
    folder.mkdir()
    for name in names:
        for file in importlib.metadata.files(name) or []:
            top = file.parts[0]
            if top in ("..", "__pycache__") or (folder / top).exists():
                continue
            (folder / top).symlink_to(Path(str(file.locate())).parents[len(file.parts) - 1] / top)


def make_environment(place: Path, wheels: Iterable[Path], others: Iterable[str]) -> Path:
    """A venv with these wheels and links to these distributions; its interpreter."""
    place.mkdir()
    environment = place / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=place)
    python = environment / "bin" / "python"
    link(others, place / "third-party")
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "third_party.pth").write_text(f"{place / 'third-party'}\n")
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", "--quiet", *wheels, cwd=place)
    return python


def check_alone(name: str, wheels: dict[str, Path], place: Path) -> None:
    """Check one distribution in a venv of its own."""
    ours, others = closure(name, wheels)
    python = make_environment(place, [wheels[each] for each in sorted(ours)], others)
    wants_entry_point = name not in WITHOUT_ENTRY_POINTS
    package = name.replace("-", "_")
    print(f"{name}: with {', '.join(sorted(ours - {name})) or 'no other of ours'}", flush=True)
    run(python, *NO_NUMPY, "-c", LOAD, name, package, str(wants_entry_point), cwd=place, say=True)
    for promise in PROMISES.get(name, []):
        run(python, *promise, cwd=place)


def check_together(wheels: dict[str, Path], place: Path) -> None:
    """Check that the meta distribution finds all it asks for, and the command starts."""
    ours, others = closure(META, wheels)
    if ours != wheels.keys():
        raise CheckError(f"the meta distribution leaves out {sorted(wheels.keys() - ours)}")
    python = make_environment(place, wheels.values(), others)
    run(sys.executable, "-m", "pip", "--python", python, "check", cwd=place)
    run(python.with_name("symbiote"), "plugins", cwd=place)
    print(f"{META}: with all the others, nothing missing", flush=True)


def main() -> None:
    """Build and check all wheels; end with exit code 1 at the first fault."""
    try:
        wheels = build()
        for name, wheel in wheels.items():
            check_content(name, wheel)
        with tempfile.TemporaryDirectory(prefix="symbiote-wheels-") as folder:
            for name in sorted(wheels.keys() - {META}):
                check_alone(name, wheels, Path(folder) / name)
            check_together(wheels, Path(folder) / META)
    except CheckError as error:
        raise SystemExit(f"error: {error}") from error
    print(f"{len(wheels)} wheels in {DIST.name}/ are good")


if __name__ == "__main__":
    main()
