"""The process's plugin manager, made at its first use."""

from __future__ import annotations

from symbiote_core.module.hooks import install_idle_tests
from symbiote_core.plugins.manager import PluginManager
from symbiote_core.plugins.records import PluginRecord
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
    install_idle_tests(manager.registry.idle_tests)
