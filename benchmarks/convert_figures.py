"""Measure the converting of Llama-3.2-1B for the mock chip named on the command line; print JSON.

Run by bench_convert.py, since a process keeps the architecture that it began with, and its peak
memory. The second argument says what to measure: ``speed``, or the peak memory with the model
``loaded``, or read from the ``checkpoint`` in the folder that the third one names.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from llama_1b import GEOMETRY, llama_1b
from measure import seconds
from transformers import LlamaConfig, LlamaForCausalLM

from symbiote_core import accelerate, open_device, restore, runtime_of, without_weights

ROUNDS = 4
CONFIG = {"weights": "bfloat8_b"}


class Memory:
    """Bytes that this process holds beside what it has mapped of files, and the most so far."""

    def __init__(self) -> None:
        self.start = self.peak = self.now()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    @staticmethod
    def now() -> int:
        """The bytes now, from Linux."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("this Linux does not tell RssAnon")

    def _watch(self) -> None:
        while not self._over.wait(0.005):
            self.peak = max(self.peak, self.now())

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def with_values() -> Any:
    """The model in float32, with random weights."""
    model = llama_1b(seed=None)
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.normal_(std=0.02, generator=generator)
    return model


def speed(device: Any) -> dict[str, Any]:
    """Seconds of `accelerate`, and of TTNN's packer alone for the same matrices, as they lie."""
    ttnn, model = runtime_of(device).ttnn, with_values()
    tables = [model.model.embed_tokens.weight]
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not tables[0]]
    matrices.append(model.lm_head.weight)

    def pack() -> None:
        for table in tables:
            ttnn.from_torch(table, dtype=ttnn.bfloat16, layout=ttnn.ROW_MAJOR_LAYOUT)
        for matrix in matrices:
            ttnn.from_torch(matrix, dtype=ttnn.bfloat8_b, layout=ttnn.TILE_LAYOUT)

    def convert() -> None:
        accelerate(model, device, strict=True, model_config=CONFIG)

    found: dict[Any, list[float]] = {convert: [], pack: []}
    for turn in range(ROUNDS):
        # Whoever comes second gets the pages that the first one gave back, which is cheaper.
        for call in (convert, pack) if turn % 2 == 0 else (pack, convert):
            found[call].append(seconds(call))
        restore(model)
    return {
        "bytes": sum(m.numel() * 4 for m in (*tables, *matrices)),
        "seconds": [statistics.median(found[call]) for call in (convert, pack)],
    }


def loaded(device: Any, folder: str) -> dict[str, int]:
    """Memory over that of the model, as its torch weights are let go layer by layer."""
    model = with_values()
    own = sum(p.numel() * 4 for p in model.parameters())
    if not any(Path(folder).iterdir()):
        model.save_pretrained(folder, max_shard_size="1GB")
    with Memory() as memory:
        accelerate(
            model, device, model_config=CONFIG, checkpoint=folder, release_torch_weights=True
        )
    return {"own": own, "over": memory.peak - memory.start, "left": memory.now() - memory.start}


def checkpoint(device: Any, folder: str) -> dict[str, int]:
    """Memory of a model that is read from its checkpoint layer by layer."""
    with Memory() as memory:
        with without_weights():
            model = LlamaForCausalLM(LlamaConfig(**GEOMETRY)).eval()
        own = sum(p.numel() * 4 for p in model.parameters())
        accelerate(
            model, device, model_config=CONFIG, checkpoint=folder, release_torch_weights=True
        )
    return {"own": own, "over": memory.peak - memory.start, "left": memory.now() - memory.start}


def main(arch: str, what: str, *folder: str) -> dict[str, Any]:
    """One figure."""
    device = open_device(f"mock:{arch}")
    measured = {"speed": speed, "loaded": loaded, "checkpoint": checkpoint}[what]
    told: dict[str, Any] = measured(device, *folder)  # type: ignore[operator]
    return told


if __name__ == "__main__":
    with torch.no_grad():
        print(json.dumps(main(*sys.argv[1:])))
