"""The plugin ``ttnn``: kernels, the generic policy, aten handlers, runtimes on the real TTNN."""

from __future__ import annotations

from collections.abc import Callable

from symbiote_core import AtenHandler, KernelSpec, Policy, RuntimeSpec, hookimpl
from symbiote_ttnn.generic import GENERIC
from symbiote_ttnn.handlers import all_handlers
from symbiote_ttnn.integrations.transformers import is_idle_recorder
from symbiote_ttnn.known import kernel_specs
from symbiote_ttnn.runtimes.specs import mock_spec, native_spec


class TTNNPlugin:
    """See the module's docstring."""

    symbiote_api = "1"

    @hookimpl
    def symbiote_kernels(self) -> list[KernelSpec]:
        """The kernels for torch's own modules and transformers' activations."""
        return kernel_specs()

    @hookimpl
    def symbiote_policies(self) -> list[Policy]:
        """The generic policy, for models that no other policy is for."""
        return [GENERIC]

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
