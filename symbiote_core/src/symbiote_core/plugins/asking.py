"""Asking one plugin what it brings: its hooks are called, and their results checked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import attrs
import pluggy

from symbiote_core import hookspecs
from symbiote_core.errors import PluginError
from symbiote_core.module.hooks import IdleTest
from symbiote_core.plugins.records import PluginRecord, told
from symbiote_core.plugins.trace import trace_hooks
from symbiote_core.registry.records import Contribution, KernelSpec, Policy
from symbiote_core.runtime.protocol import RuntimeSpec
from symbiote_core.tensor.handlers import AtenHandler

HOOKS: tuple[tuple[str, str, Any], ...] = (
    ("symbiote_kernels", "kernels", KernelSpec),
    ("symbiote_policies", "policies", Policy),
    ("symbiote_runtimes", "runtimes", RuntimeSpec),
    ("symbiote_aten_handlers", "handlers", AtenHandler),
    ("symbiote_idle_hook_tests", "idle_tests", Callable),
)
"""Hook, field of `Contribution` that takes its results, and their type."""


class Asker:
    """The hooks of one plugin.

    Each plugin is registered by itself, so that no other one sees, wraps or breaks its calls.

    Args:
        record: the plugin, for messages; its ``stage`` and ``hook`` follow what is done.
        plugin: what the entry point loaded.
        trace: log the calls of its hooks.
    """

    def __init__(self, record: PluginRecord, plugin: Any, trace: bool) -> None:
        self.record = record
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        if trace:
            trace_hooks(self._pluggy, record)
        record.stage = "register"
        self._pluggy.register(plugin, record.name)
        record.stage = "validate"
        self._pluggy.check_pending()
        self._check_wrappers()

    def _check_wrappers(self) -> None:
        for hook, _, _ in HOOKS:
            for impl in getattr(self._pluggy.hook, hook).get_hookimpls():
                if impl.wrapper or impl.hookwrapper:
                    raise PluginError(
                        self.record.name,
                        f"{hook} of plugin {self.record.name!r} is a hook wrapper, and no plugin "
                        "may wrap another's hooks. Use @hookimpl without wrapper=True.",
                    )

    def ask(self) -> Contribution:
        """Call its hooks.

        Raises:
            PluginError: if one returns what it should not. What a hook raises goes up as it is.
        """
        record = self.record
        record.stage = "contribute"
        fields: dict[str, tuple[Any, ...]] = {}
        for hook, field, kind in HOOKS:
            record.hook = hook
            caller = getattr(self._pluggy.hook, hook)
            results = caller()
            if len(results) < len(caller.get_hookimpls()):
                raise self._wrong(kind, None)  # pluggy leaves out what is None
            items = tuple(item for returned in results for item in self._items(returned, kind))
            owned = _named if kind is Callable else _owned
            fields[field] = tuple(owned(item, record) for item in items)
        record.hook = ""
        return Contribution(**fields)

    def _items(self, returned: Any, kind: Any) -> tuple[Any, ...]:
        if not isinstance(returned, Iterable):
            raise self._wrong(kind, returned)
        items = tuple(returned)
        for item in items:
            if not (callable(item) if kind is Callable else isinstance(item, kind)):
                raise self._wrong(kind, item)
        return items

    def _wrong(self, kind: Any, got: Any) -> PluginError:
        wanted = "functions" if kind is Callable else f"{kind.__name__} records"
        return PluginError(
            self.record.name,
            f"{self.record.hook} of plugin {self.record.name!r} must return a list of {wanted}, "
            f"got {got!r}.",
        )


def _owned(item: Any, record: PluginRecord) -> Any:
    """A record with the plugin's name, also in the kernels that a policy brings in its rules."""
    if isinstance(item, Policy):
        rules = tuple(
            attrs.evolve(rule, kernel=attrs.evolve(rule.kernel, plugin=record.name))
            if isinstance(rule.kernel, KernelSpec)
            else rule
            for rule in item.rules
        )
        return attrs.evolve(item, plugin=record.name, rules=rules)
    return attrs.evolve(item, plugin=record.name)


def _named(test: IdleTest, record: PluginRecord) -> IdleTest:
    """A test for idle hooks whose errors name the plugin."""

    @functools.wraps(test, updated=())
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
