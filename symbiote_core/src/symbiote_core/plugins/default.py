"""The process's plugin manager, made at its first use."""

from __future__ import annotations

from collections.abc import Callable

from symbiote_core.errors import PluginError
from symbiote_core.module.hooks import IDLE_TESTS
from symbiote_core.plugins.manager import PluginManager
from symbiote_core.plugins.records import PluginRecord, told
from symbiote_core.tensor.dispatch import install_handlers

_manager: PluginManager | None = None


def plugin_manager() -> PluginManager:
    """The plugins of this process, loaded at the first call.

    Raises:
        UnknownPluginError: if ``SYMBIOTE_PLUGINS`` names one that is not installed.
        SettingsError: if an environment variable of Symbiote is unknown.
    """
    global _manager
    if _manager is None:
        _manager = PluginManager().load()
        _install(_manager)
    return _manager


def set_plugin_manager(manager: PluginManager | None) -> PluginManager | None:
    """Put another manager in place (None: a fresh one at the next use); returns the old one."""
    global _manager
    before, _manager = _manager, manager
    if manager is not None:
        _install(manager)
    return before


def loaded_record(plugin: str) -> PluginRecord | None:
    """What is known of a plugin, if plugins are loaded and it is one of them; loads none."""
    return None if _manager is None else _manager.records.get(plugin)


def _install(manager: PluginManager) -> None:
    install_handlers(manager.registry.handlers.by_overload)
    IDLE_TESTS[:] = [
        _named(test, record)
        for record in manager.records.values()
        for test in record.contribution.idle_tests
    ]


def _named(test: Callable[[object], bool], record: PluginRecord) -> Callable[[object], bool]:
    """A test for idle hooks whose errors name the plugin."""

    def is_idle(hook: object) -> bool:
        try:
            return test(hook)
        except Exception as error:  # whatever the plugin's code raises is told with its place
            raise PluginError(
                record.name,
                f"A test for idle hooks ({record.origin}) failed: {told(error)}. Mend it, or "
                "leave its plugin out with SYMBIOTE_PLUGINS.",
            ) from error

    return is_idle
