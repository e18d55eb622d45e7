"""The kernels and policies of this plugin pass the conformance kit, as those of others have to."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import transformers
from llama_models import build
from torch import nn

from symbiote_conformance import KernelConformance, ModelSubject, PolicyConformance, Subject, takes
from symbiote_llama.plugin import MODELS

IS_OLD = transformers.__version__.startswith("4.")
"""Whether the bare model of this release makes a mask for its layers, also where none is needed.

The layers leave that to torch, visibly; in a model with a head, `TTNNDecoderModel` calls them.
"""


def decoder_layer(kind: str) -> nn.Module:
    layer: nn.Module = build(kind).model.layers[0]
    return layer


class TestKernels(KernelConformance):
    plugin = "symbiote-llama"

    def subjects(self) -> Iterable[Subject]:
        if not IS_OLD:
            return
        tables = (takes(1, "S", 32), takes(1, "S", 32))
        for kind, prefix in MODELS.items():
            yield Subject(
                f"TTNNDecoderLayer.{prefix}",
                functools.partial(decoder_layer, kind),
                [takes("B", "S", 128)],
                keywords={"position_embeddings": tables},
            )


class TestPolicies(PolicyConformance):
    plugin = "symbiote-llama"

    def subjects(self) -> Iterable[ModelSubject]:
        if not IS_OLD:
            return
        ids = {"input_ids": takes("B", "S", below=96)}
        for kind in MODELS:
            yield ModelSubject(kind, functools.partial(build, kind), keywords=ids)
