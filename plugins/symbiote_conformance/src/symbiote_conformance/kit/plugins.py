"""Finding the plugin that is to be judged."""

from __future__ import annotations

import re

import pytest

from symbiote_core import PluginRecord, PluginState, plugin_manager


def record_of(name: str) -> PluginRecord:
    """The record of a plugin, by its name or by that of its distribution.

    Raises:
        pytest.UsageError: if there is none, or it is not in use.
    """
    records = plugin_manager().records
    for record in records.values():
        if name == record.name or _normal(name) == _normal(record.distribution):
            if record.state is not PluginState.ACTIVE:
                raise pytest.UsageError(
                    f"Plugin {record.name!r} is {record.state.value}: "
                    f"{record.problem or 'SYMBIOTE_PLUGINS does not name it'}. Only plugins that "
                    "load can be judged; `symbiote plugins` lists them."
                )
            return record
    known = ", ".join(
        f"{record.name} ({record.distribution})" if record.distribution else record.name
        for record in records.values()
    )
    raise pytest.UsageError(f"There is no plugin {name!r}. Installed are: {known or 'none'}.")


def _normal(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
