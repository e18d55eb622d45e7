"""What is known of a plugin: before it is imported, and after."""

from __future__ import annotations

import enum

import attrs

from symbiote_core.registry.records import Contribution


class PluginState(enum.Enum):
    """How far a plugin came."""

    FOUND = "found"
    """Installed; not imported yet."""
    BLOCKED = "blocked"
    """Not in ``SYMBIOTE_PLUGINS``."""
    ACTIVE = "active"
    """Loaded and in use."""
    FAILED = "failed"
    """An exception at some stage."""
    INCOMPATIBLE = "incompatible"
    """Written for another version of the plugin API."""


@attrs.define
class PluginRecord:
    """One plugin.

    Attributes:
        name: the entry point's name.
        value: what the entry point loads, such as ``symbiote_vit.plugin:plugin``.
        distribution: the distribution that brings it, or "" if it was registered by hand.
        version: the distribution's version.
        state: how far it came.
        stage: where it failed: ``discover``, ``import``, ``api``, ``register``, ``validate``,
            ``contribute``.
        hook: the hook that failed, in the stage ``contribute``.
        error: the exception.
        api: the version of the hooks that it states; None before it is imported, or if it states
            none.
        contribution: what it brought.
    """

    name: str
    value: str
    distribution: str = ""
    version: str = ""
    state: PluginState = PluginState.FOUND
    stage: str = ""
    hook: str = ""
    error: BaseException | None = None
    api: str | None = None
    contribution: Contribution = attrs.Factory(Contribution)

    @property
    def release(self) -> str:
        """The distribution and its version, as ``symbiote-vit 0.1.0``; empty if it has none."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def origin(self) -> str:
        """What messages call it: ``plugin vit, symbiote-vit 0.1.0``."""
        return f"plugin {self.name}, {self.release}" if self.release else f"plugin {self.name}"

    @property
    def problem(self) -> str:
        """What is wrong with it in one line; empty if nothing is."""
        if self.error is None:
            return ""
        where = f" (in its {self.hook})" if self.hook else ""
        return f"{self.stage}: {told(self.error)}{where}"


def told(error: BaseException) -> str:
    """The class and the text of an exception of a plugin, whose ``__str__`` may fail too."""
    try:
        text = str(error)
    except Exception as another:  # the plugin's own code: its failure is told, not raised
        text = f"(its text can't be had: {type(another).__name__})"
    return f"{type(error).__name__}: {text}"
