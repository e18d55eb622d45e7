"""The active runtime, and the late-bound module that follows it."""

from __future__ import annotations

import pytest
from core_kernels import FakePlugin
from fake_runtime import FakeRuntime

from symbiote_core import (
    DeviceError,
    LateBoundModule,
    active_runtime,
    plugin_manager,
    use_runtime,
)
from symbiote_core.runtime import activate


def test_the_emulator_is_the_default() -> None:
    with pytest.raises(DeviceError, match="There is no runtime 'emulator'"):
        active_runtime()
    emulator = FakeRuntime("emulator")
    plugin_manager().register(FakePlugin(emulator), "emulator")
    assert active_runtime() is emulator


def test_a_block_uses_a_runtime_and_gives_the_former_back(runtime: FakeRuntime) -> None:
    activate(runtime)
    other = FakeRuntime("other")
    with use_runtime(other) as chosen:
        assert chosen is other
        assert active_runtime() is other
        with use_runtime("fake"):
            assert active_runtime() is runtime
        assert active_runtime() is other
    assert active_runtime() is runtime


def test_the_former_comes_back_after_an_error(runtime: FakeRuntime) -> None:
    activate(runtime)
    with pytest.raises(KeyError), use_runtime(FakeRuntime("other")):
        raise KeyError
    assert active_runtime() is runtime


def test_late_bound_names_follow_the_runtime(runtime: FakeRuntime) -> None:
    ttnn, other = LateBoundModule("ttnn"), FakeRuntime("other")
    other.ttnn.bfloat16 = "other"
    activate(runtime)
    assert ttnn.bfloat16 == "bfloat16"
    with use_runtime(other):
        assert ttnn.bfloat16 == "other"
    assert ttnn.bfloat16 == "bfloat16"
    assert ttnn.__name__ == "ttnn"


def test_a_late_bound_name_costs_one_look_up(runtime: FakeRuntime) -> None:
    ttnn = LateBoundModule("ttnn")
    activate(runtime)
    first = ttnn.linear
    assert ttnn.__dict__["linear"] is first
    activate(FakeRuntime("other"))
    assert "linear" not in ttnn.__dict__


def test_what_the_runtime_does_not_have_is_an_attribute_error(runtime: FakeRuntime) -> None:
    ttnn = LateBoundModule("ttnn")
    activate(runtime)
    with pytest.raises(AttributeError, match="custom_op"):
        _ = ttnn.custom_op
    assert "linear" in dir(ttnn)
    assert repr(ttnn) == "<ttnn, late bound to the runtime 'fake'>"
