"""Whatever fails in a plugin's code, the error names the plugin and its distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from core_kernels import Bringing, Failing, FailsToBuild, FailsToConvert, FakeLinear, FakePlugin
from fake_runtime import FakeDevice, FakeRuntime
from torch import nn

from symbiote_core import (
    AtenHandler,
    DeviceError,
    FallbackWarning,
    KernelError,
    KernelSpec,
    PluginError,
    Policy,
    ReplacementError,
    Rule,
    TorchTTNNTensor,
    TTNNExecutionError,
    accelerate,
    explain,
    open_device,
    plan,
    plugin_manager,
    report,
)
from symbiote_core.module.hooks import active_hook

ORIGIN = "plugin mine, symbiote-mine 1.2"
Bring = Callable[..., Policy]


@pytest.fixture
def bring() -> Bring:
    """Registers a kernel for nn.Linear as the plugin ``mine`` of the distribution symbiote-mine."""

    def do_it(builds: Any, **options: Any) -> Policy:
        kernel = KernelSpec("Mine", nn.Linear, builds, **options)
        policy = Policy("mine", ("m",), (Rule(nn.Linear, "Mine"),))
        _installed(Bringing(kernels=[kernel], policies=[policy]))
        return policy

    return do_it


def _installed(plugin: Any) -> None:
    record = plugin_manager().register(plugin, "mine")
    record.distribution, record.version = "symbiote-mine", "1.2"


def _model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU()).eval()


def _unlucky(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("by accident")


def test_supports(bring: Bring) -> None:
    bring(FakeLinear, supports=_unlucky)
    with pytest.raises(KernelError) as caught:
        plan(_model(), "mine")
    assert str(caught.value) == (
        f"Mine ({ORIGIN}) failed in supports for Linear at '0': ZeroDivisionError: by accident. "
        "Nothing was changed. Mend the kernel, or leave its plugin out with SYMBIOTE_PLUGINS."
    )
    assert (caught.value.plugin, caught.value.kernel) == ("mine", "Mine")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_supports_that_returns_no_reason(bring: Bring) -> None:
    bring(FakeLinear, supports=lambda _: True)
    with pytest.raises(KernelError, match=r"it returned True, and must return None or a reason"):
        plan(_model(), "mine")


@pytest.mark.parametrize(
    ("builds", "why"),
    [
        ("a_module_that_is_not_there:Mine", "ModuleNotFoundError: No module named"),
        ("core_kernels:Missing", "AttributeError: module 'core_kernels' has no attribute"),
        ("core_kernels:small_model", "TypeError: core_kernels:small_model is <function small"),
        (
            "core_kernels:Block",
            "TypeError: core_kernels:Block is <class 'core_kernels.Block'>, and",
        ),
    ],
)
def test_the_import_of_a_kernel(bring: Bring, builds: str, why: str) -> None:
    bring(builds)
    with pytest.raises(KernelError) as caught:
        plan(_model(), "mine")
    assert str(caught.value).startswith(f"Mine ({ORIGIN}) failed in import of {builds}: {why}")


def test_from_torch(bring: Bring) -> None:
    bring(FailsToBuild)
    with pytest.raises(ReplacementError) as caught:
        accelerate(_model(), "fake", "mine")
    assert str(caught.value).startswith(f"Mine ({ORIGIN}) failed in from_torch for module '0': Key")


def test_a_weight_hook(bring: Bring) -> None:
    bring(FailsToConvert)
    with pytest.raises(ReplacementError) as caught:
        accelerate(_model(), "fake", "mine")
    assert str(caught.value).startswith(
        f"FailsToConvert ({ORIGIN}) failed in convert for module '0': RuntimeError: fake.from_torch"
    )


def test_a_forward_in_strict_mode(bring: Bring) -> None:
    bring(Failing)
    model = _model()
    accelerate(model, "fake", "mine", strict=True)
    with pytest.raises(TTNNExecutionError) as caught:
        model(torch.ones(1, 4))
    assert str(caught.value).startswith(f"Failing ({ORIGIN}) at '0' failed in fake.linear on [1, 4")
    assert caught.value.event.plugin == "mine"


def test_a_forward_that_falls_back(bring: Bring) -> None:
    bring(Failing)
    model = _model()
    accelerate(model, "fake", "mine")
    with pytest.warns(FallbackWarning, match=rf"Failing \({ORIGIN}\) at '0' failed in fake\.linea"):
        model(torch.ones(1, 4))
    (event,) = report(model).events
    assert event.plugin == "mine"


def test_an_aten_handler(runtime: FakeRuntime, device: FakeDevice) -> None:
    _installed(Bringing(handlers=[AtenHandler("aten.mul.Tensor", _unlucky)]))
    tensor = TorchTTNNTensor(
        runtime.from_torch(torch.ones(2), device), torch.float32, runtime, device
    )
    assert (tensor * 2).to_torch.tolist() == [2, 2]
    ((_, why),) = tensor._activity.op_fallbacks
    assert why.endswith(f"by accident (handler of {ORIGIN})")


def test_an_idle_hook_test() -> None:
    _installed(Bringing(idle=[_unlucky]))
    child = nn.Linear(1, 1)
    child.register_forward_hook(lambda *_: None)
    with pytest.raises(PluginError) as caught:
        active_hook(child)
    assert str(caught.value) == (
        f"A test for idle hooks ({ORIGIN}) failed: ZeroDivisionError: by accident. Mend it, or "
        "leave its plugin out with SYMBIOTE_PLUGINS."
    )


@pytest.mark.parametrize("part", ["load", "unavailable"])
def test_a_runtime(part: str) -> None:
    other = FakeRuntime("another")
    options: dict[str, Any] = {"device_module": "elsewhere", part: _unlucky}
    _installed(FakePlugin(other, **options))
    with pytest.raises(DeviceError) as caught:
        open_device("another")
    assert str(caught.value) == (
        f"The runtime 'another' ({ORIGIN}) failed in {part}: ZeroDivisionError: by accident. Mend "
        "it, or leave its plugin out with SYMBIOTE_PLUGINS."
    )


def test_the_chips_of_a_runtime() -> None:
    _installed(FakePlugin(FakeRuntime("another"), device_module="elsewhere", chips=_unlucky))
    with pytest.raises(DeviceError, match=rf"'another' \({ORIGIN}\) failed in chips: ZeroDivision"):
        open_device("auto")


def test_explain_shows_what_failed_instead_of_failing(bring: Bring) -> None:
    bring(FakeLinear, supports=_unlucky)
    (candidate,) = explain(_model(), "0", "mine").candidates
    assert not candidate.taken
    assert candidate.why.startswith(f"Mine ({ORIGIN}) failed in supports for Linear at '0': Zero")
