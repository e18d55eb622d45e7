"""Plugins: found through entry points, loaded one by one, listed with what went wrong."""

from symbiote_core.plugins.default import plugin_manager, set_plugin_manager
from symbiote_core.plugins.manager import PluginManager
from symbiote_core.plugins.records import PluginRecord, PluginState

__all__ = ["PluginManager", "PluginRecord", "PluginState", "plugin_manager", "set_plugin_manager"]
