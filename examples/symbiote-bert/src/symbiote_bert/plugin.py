"""The plugin ``bert``: kernels and a policy for transformers' BERT."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl

symbiote_api = "1"

_BERT = "transformers.models.bert.modeling_bert"

_KERNELS = {
    "TTNNBertEmbeddings": ("BertEmbeddings", "symbiote_bert.embeddings"),
    "TTNNBertEncoder": ("BertEncoder", "symbiote_bert.encoder"),
    "TTNNBertLayer": ("BertLayer", "symbiote_bert.layer"),
    "TTNNBertPooler": ("BertPooler", "symbiote_bert.pooler"),
}
"""What each kernel replaces, and where it is written. Strings: nothing is imported early."""


@hookimpl
def symbiote_kernels() -> list[KernelSpec]:
    """The kernels, each for one class of transformers."""
    return [
        KernelSpec(name, f"{_BERT}.{target}", f"{module}:{name}")
        for name, (target, module) in _KERNELS.items()
    ]


@hookimpl
def symbiote_policies() -> list[Policy]:
    """``bert``: the modules above, and what is left of linears, norms and activations."""
    coarse = (Rule(f"{_BERT}.{target}", name) for name, (target, _) in _KERNELS.items())
    fine = (
        Rule(nn.Linear, "TTNNLinear"),
        Rule(nn.LayerNorm, "TTNNLayerNorm"),
        Rule("transformers.activations.GELUActivation", "TTNNGelu.GELUActivation"),
    )
    return [
        Policy(
            name="bert",
            model_types=("bert",),
            rules=(*coarse, *fine),
            description="whole encoder layers, embeddings, pooler and heads; stays on the device",
            versions=(("transformers", (4, 57), (6, 0)),),
        )
    ]
