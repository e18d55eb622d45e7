"""Plugins are found in metadata; what is wrong with one distribution hides no other."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from symbiote_core import PluginManager, PluginState, Settings

EMPTY = 'symbiote_api = "1"\n'


def _manager(*names: str) -> PluginManager:
    return PluginManager(Settings(plugins=names))


def test_a_record_tells_the_distribution(install_distribution: Any) -> None:
    install_distribution("mine", EMPTY)
    record = _manager("mine").load().records["mine"]
    assert (record.distribution, record.version, record.api) == ("symbiote-mine", "1.2", "1")
    assert record.release == "symbiote-mine 1.2"
    assert record.origin == "plugin mine, symbiote-mine 1.2"


def test_a_namesake_in_another_distribution_is_refused(
    install_distribution: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install_distribution("mine", EMPTY)
    install_distribution("mine", EMPTY + "1 / 0", distribution="intruder")  # first on sys.path
    manager = _manager("mine").load()
    used, refused = (r for r in manager.records.values() if r.name == "mine")
    assert (used.distribution, used.state) == ("intruder", PluginState.FAILED)
    assert (refused.distribution, refused.state) == ("symbiote-mine", PluginState.FAILED)
    assert refused.problem == (
        "discover: PluginError: intruder 1.2 brings a plugin named 'mine' too, and was found "
        "first. Uninstall one of them; symbiote-mine 1.2 is not used."
    )
    assert "plugin 'mine' of symbiote-mine 1.2 is not used: discover" in caplog.text
    assert len(manager.discover()) == len(manager.records)


def test_one_distribution_found_twice_is_one_plugin(
    install_distribution: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = install_distribution("mine", EMPTY)
    twin = site.parent / "twin"
    twin.mkdir()
    (twin / "symbiote_mine-1.2.dist-info").symlink_to(site / "symbiote_mine-1.2.dist-info")
    monkeypatch.syspath_prepend(str(twin))
    records = _manager("mine").discover()
    assert [r.state for r in records if r.name == "mine"] == [PluginState.FOUND]


def test_entry_points_that_cannot_be_read_hide_no_others(
    install_distribution: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install_distribution("mine", EMPTY)
    install_distribution("torn", EMPTY, points="[symbiote]\nthis line has no equals sign\n")
    manager = _manager("mine").load()
    assert manager.records["mine"].state is PluginState.ACTIVE
    (record,) = (r for r in caplog.records if r.name == "symbiote.discovery")
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("the entry points of symbiote-torn can't be read")


@pytest.mark.parametrize("metadata", ["", "no headers at all \x00"])
def test_a_distribution_without_readable_metadata(install_distribution: Any, metadata: str) -> None:
    site: Path = install_distribution("mine", EMPTY)
    (file,) = site.glob("*.dist-info/METADATA")
    file.write_text(metadata)
    record = _manager("mine").load().records["mine"]
    assert (record.state, record.distribution, record.version) == (PluginState.ACTIVE, "", "")
    assert record.origin == "plugin mine"


def test_a_plugin_without_any_metadata_file(install_distribution: Any) -> None:
    site: Path = install_distribution("mine", EMPTY)
    (file,) = site.glob("*.dist-info/METADATA")
    file.unlink()
    assert _manager("mine").load().records["mine"].state is PluginState.ACTIVE
