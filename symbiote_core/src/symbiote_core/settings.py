"""The environment variables of Symbiote, read in one place."""

from __future__ import annotations

import os
from collections.abc import Mapping

import attrs

from symbiote_core.errors import SettingsError

KNOWN = {
    "SYMBIOTE_PLUGINS": "comma-separated names of the only plugins to load",
    "SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD": "1 turns the discovery of plugins off (0 or unset: on)",
    "SYMBIOTE_TRACE": "1 logs every call of a plugin's hook, with its time, to symbiote.trace",
}
"""Every variable and what it does."""

_FLAGS = {"": False, "0": False, "1": True}


@attrs.frozen
class Settings:
    """What the environment asks for.

    Attributes:
        plugins: the allow list of plugin names, or None for all.
        autoload: whether entry points are looked for at all.
        trace: whether calls of plugins' hooks are logged.
    """

    plugins: tuple[str, ...] | None = None
    autoload: bool = True
    trace: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``environ`` (default: the process environment).

        Raises:
            SettingsError: for a variable that starts with ``SYMBIOTE_`` and is not known, or for a
                value that a known variable does not take.
        """
        env = os.environ if environ is None else environ
        unknown = sorted(k for k in env if k.startswith("SYMBIOTE_") and k not in KNOWN)
        if unknown:
            known = "; ".join(f"{name}: {meaning}" for name, meaning in KNOWN.items())
            raise SettingsError(
                f"Unknown environment variable {', '.join(unknown)}. Known are: {known}."
            )
        names = env.get("SYMBIOTE_PLUGINS")
        plugins = None
        if names is not None:
            plugins = tuple(part.strip() for part in names.split(",") if part.strip())
        return cls(
            plugins=plugins,
            autoload=not _flag(env, "SYMBIOTE_DISABLE_PLUGIN_AUTOLOAD", _AUTOLOAD),
            trace=_flag(env, "SYMBIOTE_TRACE", _TRACE),
        )


_AUTOLOAD = "Use 1 to turn discovery off, 0 or nothing to leave it on."
_TRACE = "Use 1 to log the calls of hooks, 0 or nothing to leave them unlogged."


def _flag(env: Mapping[str, str], name: str, advice: str) -> bool:
    value = env.get(name, "")
    if value not in _FLAGS:
        raise SettingsError(f"{name}={value!r} is not known. {advice}")
    return _FLAGS[value]
