"""Runs a BERT of bert-base's size on the mock chip that the command line names; prints JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import torch
from bert_models import inputs, seeded
from transformers import BertConfig, BertForMaskedLM

from symbiote_core import TorchTTNNTensor, accelerate, close_device, open_device, report, restore
from symbiote_ttnn import ttnn


def allocated(device: Any) -> list[int]:
    """Bytes a bank that TTNN's allocator has given away: DRAM and L1."""
    kinds = (ttnn.BufferType.DRAM, ttnn.BufferType.L1)
    return [ttnn.get_memory_view(device, k).total_bytes_allocated_per_bank for k in kinds]


def operations(layer: Any, values: Any) -> list[str]:
    """The device operations that a layer runs, from TTNN's graph capture."""
    ttnn.graph.begin_graph_capture(ttnn.graph.RunMode.NORMAL)
    layer(values)
    nodes = ttnn.graph.end_graph_capture()
    names = [node["params"]["name"] for node in nodes if node["node_type"] == "function_start"]
    return [name for name in names if name.endswith("Operation") and "::" not in name]


def main(device: Any) -> dict[str, Any]:
    """What TTNN says of the model."""
    model = seeded(BertForMaskedLM(BertConfig()))
    given = inputs((100, 77), 30522)
    told: dict[str, Any] = {"before": allocated(device)}
    accelerate(model, device, strict=True)
    told["shape"] = list(model(**given).logits.shape)
    told["after one"] = [device.num_program_cache_entries(), *allocated(device)]
    for _ in range(9):
        model(**given)
    told["after ten"] = [device.num_program_cache_entries(), *allocated(device)]
    ran = report(model)
    told["traffic"] = [ran.traffic.uploads, ran.traffic.downloads]
    told["on torch"] = [ran.fallback_count, len(ran.op_fallbacks)]
    values = TorchTTNNTensor(torch.randn(2, 128, 768), device=device)
    told["layer"] = operations(model.bert.encoder.layer[0], values.to_ttnn)
    del values
    restore(model)
    device.clear_program_cache()  # the programs keep their binaries in DRAM
    told["restored"] = allocated(device)
    return told


if __name__ == "__main__":
    with torch.no_grad():
        opened = open_device(f"mock:{sys.argv[1]}")
        print(json.dumps(main(opened)))
        close_device(opened)
