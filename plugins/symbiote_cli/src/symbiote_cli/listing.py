"""The work of ``symbiote plugins``, and how it is shown."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from symbiote_cli.output import Output, hushed
from symbiote_cli.tables import table
from symbiote_core import PluginManager, PluginRecord, PluginState, plugin_manager

STYLES = {
    PluginState.FOUND: "",
    PluginState.BLOCKED: "yellow",
    PluginState.ACTIVE: "green",
    PluginState.FAILED: "bold red",
    PluginState.INCOMPATIBLE: "bold red",
}


def find_plugins(output: Output, load: bool) -> list[PluginRecord]:
    """The plugins: from metadata only, or loaded.

    Args:
        output: the command's output, whose JSON no plugin may write into.
        load: import and register them.

    Raises:
        UnknownPluginError: if ``SYMBIOTE_PLUGINS`` names one that is not installed.
        SettingsError: if an environment variable of Symbiote is unknown.
    """
    if not load:
        return PluginManager().discover()
    with output.reserved(), hushed("symbiote.plugins"):
        return list(plugin_manager().records.values())


def contents(record: PluginRecord) -> dict[str, list[str]]:
    """The names of what a loaded plugin brings.

    Args:
        record: the plugin.
    """
    brought = record.contribution
    return {
        "kernels": [k.name for k in brought.kernels],
        "policies": [p.name for p in brought.policies],
        "runtimes": [r.name for r in brought.runtimes],
        "aten_handlers": [h.overload for h in brought.handlers],
        "idle_hook_tests": [_name_of(test) for test in brought.idle_tests],
    }


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def as_data(record: PluginRecord, loaded: bool) -> dict[str, Any]:
    """One plugin as JSON holds it.

    Args:
        record: the plugin.
        loaded: whether it was imported, so that what it brings is known.
    """
    data: dict[str, Any] = {
        "name": record.name,
        "value": record.value,
        "distribution": record.distribution,
        "version": record.version,
        "state": record.state.value,
    }
    if loaded or record.error is not None:
        data |= {
            "api": record.api,
            "stage": record.stage,
            "hook": record.hook,
            "error": None if record.error is None else type(record.error).__name__,
            "problem": record.problem,
        }
    if loaded:
        data["brings"] = contents(record)
    return data


def show_plugins(output: Output, records: Sequence[PluginRecord], loaded: bool) -> None:
    """Print the plugins.

    Args:
        output: where to.
        records: the plugins.
        loaded: whether they were imported.
    """
    output.emit({"plugins": [as_data(record, loaded) for record in records]})
    if not records:
        output.print(
            "No plugin is installed (or SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD is set). "
            "pip install symbiote brings the usual ones."
        )
        return
    columns = ("API", "State", "Brings") if loaded else ("State", "Loads")
    made = table("Plugins", "Name", "Distribution", *columns)
    for record in records:
        made.add_row(
            Text(record.name, style="bold"),
            Text(record.release),
            *([Text(record.api or "")] if loaded else []),
            Text(record.state.value, style=STYLES[record.state]),
            _told(record, loaded),
        )
    output.print(made)
    if not loaded:
        output.print(Text("None of them was imported; --load does that.", style="dim"))


_SINGULAR = {"policies": "policy"}


def _told(record: PluginRecord, loaded: bool) -> Text:
    if record.problem:
        return Text(f"failed at {record.problem}", style="red")
    return Text(_brings(record) if loaded else record.value)


def _brings(record: PluginRecord) -> str:
    counts = []
    for kind, names in contents(record).items():
        singular = _SINGULAR.get(kind, kind.removesuffix("s"))
        if names:
            counts.append(f"{len(names)} {singular if len(names) == 1 else kind}")
    if not counts and record.state is not PluginState.ACTIVE:
        return ""
    return ", ".join(counts).replace("_", " ") or "nothing"
