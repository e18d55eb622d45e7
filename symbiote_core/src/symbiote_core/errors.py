"""Every error that Symbiote raises: what was expected, what came, what to do next.

Each class subclasses the built-in that fits, so that ``except ValueError`` works as usual, and
keeps its data as attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symbiote_core.fallback import FallbackEvent


class SymbioteError(Exception):
    """Base class of every error of Symbiote."""


class SettingsError(SymbioteError, ValueError):
    """An environment variable of Symbiote has an unknown name or value."""


class SelectionError(SymbioteError, ValueError):
    """A pattern selects no module, or several where one is wanted, or is no regular expression.

    Attributes:
        pattern: the pattern.
        argument: the argument it was given in (``include``, ``exclude`` …).
        suggestions: module paths that look like it.
    """

    def __init__(
        self,
        pattern: str,
        argument: str,
        suggestions: Sequence[str] = (),
        total: int = 0,
        invalid: str = "",
        several: bool = False,
    ) -> None:
        self.pattern = pattern
        self.argument = argument
        self.suggestions = tuple(suggestions)
        if invalid:
            super().__init__(
                f"{argument}={pattern!r} is no regular expression: {invalid}. Mend what stands "
                "after 're:', or use a glob such as '*.attention'."
            )
            return
        if several:
            super().__init__(
                f"{argument}={pattern!r} matches {total} modules, and one is wanted. Give the path "
                f"of one, such as {suggestions[0]!r}."
            )
            return
        close = f" Close to it: {', '.join(map(repr, suggestions))}." if suggestions else ""
        super().__init__(
            f"{argument}={pattern!r} matches none of the model's {total} modules.{close} "
            "Use an exact path, a glob such as '*.attention', or 're:' and a regular expression; "
            "list the paths with `[n for n, _ in model.named_modules()]`."
        )


class MappingError(SymbioteError, TypeError):
    """A replacement mapping has a key that is no module class or a value that is no kernel."""


class PolicyNotFoundError(SymbioteError, LookupError):
    """No policy fits the model, or none has the name asked for.

    Attributes:
        wanted: what was looked for (a policy name or a model type).
        known: the names of the policies there are.
    """

    def __init__(self, wanted: str, known: Sequence[str], hint: str) -> None:
        self.wanted = wanted
        self.known = tuple(known)
        have = ", ".join(known) if known else "none is installed"
        super().__init__(f"No policy for {wanted}. Policies there are: {have}. {hint}")


class NothingReplacedError(SymbioteError, ValueError):
    """A plan would replace no module at all."""


class AlreadySwappedError(SymbioteError, ValueError):
    """A kernel would replace a module in which another policy has swapped modules already.

    Attributes:
        path: the module's path.
        kernel: the kernel's name.
        swapped: the path of one of the modules in it.
    """

    def __init__(self, path: str, kernel: str, swapped: str) -> None:
        self.path = path
        self.kernel = kernel
        self.swapped = swapped
        super().__init__(
            f"{kernel} would replace {path!r}, in which {swapped!r} is swapped already. Call "
            f"restore(model) first, or leave it as it is with exclude={path!r}."
        )


class AmbiguousKernelError(SymbioteError, ValueError):
    """Two kernels, or two policies, claim the same thing at equal rank.

    Attributes:
        plugins: the names of the plugins that compete.
    """

    def __init__(self, message: str, plugins: Sequence[str]) -> None:
        self.plugins = tuple(plugins)
        super().__init__(message)


def origin_of(plugin: str) -> str:
    """What messages call a plugin: ``plugin vit, symbiote-vit 0.1.0``, or ``plugin mine``."""
    from symbiote_core.plugins.default import loaded_record  # whose modules raise these errors

    record = loaded_record(plugin)
    return f"plugin {plugin}" if record is None else record.origin


class KernelError(SymbioteError, RuntimeError):
    """A kernel's own code failed while a model was planned.

    Attributes:
        kernel: the kernel's name.
        plugin: the plugin that brings it.
        stage: ``supports for Linear at 'encoder.0'`` …
    """

    def __init__(self, kernel: str, plugin: str, stage: str, error: BaseException) -> None:
        self.kernel = kernel
        self.plugin = plugin
        self.stage = stage
        super().__init__(
            f"{kernel} ({origin_of(plugin)}) failed in {stage}: {type(error).__name__}: {error}. "
            "Nothing was changed. Mend the kernel, or leave its plugin out with SYMBIOTE_PLUGINS."
        )


class ReplacementError(SymbioteError, RuntimeError):
    """A replacement could not be built or converted; the model is as it was.

    Attributes:
        path: the module's path in the model.
        kernel: the kernel's class name.
        stage: ``from_torch``, ``set_model_config``, ``preprocess_weights`` …
    """

    def __init__(
        self, path: str, kernel: str, stage: str, plugin: str, error: BaseException
    ) -> None:
        self.path = path
        self.kernel = kernel
        self.stage = stage
        self.plugin = plugin
        super().__init__(
            f"{kernel} ({origin_of(plugin)}) failed in {stage} for module {path!r}: "
            f"{type(error).__name__}: {error}. The model was left as it was. Exclude the module "
            f"with exclude={path!r}, or mend the kernel."
        )


class RestoreError(SymbioteError, RuntimeError):
    """The model was changed by others since it was swapped, so it can't be restored."""


class DeviceError(SymbioteError, ValueError):
    """A device string or object that no runtime knows, or that can't be opened."""


class DeviceNotSetError(SymbioteError, RuntimeError):
    """A swapped module was called, or asked to move its weights, before it had a device."""

    def __init__(self, path: str, kernel: str) -> None:
        self.path = path
        self.kernel = kernel
        super().__init__(
            f"{kernel} at {path!r} has no device yet. Call set_device(model, device) first, with a "
            "device from open_device('auto'), open_device('emulator') or ttnn.open_device(...)."
        )


class LifecycleError(SymbioteError, RuntimeError):
    """A kernel broke the contract of its weights' life cycle."""


class MetaModelError(SymbioteError, ValueError):
    """The model has parameters on the meta device: there is nothing to convert."""


class ReleasedWeightsError(SymbioteError, RuntimeError):
    """Torch weights that were let go are asked for, and can't be had."""


class CheckpointError(SymbioteError, ValueError):
    """A checkpoint can't be read, lacks a tensor, or is of another model."""


class UnsupportedInputError(SymbioteError, ValueError):
    """Raised inside a kernel's ``forward`` for a call that it does not take.

    The module then runs on torch for this call, with ``reason='unsupported_input'``.
    """


class TTNNExecutionError(SymbioteError, RuntimeError):
    """A TTNN forward failed in strict mode, or could not fall back.

    Attributes:
        event: what failed where (module, kernel, plugin, operation, shapes, reason).
    """

    def __init__(self, event: FallbackEvent) -> None:
        self.event = event
        super().__init__(
            f"{event}. Strict mode runs nothing on torch: mend the call or the kernel, exclude the "
            f"module with exclude={event.path!r}, or leave strict=True out to fall back to torch."
        )


class DispatchError(SymbioteError, TypeError):
    """An aten operation that a TorchTTNNTensor can't take, on the device or on torch."""


class PluginError(SymbioteError, RuntimeError):
    """A plugin can't be used.

    Attributes:
        plugin: its name.
    """

    def __init__(self, plugin: str, message: str) -> None:
        self.plugin = plugin
        super().__init__(message)


class UnknownPluginError(SymbioteError, LookupError):
    """``SYMBIOTE_PLUGINS`` names a plugin that is not installed."""

    def __init__(self, names: Sequence[str], installed: Sequence[str]) -> None:
        self.names = tuple(names)
        self.installed = tuple(installed)
        have = ", ".join(installed) if installed else "none"
        super().__init__(
            f"SYMBIOTE_PLUGINS names {', '.join(map(repr, names))}, which is not installed. "
            f"Installed plugins: {have}. Install it with pip, or take the name out."
        )
