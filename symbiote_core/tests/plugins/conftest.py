"""Distributions with a plugin, as pip would install them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Install = Callable[..., Path]


@pytest.fixture
def install_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs ``symbiote-NAME 1.2`` with the plugin NAME; returns the folder it is in."""
    written: list[str] = []

    def do_it(name: str, source: str, distribution: str = "", points: str = "") -> Path:
        distribution = distribution or f"symbiote-{name}"
        package = distribution.replace("-", "_")
        site = tmp_path / package
        info = site / f"{package}-1.2.dist-info"
        info.mkdir(parents=True)
        metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n"
        (info / "METADATA").write_text(metadata)
        points = points or f"[symbiote]\n{name} = {package}_code\n"
        (info / "entry_points.txt").write_text(points)
        (site / f"{package}_code.py").write_text(source)
        written.append(f"{package}_code")
        monkeypatch.syspath_prepend(str(site))
        return site

    yield do_it
    for module in written:
        sys.modules.pop(module, None)
