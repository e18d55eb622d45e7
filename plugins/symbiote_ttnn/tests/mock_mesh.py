"""Run a model on a mesh of two mock chips; print what happened as JSON."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import torch
from judging import FORWARDS, allocated
from torch import nn

from symbiote_core import (
    close_device,
    open_device,
    register_module_replacement_dict,
    report,
    restore,
    runtime_of,
    set_device,
)
from symbiote_ttnn import (
    MockChipError,
    TTNNEmbedding,
    TTNNGelu,
    TTNNLayerNorm,
    TTNNLinearGelu,
    TTNNReLU,
    TTNNRMSNorm,
    TTNNTanh,
    ttnn,
)
from symbiote_ttnn.handlers import all_handlers

NAME = "mock:wormhole_b0:1x2"
KERNELS = {
    nn.Embedding: TTNNEmbedding,
    nn.LayerNorm: TTNNLayerNorm,
    nn.Linear: TTNNLinearGelu,
}


def refusal(call: Callable[[], Any]) -> list[str]:
    """Class and text of what ``call()`` raises."""
    try:
        call()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return []


def run_model(device: Any) -> dict[str, Any]:
    """Swap a model, run it on the mesh, and take it down again."""
    model = nn.Sequential(nn.Embedding(50, 64), nn.LayerNorm(64), nn.Linear(64, 96)).eval()
    ids = torch.arange(64).remainder(50).reshape(2, 32)
    told: dict[str, Any] = {"before": allocated(device)}
    register_module_replacement_dict(model, KERNELS)
    set_device(model, device)
    for module in model:
        module._symbiote.strict = True
    told["out"] = list(model(ids).shape)
    rows: Any = model[0](ids)
    told["chips"] = [len(ttnn.get_device_tensors(t)) for t in (rows.to_ttnn, model[2].tt_weight)]
    rows = None
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(FORWARDS["large"]):
        model(ids)
    told["after all"] = [device.num_program_cache_entries(), *allocated(device)]
    for module in model:
        module.move_weights_to_host()
    device.clear_program_cache()
    told["brought back"] = allocated(device)
    told["again"] = list(model(ids).shape)
    told["fallbacks"] = report(model).fallback_count
    restore(model)
    device.clear_program_cache()
    told["restored"] = allocated(device)
    return told


def refusals_of_freed(runtime: Any, device: Any) -> dict[str, list[str]]:
    """What becomes of a freed tensor where TTNN itself would crash."""
    freed, living = (runtime.from_torch(torch.ones(64, 64), device) for _ in range(2))
    runtime.deallocate(freed)
    calls: dict[str, Callable[[], Any]] = {
        "to_torch": lambda: runtime.to_torch(freed),
        "from_device": lambda: runtime.to_host(freed),
    }
    handlers = {handler.overload: handler.run for handler in all_handlers()}
    unary = ("relu", "silu", "tanh", "sigmoid", "neg", "exp", "sqrt", "rsqrt", "abs", "gelu")
    for name in (*unary, "clone"):
        calls[name] = functools.partial(handlers[f"aten.{name}.default"], freed)
    calls["concat"] = lambda: handlers["aten.cat.default"]([freed, living])
    for name, kernel, layer in (
        ("layer_norm", TTNNLayerNorm, nn.LayerNorm(64)),
        ("rms_norm", TTNNRMSNorm, nn.RMSNorm(64)),
        ("gelu, as a module", TTNNGelu, nn.GELU()),
        ("relu, as a module", TTNNReLU, nn.ReLU()),
        ("tanh, as a module", TTNNTanh, nn.Tanh()),
    ):
        module = kernel.from_torch(layer)
        set_device(module, device)
        calls[name] = functools.partial(module, freed)
    return {name: refusal(call) for name, call in calls.items()}


def main() -> dict[str, Any]:
    device = open_device(NAME)
    runtime = runtime_of(device)
    told: dict[str, Any] = {
        "runtime": runtime.name,
        "shape": list(device.shape),
        "same": open_device(NAME) is device,
        "memory": runtime.memory(device).total,
    }
    close_device(device)  # the other holder's
    told["named"] = run_model(device)

    def tensor(**more: Any) -> Any:
        values = torch.randn(64, 64)
        return ttnn.from_torch(
            values, ttnn.bfloat16, layout=ttnn.TILE_LAYOUT, device=device, **more
        )

    sharded = tensor(mesh_mapper=ttnn.ShardTensorToMesh(device, dim=-1))
    told["sharded"] = refusal(lambda: runtime.to_torch(sharded))
    # Needs the fabric that was set up with the mesh.
    told["gathered"] = list(runtime.to_torch(ttnn.all_gather(sharded, dim=-1)).shape)
    moved = runtime.to_device(runtime.to_host(tensor()), device)
    told["to and fro"] = list(runtime.to_torch(moved).shape)
    told["freed"] = refusals_of_freed(runtime, device)
    import ttnn as real  # as people do who know nothing of the late-bound one

    event = ttnn.record_event(device, 0)
    calls: dict[str, tuple[Any, ...]] = {
        "begin_trace_capture": (device,),
        "end_trace_capture": (device, 0),
        "execute_trace": (device, 0),
        "wait_for_event": (0, event),
    }
    told["guarded"] = {
        name: [refusal(functools.partial(getattr(module, name), *a)) for module in (ttnn, real)]
        for name, a in calls.items()
    }
    told["its class"] = issubclass(MockChipError, RuntimeError)
    others = ("mock:blackhole", "mock:wormhole_b0", "mock:wormhole_b0:2x1", "ttnn:0")
    told["others"] = {name: refusal(functools.partial(open_device, name)) for name in others}

    close_device(device)
    close_device(device)  # closed already
    own = ttnn.open_mesh_device(ttnn.MeshShape(1, 2))
    told["own runtime"] = runtime_of(own).name
    told["given"] = run_model(own)
    close_device(own)
    again = open_device(NAME)
    told["opened again"] = list(again.shape)
    close_device(again)
    return told


if __name__ == "__main__":
    torch.set_num_threads(1)  # more of them wait for each other where other tests run
    with torch.no_grad():
        print(json.dumps(main()))
