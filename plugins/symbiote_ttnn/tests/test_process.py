"""What TTNN was told in a process is told of, and what it can't do any more is refused."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from unittest import mock

import pytest

from symbiote_core import DeviceError
from symbiote_ttnn.runtimes import specs
from symbiote_ttnn.runtimes.process import CACHE, CLUSTER, SIMULATOR, Process, set_log_level


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CACHE, CLUSTER, SIMULATOR):
        monkeypatch.delenv(name, raising=False)


def test_a_mock_stays_what_it_is() -> None:
    process = Process()
    assert process.settle_on_mock("mock:blackhole")
    process.mock = "mock:blackhole"
    assert not process.settle_on_mock("mock:blackhole")
    with pytest.raises(DeviceError) as caught:
        process.settle_on_mock("mock:blackhole:1x2")
    assert str(caught.value) == (
        "This process has opened 'mock:blackhole', and TTNN can't change to 'mock:blackhole:1x2'. "
        "Use one process for each architecture and shape."
    )
    with pytest.raises(DeviceError) as caught:
        process.settle_on_chips(Path("/cache"))
    assert str(caught.value) == (
        "This process has opened 'mock:blackhole', and TTNN sees no chips from then on. Use "
        "another process for the chip."
    )


def test_a_process_with_a_chip_takes_no_mock() -> None:
    process = Process(chips=True)
    process.settle_on_chips(Path("/cache"))
    with pytest.raises(DeviceError) as caught:
        process.settle_on_mock("mock:blackhole")
    assert str(caught.value) == (
        "This process has opened a chip, and TTNN can't change to 'mock:blackhole'. Use another "
        "process for the mock chip."
    )


def test_a_simulator_is_not_taken_for_a_mock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIMULATOR, "/opt/simulator")
    process = Process()
    process.settle_on_chips(Path("/cache"))
    with pytest.raises(DeviceError) as caught:
        process.settle_on_mock("mock:blackhole")
    assert str(caught.value) == (
        "TT_METAL_SIMULATOR is set, and TTNN prefers the simulator to 'mock:blackhole'. Unset it, "
        "or open the simulator as 'ttnn:0'."
    )


@pytest.mark.parametrize(
    ("name", "value"), [(CLUSTER, "/any.yaml"), (CACHE, "/cache/0.81.1/kernels")]
)
def test_a_chip_is_not_opened_in_the_environment_of_a_mock(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError) as caught:
        Process().settle_on_chips(Path("/cache"))
    assert str(caught.value) == (
        f"The environment is that of a mock chip ({name} is set). Unset "
        "TT_METAL_MOCK_CLUSTER_DESC_PATH, TT_METAL_CACHE and TT_METAL_RUNTIME_ROOT to use a chip, "
        "or open a mock chip by its name, such as 'mock:wormhole_b0'."
    )


def test_a_chips_own_cache_is_no_hindrance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE, "/home/me/kernels")
    Process().settle_on_chips(Path("/cache"))


def test_who_sets_a_mock_up_by_hand_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Process().is_mocked
    assert Process(mock="mock:blackhole").is_mocked
    monkeypatch.setenv(CLUSTER, "/any.yaml")
    assert Process().is_mocked
    monkeypatch.setenv(SIMULATOR, "/opt/simulator")
    assert not Process().is_mocked


@pytest.mark.parametrize(
    ("level", "expected"),
    [(logging.WARNING, "off"), (logging.INFO, "info"), (logging.DEBUG, "debug")],
)
def test_ttnn_logs_what_symbiote_logs(level: int, expected: str) -> None:
    logger = logging.getLogger("symbiote")
    before = logger.level
    with mock.patch.dict(os.environ, clear=True):
        try:
            logger.setLevel(level)
            set_log_level()
        finally:
            logger.setLevel(before)
        assert os.environ["TT_LOGGER_LEVEL"] == expected
        assert os.environ["LOGURU_LEVEL"] == {"off": "ERROR"}.get(expected, expected.upper())
        assert os.environ["TT_METAL_DISABLE_BACKTRACE"] == "1"


def test_the_users_own_log_level_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TT_LOGGER_LEVEL", "trace")
    with mock.patch.dict(os.environ):
        set_log_level()
        assert os.environ["TT_LOGGER_LEVEL"] == "trace"


def test_a_simulator_counts_as_a_chip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(specs, "_CHIPS", tmp_path / "none")
    assert specs.chips() == []
    monkeypatch.setenv(SIMULATOR, "/opt/simulator")
    assert specs.chips() == ["ttnn:0"]


def test_chips_are_counted_by_their_device_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("10", "2", "by-id"):
        (tmp_path / name).touch()
    monkeypatch.setattr(specs, "_CHIPS", tmp_path)
    assert specs.chips() == ["ttnn:2", "ttnn:10"]
