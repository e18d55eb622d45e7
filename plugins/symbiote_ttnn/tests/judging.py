"""Runs a kernel through the life of its weights on a mock chip and notes what TTNN shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from symbiote_core import TTNNModule, set_device
from symbiote_ttnn import ttnn

FORWARDS = {"base": 100, "large": 10}
"""How many forwards must leave what the first left, by the size of the model."""


def device_operations(call: Callable[[], Any]) -> list[str]:
    """Names of the device operations that ``call()`` runs, from TTNN's graph capture."""
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    call()
    nodes = ttnn.graph.end_graph_capture()
    names = [n["params"]["name"] for n in nodes if n["node_type"] == "function_start"]
    return [n for n in names if n.endswith("Operation") and "::" not in n]


def allocated(device: Any) -> list[int]:
    """Bytes a bank that TTNN's allocator has given away: DRAM and L1."""
    kinds = (ttnn.BufferType.DRAM, ttnn.BufferType.L1)
    return [ttnn.get_memory_view(device, k).total_bytes_allocated_per_bank for k in kinds]


def weights_of(module: TTNNModule) -> list[Any]:
    """The converted weights of a kernel and of its parts."""
    own = [getattr(module, name) for name in module._symbiote.weight_names]
    return own + [weight for part in module.ttnn_parts() for weight in weights_of(part)]


def judge(
    module: TTNNModule, values: torch.Tensor | tuple[torch.Tensor, ...], device: Any, forwards: int
) -> dict[str, Any]:
    """Put a kernel through its states, strictly, and say what was seen.

    Called with ``values``, or with several of them.

    The memory of weights is looked at with an empty program cache: programs keep their binaries
    in DRAM.
    """
    told: dict[str, Any] = {}
    given = values if isinstance(values, tuple) else (values,)
    module.eval()
    set_device(module, device)
    module._symbiote.strict = True

    def state(name: str) -> None:
        device.clear_program_cache()
        told[name] = [module.weight_state.value, *allocated(device)]

    state("made")
    module.preprocess_weights()
    state("preprocessed")
    module.move_weights_to_device()
    state("moved")
    out = module(*given)
    told["shape"] = list((out[0] if isinstance(out, tuple) else out).shape)
    del out
    told["programs"] = device.num_program_cache_entries()
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(forwards - 1):
        module(*given)
    told["after all"] = [device.num_program_cache_entries(), *allocated(device)]
    told["operations"] = device_operations(lambda: module(*given))
    state("called")
    held = weights_of(module)  # freed all the same
    module.move_weights_to_host()
    state("brought back")
    module(*given)
    state("called again")
    held += weights_of(module)
    module.deallocate_weights()
    state("freed")
    del held
    module(*given)
    module.deallocate_weights()
    state("freed again")
    told["fallbacks"] = module._symbiote.calls.fallbacks
    return told
