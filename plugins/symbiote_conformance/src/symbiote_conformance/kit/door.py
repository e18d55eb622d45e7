"""What ``pytest --symbiote-conformance PLUGIN`` collects.

`Door` is the plugin of pytest that lets it in; the classes are the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from symbiote_conformance.kit.chips import DOOR
from symbiote_conformance.kit.derived import kernels_of
from symbiote_conformance.kit.plugins import record_of
from symbiote_conformance.kit.suite import KernelConformance, PolicyConformance


class TestKernels(KernelConformance):
    """The kernels of the plugins that the option names."""

    def plugins(self, config: pytest.Config) -> Sequence[str]:
        """Those that bring kernels."""
        return [name for name in _named(config) if kernels_of(record_of(name))]


class TestPolicies(PolicyConformance):
    """The policies of the plugins that the option names."""

    def plugins(self, config: pytest.Config) -> Sequence[str]:
        """Those that bring policies."""
        return [name for name in _named(config) if record_of(name).contribution.policies]


class Door:
    """Adds this module to what pytest collects.

    Args:
        config: pytest's, with the option.
    """

    def __init__(self, config: pytest.Config) -> None:
        named = any(
            str(argument).startswith("--symbiote-conformance")
            for argument in config.invocation_params.args
        )
        if named and config.args_source is not pytest.Config.ArgsSource.ARGS:
            config.args = []  # nothing else was asked for
        config.args.append(str(DOOR))

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Look for the plugins.

        Raises:
            pytest.UsageError: if there is nothing to judge.
        """
        for name in _named(session.config):
            record = record_of(name)
            if not kernels_of(record) and not record.contribution.policies:
                raise pytest.UsageError(
                    f"Plugin {record.name!r} brings neither kernels nor policies: there is nothing "
                    "to judge."
                )

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Collect this module under a short name."""
        if module_path != DOOR:
            return None
        module: pytest.Module = _DoorModule.from_parent(
            parent, path=module_path, nodeid="symbiote-conformance"
        )
        return module


class _DoorModule(pytest.Module):
    """This module, without the class that there is nothing for."""

    def collect(self) -> Any:
        """Collect the classes."""
        for item in super().collect():
            suite: Any = getattr(item, "cls", None)
            if suite is not None and suite().plugins(self.config):
                yield item


def _named(config: pytest.Config) -> list[str]:
    named: list[str] = config.getoption("symbiote_conformance")
    return named
