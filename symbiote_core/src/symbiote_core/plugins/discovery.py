"""Finding the installed plugins in the metadata of distributions; nothing is imported."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Iterable, Iterator

from symbiote_core.errors import PluginError
from symbiote_core.hookspecs import PROJECT
from symbiote_core.plugins.records import PluginRecord, PluginState, told

logger = logging.getLogger("symbiote.discovery")

EntryPoints = Callable[[], Iterable[importlib.metadata.EntryPoint]]


def installed_entry_points() -> Iterator[importlib.metadata.EntryPoint]:
    """The entry points of the group ``symbiote``.

    Distribution by distribution, since `importlib.metadata.entry_points` gives none at all if the
    metadata of one can't be read.
    """
    for distribution in importlib.metadata.distributions():
        try:
            yield from distribution.entry_points.select(group=PROJECT)
        except Exception as error:  # whatever a broken file makes importlib.metadata raise
            text = distribution.read_text("entry_points.txt") or ""
            level = logging.WARNING if f"[{PROJECT}]" in text else logging.DEBUG
            logger.log(
                level,
                "the entry points of %s can't be read, so its plugins are not used: %s. "
                "Install it anew.",
                release_of(distribution)[0] or "a distribution",
                told(error),
            )


def release_of(distribution: importlib.metadata.Distribution | None) -> tuple[str, str]:
    """Name and version; empty where the metadata does not tell."""
    if distribution is None:
        return "", ""
    try:
        metadata = distribution.metadata
        return metadata["Name"] or "", metadata["Version"] or ""
    except Exception:  # no METADATA file, or one that can't be parsed: nothing is known then
        logger.debug("a distribution without readable metadata", exc_info=True)
        return "", ""


def record_of(point: importlib.metadata.EntryPoint, allowed: bool) -> PluginRecord:
    """What an entry point tells of its plugin."""
    name, version = release_of(point.dist)
    state = PluginState.FOUND if allowed else PluginState.BLOCKED
    return PluginRecord(point.name, point.value, name, version, state)


def is_same(a: PluginRecord, b: PluginRecord) -> bool:
    """Whether two entry points are one plugin that was found twice, as in two folders."""
    return (a.name, a.value, a.distribution) == (b.name, b.value, b.distribution)


def refuse_namesake(record: PluginRecord, used: PluginRecord) -> None:
    """Mark a plugin whose name another distribution's has already: it is never loaded."""
    record.stage = "discover"
    record.state = PluginState.FAILED
    record.error = PluginError(
        record.name,
        f"{used.release or used.value} brings a plugin named {record.name!r} too, and was found "
        f"first. Uninstall one of them; {record.release or record.value} is not used.",
    )
