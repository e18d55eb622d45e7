"""The plugin ``ttnn``: kernels, aten handlers and the runtimes on the real TTNN."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from symbiote_core import AtenHandler, KernelSpec, RuntimeSpec, hookimpl
from symbiote_ttnn.handlers import all_handlers
from symbiote_ttnn.integrations.transformers import is_idle_recorder
from symbiote_ttnn.runtimes.specs import mock_spec, native_spec

_KERNELS = "symbiote_ttnn.kernels"
_HF_ACTIVATIONS = "transformers.activations"


class TTNNPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for torch's own modules and transformers' activations."""
        plain = {
            "TTNNLinear": nn.Linear,
            "TTNNLayerNorm": nn.LayerNorm,
            "TTNNRMSNorm": nn.RMSNorm,
            "TTNNEmbedding": nn.Embedding,
            "TTNNGelu": nn.GELU,
            "TTNNSilu": nn.SiLU,
            "TTNNReLU": nn.ReLU,
            "TTNNTanh": nn.Tanh,
        }
        hugging_face = {
            "TTNNGelu": (
                "GELUActivation",
                "GELUTanh",
                "PytorchGELUTanh",
                "NewGELUActivation",
                "FastGELUActivation",
                "AccurateGELUActivation",
            ),
            "TTNNSilu": ("SiLUActivation",),
        }
        return [
            *(KernelSpec(name, target, f"{_KERNELS}:{name}") for name, target in plain.items()),
            *(
                KernelSpec(f"{kernel}.{cls}", f"{_HF_ACTIVATIONS}.{cls}", f"{_KERNELS}:{kernel}")
                for kernel, classes in hugging_face.items()
                for cls in classes
            ),
        ]

    @hookimpl
    def symbiote_aten_handlers(self) -> list[AtenHandler]:
        """The operations between modules that stay on the device."""
        return all_handlers()

    @hookimpl
    def symbiote_runtimes(self) -> list[RuntimeSpec]:
        """Chips, and mock chips, through the ``ttnn`` wheel."""
        return [native_spec(), mock_spec()]

    @hookimpl
    def symbiote_idle_hook_tests(self) -> list[Callable[[object], bool]]:
        """The recorders that transformers leaves behind."""
        return [is_idle_recorder]


plugin = TTNNPlugin()
