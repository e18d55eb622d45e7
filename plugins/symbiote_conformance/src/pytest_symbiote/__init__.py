"""The plugin of pytest that brings the conformance kit; off until it is asked for.

It stands beside `symbiote_conformance` and not in it, so that pytest imports neither torch nor
hypothesis with it at every start. What costs is imported where an option asks for it, or by the
test module that inherits the kit's classes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

EXAMPLES = 15
"""How many calls the kit tries where many are tried."""


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least one example is needed")
    return number


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("symbiote", "conformance of Symbiote plugins")
    group.addoption(
        "--symbiote-conformance",
        action="append",
        default=[],
        metavar="PLUGIN",
        help="judge the kernels and policies of an installed plugin, by its name or that of its "
        "distribution; may be given several times",
    )
    group.addoption(
        "--symbiote-examples",
        type=_count,
        default=EXAMPLES,
        metavar="N",
        help=f"how many calls the conformance kit tries ({EXAMPLES})",
    )
    # How the kit calls itself for the process of a mock chip.
    group.addoption("--symbiote-chip", default="", help=argparse.SUPPRESS)
    group.addoption("--symbiote-folder", default="", help=argparse.SUPPRESS)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hook by which subjects are told."""
    from pytest_symbiote import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Open the door, if it is asked for."""
    config.addinivalue_line("markers", "ttnn: needs the ttnn wheel")
    if config.getoption("symbiote_conformance"):
        from symbiote_conformance.kit.door import Door

        config.pluginmanager.register(Door(config), "symbiote-door")
    if config.getoption("symbiote_chip"):
        from symbiote_conformance.kit.chips import ChipProcess

        folder = Path(config.getoption("symbiote_folder"))
        chip = ChipProcess(config.getoption("symbiote_chip"), folder)
        config.pluginmanager.register(chip, "symbiote-chip")
