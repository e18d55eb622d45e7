"""Finding, loading and asking plugins, so that a broken one never takes the others down."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable
from typing import Any

from symbiote_core import hookspecs
from symbiote_core.errors import AmbiguousKernelError, PluginError, UnknownPluginError
from symbiote_core.plugins.asking import Asker
from symbiote_core.plugins.discovery import (
    EntryPoints,
    installed_entry_points,
    is_same,
    record_of,
    refuse_namesake,
)
from symbiote_core.plugins.records import PluginRecord, PluginState
from symbiote_core.plugins.trace import traced
from symbiote_core.registry.records import Contribution
from symbiote_core.registry.registry import Registry
from symbiote_core.settings import Settings

logger = logging.getLogger("symbiote.plugins")


class PluginManager:
    """Discovers plugins, loads each by itself, and fills a registry with what they bring.

    Args:
        settings: what the environment asks for; read from it by default.
        entry_points: gives the entry points to look at.
    """

    def __init__(
        self, settings: Settings | None = None, entry_points: EntryPoints = installed_entry_points
    ) -> None:
        self.settings = settings if settings is not None else Settings.from_environ()
        self.registry = Registry()
        self.records: dict[str, PluginRecord] = {}
        self._entry_points = entry_points
        self._found: dict[str, importlib.metadata.EntryPoint] = {}

    def discover(self) -> list[PluginRecord]:
        """List the installed plugins without importing them.

        Raises:
            UnknownPluginError: if ``SYMBIOTE_PLUGINS`` names one that is not installed.
        """
        allowed = self.settings.plugins
        if self.settings.autoload:
            for point in self._entry_points():
                record = record_of(point, allowed is None or point.name in allowed)
                known = self.records.setdefault(record.name, record)
                if known is record:
                    self._found[record.name] = point
                elif not is_same(known, record):
                    self._refuse(record, known)
        if allowed is not None:
            unknown = [name for name in allowed if name not in self.records]
            if unknown:
                raise UnknownPluginError(unknown, sorted(self.records))
        return list(self.records.values())

    def _refuse(self, record: PluginRecord, used: PluginRecord) -> None:
        key = f"{record.name} ({record.distribution or record.value})"
        if key in self.records:
            return
        self.records[key] = record
        if record.state is PluginState.FOUND:
            refuse_namesake(record, used)
            self._warn(record)

    def load(self) -> PluginManager:
        """Import and register every plugin that was found and is not blocked."""
        for record in self.discover():
            if record.state is PluginState.FOUND:
                self._load(record, self._found[record.name].load)
        return self

    def register(self, plugin: Any, name: str) -> PluginRecord:
        """Register a plugin object by hand, as tests and notebooks do.

        Raises:
            PluginError: if it can't be used, with the stage and the exception that says why.
        """
        if name in self.records:
            raise PluginError(name, f"A plugin named {name!r} is registered already.")
        record = PluginRecord(name=name, value=repr(plugin))
        self.records[name] = record
        self._load(record, lambda: plugin)
        if record.error is not None:
            del self.records[name]
            raise PluginError(name, f"Plugin {name!r} failed at {record.problem}") from record.error
        return record

    def _load(self, record: PluginRecord, load: Callable[[], Any]) -> None:
        try:
            record.stage = "import"
            plugin = self._import(record, load)
            record.stage = "api"
            self._check_api(record, plugin)
            contribution = Asker(record, plugin, self.settings.trace).ask()
            self._check_conflicts(record, contribution)
            self.registry.add(contribution)
        except KeyboardInterrupt:  # the user's, not the plugin's
            raise
        except BaseException as error:  # whatever a plugin raises is kept and listed
            record.error = error
            incompatible = record.stage == "api" and isinstance(error, PluginError)
            record.state = PluginState.INCOMPATIBLE if incompatible else PluginState.FAILED
            self._warn(record)
        else:
            record.stage = ""
            record.state = PluginState.ACTIVE
            record.contribution = contribution

    @staticmethod
    def _warn(record: PluginRecord) -> None:
        of = f" of {record.release}" if record.release else ""
        logger.warning("plugin %r%s is not used: %s", record.name, of, record.problem)

    def _import(self, record: PluginRecord, load: Callable[[], Any]) -> Any:
        if not self.settings.trace:
            return load()
        with traced(record, "import"):
            return load()

    @staticmethod
    def _check_api(record: PluginRecord, plugin: Any) -> None:
        stated = getattr(plugin, "symbiote_api", None)
        record.api = None if stated is None else str(stated)
        if stated != hookspecs.API_VERSION:
            says = "states no symbiote_api" if stated is None else f"is for symbiote_api {stated!r}"
            raise PluginError(
                record.name,
                f"Plugin {record.name!r} {says}; this core has {hookspecs.API_VERSION!r}. "
                f'Set symbiote_api = "{hookspecs.API_VERSION}" in it once it follows these hooks, '
                "or install a version that does.",
            )

    def _check_conflicts(self, record: PluginRecord, contribution: Contribution) -> None:
        """Find conflicts before anything is added: a plugin is added whole or not at all."""
        trial = Registry()
        for other in self.records.values():
            if other.state is PluginState.ACTIVE:
                trial.add(other.contribution)
        try:
            trial.add(contribution)
        except AmbiguousKernelError:
            logger.debug("plugin %r conflicts with another", record.name)
            raise
