"""The plugin ``llama``: kernels and policies for Llama, Mistral and Qwen2 of transformers."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl

_KERNELS = "symbiote_llama.kernels"

MODELS = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2"}
"""Model types, and what their classes' names start with."""

VERSIONS = (("transformers", (4, 57), (6, 0)),)
"""The versions of transformers whose modules these kernels know."""


def _module(model_type: str, name: str) -> str:
    return f"transformers.models.{model_type}.modeling_{model_type}.{MODELS[model_type]}{name}"


def _fine(model_type: str) -> tuple[Rule, ...]:
    return (
        Rule(nn.Linear, "TTNNLanguageModelHead", paths=("lm_head",)),
        Rule(nn.Linear, "TTNNLinear"),
        Rule(_module(model_type, "RMSNorm"), f"TTNNRMSNorm.{MODELS[model_type]}"),
        Rule(nn.Embedding, "TTNNEmbedding"),
    )


def _coarse(model_type: str) -> tuple[Rule, ...]:
    prefix = MODELS[model_type]
    return (
        Rule(_module(model_type, "Model"), f"TTNNDecoderModel.{prefix}"),
        Rule(_module(model_type, "DecoderLayer"), f"TTNNDecoderLayer.{prefix}"),
    )


class LlamaPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for the modules that the three architectures share."""
        shared = {
            "TTNNDecoderModel": ("Model", f"{_KERNELS}:TTNNDecoderModel"),
            "TTNNDecoderLayer": ("DecoderLayer", f"{_KERNELS}:TTNNDecoderLayer"),
            "TTNNRMSNorm": ("RMSNorm", "symbiote_ttnn.kernels:TTNNRMSNorm"),
        }
        return [
            KernelSpec(
                "TTNNLanguageModelHead", nn.Linear, f"{_KERNELS}:TTNNLanguageModelHead", priority=-1
            ),
            *(
                KernelSpec(f"{kernel}.{MODELS[model_type]}", _module(model_type, name), builds)
                for model_type in MODELS
                for kernel, (name, builds) in shared.items()
            ),
        ]

    @hookimpl
    def symbiote_policies(self) -> list[Policy]:
        """One coarse policy and one fine one for each architecture."""
        found = []
        for model_type, prefix in MODELS.items():
            fine, coarse = _fine(model_type), _coarse(model_type)
            found += [
                Policy(
                    model_type,
                    (model_type,),
                    coarse + fine,
                    f"whole {prefix} decoder layers, embedding, norm and head; the cache stays on "
                    "the device",
                    VERSIONS,
                ),
                Policy(
                    f"{model_type}-fine",
                    (model_type,),
                    fine,
                    "Linear, RMSNorm and Embedding one by one, for debugging",
                    VERSIONS,
                    priority=-10,
                ),
            ]
        return found


plugin = LlamaPlugin()
