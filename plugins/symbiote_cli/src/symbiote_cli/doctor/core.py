"""Runtimes, plugins and policies, as the core sees them."""

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING

from symbiote_cli.doctor.finding import Finding, Status
from symbiote_cli.output import hushed

if TYPE_CHECKING:
    from symbiote_core import PluginManager, PluginRecord

_ADVICE = {
    "discover": "Two distributions bring a plugin of this name: uninstall one.",
    "import": "Its code, or something it imports, can't be imported: reinstall or update "
    "{distribution}.",
    "api": "Install a version of {distribution} that fits this symbiote-core.",
    "register": "Its hooks don't fit: report it to the authors of {distribution}.",
    "validate": "It has a hook that there is not: report it to the authors of {distribution}.",
    "contribute": "What it brings can't be used: see the message; report it to the authors of "
    "{distribution} if it does not conflict with another plugin.",
}


def examine_core() -> Iterator[Finding]:
    """Load the plugins and say what became of them, and which runtimes can be used."""
    try:
        import symbiote_core as core
    except Exception as error:  # whatever torch or the core raise while they are imported
        found = f"can't be imported: {type(error).__name__}: {error}"
        advice = "pip install --force-reinstall symbiote-core torch"
        trace = traceback.format_exc()
        yield Finding("Packages", "symbiote_core", Status.BROKEN, found, advice, trace)
        return
    with hushed("symbiote.plugins"):
        try:
            manager = core.plugin_manager()
        except core.SettingsError as error:
            advice = "Unset or correct the variable. The rest was examined as if none were set."
            yield Finding("Environment", "SYMBIOTE_*", Status.BROKEN, str(error), advice)
            manager = core.PluginManager(core.Settings()).load()
        except core.UnknownPluginError as error:
            advice = "Correct SYMBIOTE_PLUGINS. The rest was examined as if it were not set."
            yield Finding("Environment", "SYMBIOTE_PLUGINS", Status.BROKEN, str(error), advice)
            manager = core.PluginManager(core.Settings()).load()
    yield from _runtimes(manager)
    yield from _plugins(manager)


def _runtimes(manager: "PluginManager") -> Iterator[Finding]:
    topic = "Runtimes"
    usable = 0
    failed = any(record.error is not None for record in manager.records.values())
    for spec in manager.registry.runtimes:
        name = f"{spec.name} (plugin {spec.plugin})"
        try:
            why, chips = spec.unavailable(), list(spec.chips())
        except Exception as error:  # whatever the plugin's code raises is told with its name
            found = f"{type(error).__name__}: {error}"
            advice = f"Mend it, or leave it out: SYMBIOTE_PLUGINS=…, without {spec.plugin}."
            yield Finding(topic, name, Status.BROKEN, found, advice, traceback.format_exc())
            continue
        if why is not None:
            yield Finding(topic, name, Status.ABSENT, f"can't be used here: {why}")
            continue
        usable += 1
        found = f"--device {' or '.join(spec.examples)}" + (
            f"; chips: {', '.join(chips)}" if chips else ""
        )
        yield Finding(topic, name, Status.OK, found)
    if not usable:
        advice = "pip install symbiote-emulator brings the one that works everywhere."
        if failed:
            advice = "Mend the plugin that fails, see below; symbiote-emulator works everywhere."
        yield Finding(topic, "runtimes", Status.BROKEN, "none can be used", advice)


def _plugins(manager: "PluginManager") -> Iterator[Finding]:
    for record in manager.records.values():
        yield _plugin(record)
    if not manager.records:
        off = not manager.settings.autoload
        advice = (
            "Unset SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD."
            if off
            else "pip install symbiote brings them."
        )
        found = "none: discovery is turned off" if off else "none is installed"
        yield Finding("Plugins", "plugins", Status.WARNING, found, advice)
    policies = manager.registry.policies.values()
    if policies:
        names = ", ".join(sorted(policy.name for policy in policies))
        yield Finding("Plugins", "policies", Status.OK, names)
    elif manager.records:
        advice = "A policy comes with an architecture: pip install symbiote-vit, for one."
        yield Finding("Plugins", "policies", Status.WARNING, "none", advice)


def _plugin(record: "PluginRecord") -> Finding:
    origin = f"{record.distribution} {record.version}".strip() or record.value
    name = record.name
    if record.error is not None:
        advice = _ADVICE.get(record.stage, "Report it to the authors of {distribution}.").format(
            distribution=record.distribution or f"plugin {name!r}"
        )
        advice += f" Or leave it out: SYMBIOTE_PLUGINS=…, without {name}."
        found = f"{origin} failed at {record.problem}"
        trace = "".join(traceback.format_exception(record.error))
        return Finding("Plugins", name, Status.BROKEN, found, advice, trace)
    if record.state.value == "blocked":
        advice = f"To use it, add {name} to SYMBIOTE_PLUGINS."
        return Finding("Plugins", name, Status.ABSENT, f"{origin}, blocked", advice)
    return Finding("Plugins", name, Status.OK, f"{origin}, {record.state.value}")
