"""Symbiote's core: swap a PyTorch model's modules for TTNN ones, and take them back.

Two lines::

    from symbiote_core import accelerate
    accelerate(model)
"""

from symbiote_core.errors import (
    AmbiguousKernelError,
    CheckpointError,
    DeviceError,
    DeviceNotSetError,
    DispatchError,
    LifecycleError,
    MappingError,
    MetaModelError,
    NothingReplacedError,
    PluginError,
    PolicyNotFoundError,
    ReleasedWeightsError,
    ReplacementError,
    RestoreError,
    SelectionError,
    SettingsError,
    SymbioteError,
    TTNNExecutionError,
    UnknownPluginError,
    UnsupportedInputError,
)
from symbiote_core.fallback import Cause, FallbackEvent, FallbackWarning
from symbiote_core.hookspecs import API_VERSION, hookimpl
from symbiote_core.metrics import gain, pcc, relative_rms
from symbiote_core.module import (
    TTNNModule,
    WeightState,
    are_ready,
    deallocate_weights_after,
    through,
)
from symbiote_core.plugins import (
    PluginManager,
    PluginRecord,
    PluginState,
    plugin_manager,
    set_plugin_manager,
)
from symbiote_core.registry import Candidate, KernelSpec, Policy, Registry, Rule
from symbiote_core.report import Report, report
from symbiote_core.runtime import (
    LateBoundModule,
    MemoryUse,
    OperationFailure,
    Runtime,
    RuntimeSpec,
    active_runtime,
    close_device,
    open_device,
    runtime_named,
    runtime_of,
    use_runtime,
)
from symbiote_core.settings import Settings
from symbiote_core.swap import (
    ReplacementPlan,
    apply,
    explain,
    plan,
    register_module_replacement_dict,
    reset_fallbacks,
    restore,
    set_device,
    set_run_mode,
)
from symbiote_core.swap.accelerate import accelerate
from symbiote_core.swap.hollow import without_weights
from symbiote_core.tensor import AtenHandler, TorchTTNNTensor

__all__ = [
    "API_VERSION",
    "AmbiguousKernelError",
    "AtenHandler",
    "Candidate",
    "Cause",
    "CheckpointError",
    "DeviceError",
    "DeviceNotSetError",
    "DispatchError",
    "FallbackEvent",
    "FallbackWarning",
    "KernelSpec",
    "LateBoundModule",
    "LifecycleError",
    "MappingError",
    "MemoryUse",
    "MetaModelError",
    "NothingReplacedError",
    "OperationFailure",
    "PluginError",
    "PluginManager",
    "PluginRecord",
    "PluginState",
    "Policy",
    "PolicyNotFoundError",
    "Registry",
    "ReleasedWeightsError",
    "ReplacementError",
    "ReplacementPlan",
    "Report",
    "RestoreError",
    "Rule",
    "Runtime",
    "RuntimeSpec",
    "SelectionError",
    "Settings",
    "SettingsError",
    "SymbioteError",
    "TTNNExecutionError",
    "TTNNModule",
    "TorchTTNNTensor",
    "UnknownPluginError",
    "UnsupportedInputError",
    "WeightState",
    "accelerate",
    "active_runtime",
    "apply",
    "are_ready",
    "close_device",
    "deallocate_weights_after",
    "explain",
    "gain",
    "hookimpl",
    "open_device",
    "pcc",
    "plan",
    "plugin_manager",
    "register_module_replacement_dict",
    "relative_rms",
    "report",
    "reset_fallbacks",
    "restore",
    "runtime_named",
    "runtime_of",
    "set_device",
    "set_plugin_manager",
    "set_run_mode",
    "through",
    "use_runtime",
    "without_weights",
]
