"""The plugin ``speecht5``: kernels and policies for SpeechT5 of transformers."""

from __future__ import annotations

from torch import nn

from symbiote_core import KernelSpec, Policy, Rule, hookimpl

_SPEECHT5 = "transformers.models.speecht5.modeling_speecht5"
_KERNELS = "symbiote_speecht5.kernels"

VERSIONS = (("transformers", (4, 57), (6, 0)),)
"""The versions of transformers whose SpeechT5 these kernels know."""

KERNELS = {
    "TTNNBatchNormConvolution": ("SpeechT5BatchNormConvLayer",),
    "TTNNFeatureConvolution": (
        "SpeechT5NoLayerNormConvLayer",
        "SpeechT5LayerNormConvLayer",
    ),
    "TTNNFeatureEncoder": ("SpeechT5FeatureEncoder",),
    "TTNNPositionalConvolution": ("SpeechT5PositionalConvEmbedding",),
    "TTNNRelativePositions": ("SpeechT5RelativePositionalEncoding",),
    "TTNNSpeechDecoderPrenet": ("SpeechT5SpeechDecoderPrenet",),
    "TTNNSpeechT5Decoder": ("SpeechT5Decoder",),
    "TTNNSpeechT5DecoderLayer": ("SpeechT5DecoderLayer",),
    "TTNNSpeechT5Encoder": ("SpeechT5Encoder",),
    "TTNNSpeechT5EncoderLayer": ("SpeechT5EncoderLayer",),
    "TTNNSpeechT5Postnet": ("SpeechT5SpeechDecoderPostnet",),
    "TTNNTextDecoderPrenet": ("SpeechT5TextDecoderPrenet",),
    "TTNNTextEncoderPrenet": ("SpeechT5TextEncoderPrenet",),
    "TTNNVocoderBlock": ("HifiGanResidualBlock",),
}
"""The kernels for modules of SpeechT5, and the classes that they are for."""

HEADS = ("*.feat_out", "*.prob_out", "*.lm_head")
"""The linear layers whose results leave the device."""

_FINE = (
    Rule(nn.Linear, "TTNNLeavingLinear", paths=HEADS),
    Rule(nn.Linear, "TTNNLinear"),
    Rule(nn.LayerNorm, "TTNNLayerNorm"),
    Rule(nn.Embedding, "TTNNEmbedding"),
)

_TARGETS = {
    f"{kernel}.{target}" if len(targets) > 1 else kernel: (f"{_SPEECHT5}.{target}", kernel)
    for kernel, targets in KERNELS.items()
    for target in targets
}

_COARSE = (
    *(Rule(target, name) for name, (target, _) in _TARGETS.items()),
    # There is no kernel for a layer with a norm over time. By this the plan tells why it stays.
    Rule(nn.Conv1d, "TTNNConvolution", paths=("*conv_layers.0.conv",)),
)

_VOCODER = (
    Rule(f"{_SPEECHT5}.HifiGanResidualBlock", "TTNNVocoderBlock"),
    Rule(nn.Conv1d, "TTNNConvolution"),
    Rule(nn.ConvTranspose1d, "TTNNConvolution.ConvTranspose1d"),
)


class SpeechT5Plugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for SpeechT5's modules."""
        return [
            KernelSpec(
                "TTNNLeavingLinear", nn.Linear, f"{_KERNELS}:TTNNLeavingLinear", priority=-1
            ),
            KernelSpec("TTNNConvolution", nn.Conv1d, f"{_KERNELS}:TTNNConvolution", priority=-1),
            KernelSpec(
                "TTNNConvolution.ConvTranspose1d",
                nn.ConvTranspose1d,
                f"{_KERNELS}:TTNNConvolution",
                priority=-1,
            ),
            *(
                KernelSpec(name, target, f"{_KERNELS}:{kernel}")
                for name, (target, kernel) in _TARGETS.items()
            ),
        ]

    @hookimpl
    def symbiote_policies(self) -> list[Policy]:
        """``speecht5``, ``speecht5-fine`` for debugging, and ``speecht5-hifigan``."""
        return [
            Policy(
                "speecht5",
                ("speecht5",),
                _COARSE + _FINE,
                "whole encoder and decoder layers; the caches stay on the device",
                VERSIONS,
            ),
            Policy(
                "speecht5-fine",
                ("speecht5",),
                _FINE,
                "Linear, LayerNorm and Embedding one by one, for debugging",
                VERSIONS,
                priority=-10,
            ),
            Policy(
                "speecht5-hifigan",
                ("speecht5_hifigan", "hifigan"),  # the second in transformers 4.57
                _VOCODER,
                "SpeechT5's vocoder: residual blocks and convolutions as matmuls",
                VERSIONS,
            ),
        ]


plugin = SpeechT5Plugin()
