"""Python, packages, chips and environment: all that can be seen without importing anything."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from symbiote_cli.doctor.finding import Finding, Status

OLDEST_PYTHON = (3, 10)
OLDEST_TRANSFORMERS = (4, 57)
TTNN_PYTHONS = ("3.10", "3.12")
"""The CPythons that ttnn has wheels for, on Linux x86-64 (PyPI, ttnn 0.81.1)."""

CHIPS = Path("/dev/tenstorrent")
"""Where Tenstorrent's kernel driver (tt-kmd) shows its devices."""

_DISTRIBUTIONS = ("symbiote-core", "symbiote-emulator", "symbiote-ttnn", "symbiote-vit")
_VARIABLES = ("SYMBIOTE_", "TT_", "TTNN_", "ARCH_NAME")


def installed(distribution: str) -> str | None:
    """The version of a distribution, or None.

    Args:
        distribution: as pip spells it.
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine_python() -> Finding:
    """The interpreter."""
    version = platform.python_version()
    found = (
        f"{platform.python_implementation()} {version}, {platform.system()} {platform.machine()}"
    )
    if sys.version_info[:2] < OLDEST_PYTHON:
        return Finding("Python", "Python", Status.BROKEN, found, "Use Python 3.10 or later.")
    return Finding("Python", "Python", Status.OK, found)


def examine_packages() -> Iterator[Finding]:
    """torch, transformers and Symbiote's own distributions."""
    topic = "Packages"
    torch = installed("torch")
    if torch is None:
        advice = "pip install torch"
        yield Finding(topic, "torch", Status.BROKEN, "not installed", advice)
    else:
        yield Finding(topic, "torch", Status.OK, torch)
    transformers = installed("transformers")
    if transformers is None:
        advice = 'For demo, run and plan: pip install "symbiote-cli[hf]"'
        yield Finding(topic, "transformers", Status.ABSENT, "not installed", advice)
    elif _release(transformers) < OLDEST_TRANSFORMERS:
        advice = "Symbiote's policies know 4.57 and later: pip install --upgrade transformers"
        yield Finding(topic, "transformers", Status.WARNING, transformers, advice)
    else:
        yield Finding(topic, "transformers", Status.OK, transformers)
    if installed("scikit-learn") is None:
        advice = "For demo: pip install scikit-learn"
        yield Finding(topic, "scikit-learn", Status.ABSENT, "not installed", advice)
    for name in _DISTRIBUTIONS:
        version = installed(name)
        if version is not None:
            yield Finding(topic, name, Status.OK, version)
        else:
            advice = f"pip install {name}"
            yield Finding(topic, name, Status.ABSENT, "not installed", advice)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def why_no_ttnn_wheel(system: str, machine: str, implementation: str, version: str) -> str | None:
    """Why there is no ttnn wheel for an interpreter, or None if there is one.

    Args:
        system: as ``platform.system()`` gives it.
        machine: as ``platform.machine()`` gives it.
        implementation: as ``platform.python_implementation()`` gives it.
        version: major and minor, such as ``3.12``.
    """
    if (system, machine) != ("Linux", "x86_64"):
        return f"no wheel for {system} {machine}: there are wheels for Linux x86-64 only"
    if implementation != "CPython" or version not in TTNN_PYTHONS:
        return (
            f"no wheel for {implementation} {version}: there are wheels for CPython "
            + " and ".join(TTNN_PYTHONS)
        )
    return None


def examine_ttnn() -> Finding:
    """TTNN, or why it is not here."""
    topic = "TTNN"
    version = installed("ttnn")
    if version is not None:
        return Finding(topic, "ttnn", Status.OK, version)
    why = why_no_ttnn_wheel(
        platform.system(),
        platform.machine(),
        platform.python_implementation(),
        ".".join(platform.python_version_tuple()[:2]),
    )
    if why is None:
        advice = "For chips and the mock chip: pip install ttnn. The emulator works without."
        return Finding(topic, "ttnn", Status.ABSENT, "not installed", advice)
    advice = (
        f"For chips and the mock chip use CPython {' or '.join(TTNN_PYTHONS)} on Linux x86-64. The "
        "emulator works without."
    )
    return Finding(topic, "ttnn", Status.ABSENT, why, advice)


def examine_chips(folder: Path = CHIPS) -> Iterator[Finding]:
    """The chips that the driver shows, and whether this user may use them.

    Args:
        folder: the driver's device files; ``folder`` itself was one in early drivers.
    """
    topic = "TTNN"
    nodes = sorted(n for n in folder.parent.glob(f"{folder.name}*") if not n.is_dir())
    if folder.is_dir():
        nodes += sorted(n for n in folder.iterdir() if n.name.isdigit())
    if not nodes:
        simulator = os.environ.get("TT_METAL_SIMULATOR")
        found = f"none; simulated by {simulator}" if simulator else f"none in {folder}"
        advice = (
            ""
            if simulator
            else "If a card is in this machine, install its driver, tt-kmd, and reboot."
        )
        yield Finding(topic, "chips", Status.OK if simulator else Status.ABSENT, found, advice)
        return
    for node in nodes:
        if not os.access(node, os.R_OK | os.W_OK):
            advice = (
                f"This user may not use it: ls -l {node} shows the group that may; "
                "sudo usermod -aG GROUP $USER, then log in again."
            )
            yield Finding(topic, "chip", Status.WARNING, f"{node}, no permission", advice)
        elif installed("ttnn") is None:
            yield Finding(topic, "chip", Status.WARNING, str(node), "Without ttnn it is not used.")
        else:
            yield Finding(topic, "chip", Status.OK, str(node))


def examine_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The variables that change what Symbiote and TTNN do.

    Args:
        environ: the environment.
    """
    for name in sorted(environ):
        if name.startswith(_VARIABLES):
            yield Finding("Environment", name, Status.OK, environ[name])
