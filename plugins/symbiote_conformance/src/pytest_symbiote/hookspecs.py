"""The hook of pytest by which a ``conftest.py`` tells subjects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symbiote_conformance.kit.subjects import ModelSubject, Subject


def pytest_symbiote_subjects(plugin: str) -> Iterable[Subject | ModelSubject]:  # type: ignore[empty-body]
    """Subjects for kernels and policies that the kit can't derive any for. Called for each plugin.

    Args:
        plugin: the name of the plugin that is judged; "" where no plugin is named.

    Returns:
        The subjects of this plugin's kernels and policies; nothing for other plugins.
    """
