"""Finding, loading and asking plugins, so that a broken one never takes the others down."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pluggy

from symbiote_core import hookspecs
from symbiote_core.errors import AmbiguousKernelError, PluginError, UnknownPluginError
from symbiote_core.plugins.records import PluginRecord, PluginState
from symbiote_core.registry.records import Contribution, KernelSpec, Policy
from symbiote_core.registry.registry import Registry
from symbiote_core.runtime.protocol import RuntimeSpec
from symbiote_core.settings import Settings
from symbiote_core.tensor.handlers import AtenHandler

logger = logging.getLogger("symbiote.plugins")

_HOOKS: tuple[tuple[str, str, Any], ...] = (
    ("symbiote_kernels", "kernels", KernelSpec),
    ("symbiote_policies", "policies", Policy),
    ("symbiote_runtimes", "runtimes", RuntimeSpec),
    ("symbiote_aten_handlers", "handlers", AtenHandler),
    ("symbiote_idle_hook_tests", "idle_tests", Callable),
)
"""Hook, field of `Contribution` that takes its results, and their type."""

EntryPoints = Callable[[], Iterable[importlib.metadata.EntryPoint]]


def installed_entry_points() -> Iterable[importlib.metadata.EntryPoint]:
    """The entry points of the group ``symbiote``, from installed metadata; imports nothing."""
    return importlib.metadata.entry_points(group=hookspecs.PROJECT)


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
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)

    def discover(self) -> list[PluginRecord]:
        """List the installed plugins without importing them.

        Raises:
            UnknownPluginError: if ``SYMBIOTE_PLUGINS`` names one that is not installed.
        """
        allowed = self.settings.plugins
        if self.settings.autoload:
            for point in self._entry_points():
                if point.name in self.records:
                    continue
                distribution = point.dist
                record = PluginRecord(
                    name=point.name,
                    value=point.value,
                    distribution=distribution.name if distribution else "",
                    version=distribution.version if distribution else "",
                )
                if allowed is not None and point.name not in allowed:
                    record.state = PluginState.BLOCKED
                self._found[point.name] = point
                self.records[point.name] = record
        if allowed is not None:
            unknown = [name for name in allowed if name not in self.records]
            if unknown:
                raise UnknownPluginError(unknown, sorted(self.records))
        return list(self.records.values())

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
        plugin = None
        try:
            record.stage = "import"
            plugin = load()
            record.stage = "api"
            self._check_api(record, plugin)
            record.stage = "register"
            self._pluggy.register(plugin, record.name)
            record.stage = "validate"
            self._pluggy.check_pending()
            record.stage = "contribute"
            contribution = self._ask(record)
            self.registry.add(contribution)
        except (Exception, SystemExit) as error:  # whatever a plugin raises is kept and listed
            record.error = error
            incompatible = record.stage == "api"
            record.state = PluginState.INCOMPATIBLE if incompatible else PluginState.FAILED
            if plugin is not None and self._pluggy.is_registered(plugin):
                self._pluggy.unregister(plugin)
            logger.warning("plugin %r is not used: %s", record.name, record.problem)
        else:
            record.stage = ""
            record.state = PluginState.ACTIVE
            record.contribution = contribution

    @staticmethod
    def _check_api(record: PluginRecord, plugin: Any) -> None:
        stated = getattr(plugin, "symbiote_api", None)
        if stated != hookspecs.API_VERSION:
            says = "states no symbiote_api" if stated is None else f"is for symbiote_api {stated!r}"
            raise PluginError(
                record.name,
                f"Plugin {record.name!r} {says}; this core has {hookspecs.API_VERSION!r}. "
                f'Set symbiote_api = "{hookspecs.API_VERSION}" in it once it follows these hooks, '
                "or install a version that does.",
            )

    def _ask(self, record: PluginRecord) -> Contribution:
        """Call the plugin's own hooks and check what they return."""
        fields: dict[str, tuple[Any, ...]] = {}
        for hook, field, kind in _HOOKS:
            caller = getattr(self._pluggy.hook, hook)
            for impl in caller.get_hookimpls():
                if impl.plugin_name != record.name:
                    continue
                returned = impl.function()
                items = tuple(returned) if isinstance(returned, Iterable) else (returned,)
                for item in items:
                    fits = callable(item) if kind is Callable else isinstance(item, kind)
                    if not fits or not isinstance(returned, Iterable):
                        wanted = "functions" if kind is Callable else f"{kind.__name__} records"
                        raise PluginError(
                            record.name,
                            f"{hook} of plugin {record.name!r} must return a list of {wanted}, got "
                            f"{item!r}.",
                        )
                if kind is not Callable:
                    items = tuple(attrs.evolve(item, plugin=record.name) for item in items)
                fields[field] = items
        contribution = Contribution(**fields)
        self._check_conflicts(record, contribution)
        return contribution

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
