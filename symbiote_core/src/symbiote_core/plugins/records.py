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
        stage: where it failed: ``import``, ``api``, ``register``, ``validate``, ``contribute``.
        error: the exception.
        contribution: what it brought.
    """

    name: str
    value: str
    distribution: str = ""
    version: str = ""
    state: PluginState = PluginState.FOUND
    stage: str = ""
    error: BaseException | None = None
    contribution: Contribution = attrs.Factory(Contribution)

    @property
    def problem(self) -> str:
        """What is wrong with it in one line; empty if nothing is."""
        if self.error is None:
            return ""
        return f"{self.stage}: {type(self.error).__name__}: {self.error}"
