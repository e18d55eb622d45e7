"""TTNNModule: the base class of every kernel that stands in for a torch module."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from symbiote_core.errors import LifecycleError
from symbiote_core.module import weights
from symbiote_core.module.copying import Copied
from symbiote_core.module.entry import entry
from symbiote_core.module.modes import normal, over_children
from symbiote_core.module.recovery import Mode, give_up
from symbiote_core.module.released import torch_values
from symbiote_core.module.state import ModuleState, WeightState

_GLOBAL_HOOKS = (
    torch_module._global_forward_hooks,
    torch_module._global_forward_pre_hooks,
    torch_module._global_backward_hooks,
    torch_module._global_backward_pre_hooks,
)
"""Torch's tables of hooks on all modules, which `nn.Module.__call__` looks through."""

_SHARED = (
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
"""The dictionaries of `nn.Module` that a swapped module and its torch layer hold in common."""


class TTNNModule(Copied, nn.Module):
    """A module that runs on TTNN in the place of a torch module.

    Subclasses write ``from_torch``, ``preprocess_weights_impl`` and ``forward``; the other
    ``*_impl`` methods have defaults that move and free every TTNN tensor that
    ``preprocess_weights_impl`` assigned to an attribute.

    ``forward`` is written on TTNN tensors. Called with torch tensors, the base class uploads them,
    runs ``forward``, wraps what comes out as `TorchTTNNTensor`, and falls back to the torch layer,
    visibly, if anything fails. Called with TTNN tensors (as a part of a larger kernel) it runs
    ``forward`` as it is. ``MyKernel.forward.__wrapped__`` is the function as written.

    The torch layer's parameters, buffers, children and hooks are this module's own: ``state_dict``
    has the keys of the original, ``model.half()`` and ``load_state_dict`` reach the torch weights,
    and weights converted from them are then converted again at the next call. ``isinstance`` holds
    for the class of the torch layer too, as code that looks for layers by class expects.
    """

    transient: tuple[str, ...] = ()
    """Attributes that copies leave behind, because they are made anew with the weights."""

    returns_everything: bool = True
    """False for a kernel that leaves out something the torch layer returns, such as attention
    weights. Such a kernel steps back to torch while somebody hooks its module to see that."""

    covers_children: bool = True
    """False for a kernel that only calls the modules in its torch layer, such as the loop over a
    model's layers: these are swapped too. It has no weights, its ``forward`` takes and returns what
    the torch layer's does and may return NotImplemented, for which torch's ``forward`` runs over
    the same swapped modules. See `symbiote_core.module.through`."""

    _symbiote: ModuleState
    _frees: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(
            self, "_symbiote", ModuleState(mode=self._first_mode(), frees=self._frees)
        )
        object.__setattr__(self, "_torch_layer", None)
        object.__setattr__(self, "_parts", {})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "forward" in cls.__dict__:
            cls.written = cls.__dict__["forward"]
            cls._frees = getattr(cls.written, "deallocates_weights_after", False)
            cls.forward = entry(cls.written)  # type: ignore[method-assign]

    @classmethod
    def _first_mode(cls) -> Mode:
        return normal if cls.covers_children else over_children

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module; with TTNN tensors alone, ``forward`` runs with nothing around it."""
        state = self._symbiote
        if state.weights is WeightState.DEVICE and not state.frees:
            for arg in args:
                if isinstance(arg, torch.Tensor):
                    break
            else:
                if state.is_part or self._is_plain(kwargs):
                    return self.written(*args, **kwargs)
        if self._is_hooked() or self._compiled_call_impl is not None:
            return super().__call__(*args, **kwargs)
        return self.forward(*args, **kwargs)  # what `nn.Module` comes to then, in a third the time

    def _is_hooked(self) -> bool:
        return bool(
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or any(_GLOBAL_HOOKS)
        )

    def _is_plain(self, kwargs: dict[str, Any]) -> bool:
        """Whether a call with TTNN tensors needs nothing that is not in ``forward``."""
        state = self._symbiote
        return not (
            state.mode is not normal
            or self._forward_hooks
            or self._forward_pre_hooks
            or any(_GLOBAL_HOOKS)
            or state.stale
            or state.sources.changed()
            or (kwargs and any(isinstance(value, torch.Tensor) for value in kwargs.values()))
        )

    # -- what authors write -----------------------------------------------------------------------

    @classmethod
    def from_torch(cls, torch_layer: nn.Module) -> TTNNModule:
        """Build the kernel for a torch layer, without converting weights yet.

        Overrides must set ``_fallback_torch_layer``; the replacement of modules does it for those
        that forget.
        """
        module = cls()
        module._fallback_torch_layer = torch_layer
        return module

    @classmethod
    def supports(cls, torch_layer: nn.Module) -> str | None:
        """Why ``torch_layer`` can't be replaced by this kernel, or None if it can.

        Called when a model is planned. Look at attributes and shapes; change nothing.
        """
        del torch_layer
        return None

    def preprocess_weights_impl(self) -> None:
        """Convert ``self.torch_layer``'s weights to host TTNN tensors and assign them."""

    def move_weights_to_device_impl(self) -> None:
        """Move the converted weights to ``self.device``."""
        weights.default_to_device(self)

    def move_weights_to_host_impl(self) -> None:
        """Bring the weights back from the device."""
        weights.default_to_host(self)

    def deallocate_weights_impl(self) -> None:
        """Free the device memory of the weights."""
        weights.default_deallocate(self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run on TTNN tensors; every kernel overrides it."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward. Write one on ttnn tensors."
        )

    written: ClassVar[Callable[..., Any]] = forward
    """``forward`` as its author wrote it, without anything around it."""

    def upload_input(self, tensor: torch.Tensor, position: int | str) -> Any:
        """Bring a torch input to the device; override it for another dtype or layout.

        Args:
            tensor: the argument, of any shape, not empty, not float64.
            position: its index or keyword.

        Returns:
            A TTNN tensor (bfloat16 in TILE layout for floating tensors, UINT32 in ROW_MAJOR layout
            for integers), or the tensor itself for booleans, which kernels use on the host.
        """
        del position
        state = self._symbiote
        if tensor.dtype is torch.bool:
            return tensor
        assert state.runtime is not None
        state.activity.uploaded(tensor)
        return state.runtime.from_torch(tensor, state.device)

    def give_up(self, error: Exception, *args: Any, **kwargs: Any) -> Any:
        """Leave a failed call to torch's ``forward``, visibly.

        For kernels with ``covers_children = False`` that call device code themselves:
        ``return self.give_up(error, input_ids)``.

        Args:
            error: what went wrong.
            *args: the inputs of the call, whose shapes are recorded.
            **kwargs: likewise.

        Returns:
            NotImplemented, for ``forward`` to return.

        Raises:
            TTNNExecutionError: in strict mode.
        """
        return give_up(self, args, kwargs, error)

    # -- the life of the weights ------------------------------------------------------------------

    def preprocess_weights(self) -> None:
        """TORCH → HOST: convert the weights, of this kernel and its parts. Idempotent."""
        weights.preprocess(self)

    def move_weights_to_device(self) -> None:
        """Up to DEVICE, converting first where needed. Idempotent.

        Raises:
            DeviceNotSetError: before `set_device`.
        """
        weights.to_device(self)

    def move_weights_to_host(self) -> None:
        """DEVICE → HOST. Idempotent; nothing happens to weights that are not on the device."""
        weights.to_host(self)

    def deallocate_weights(self) -> None:
        """Back to TORCH: free the device memory and forget the converted weights. Idempotent."""
        weights.deallocate(self)

    @property
    def weight_state(self) -> WeightState:
        """Where the weights are."""
        return self._symbiote.weights

    @property
    def frees_weights_after(self) -> bool:
        """Whether each call frees the device memory of the weights, for the next to move again."""
        return self._symbiote.frees

    @frees_weights_after.setter
    def frees_weights_after(self, frees: bool) -> None:
        self._symbiote.frees = frees
        for part in self.ttnn_parts():
            part.frees_weights_after = frees

    # -- what authors read ------------------------------------------------------------------------

    @property
    def device(self) -> Any:
        """The TTNN device, or None before `set_device`."""
        return self._symbiote.device

    @property
    def torch_layer(self) -> Any:
        """The torch layer that this module replaces."""
        return self._torch_layer

    @property
    def model_config(self) -> Mapping[str, Any]:
        """The ``model_config`` that the replacement was given; empty if none was."""
        return self._symbiote.config or {}

    def set_model_config(self, config: Mapping[str, Any] | None) -> None:
        """Take the ``model_config``; override it to check it. Parts get the same."""
        self._symbiote.config = config
        for part in self.ttnn_parts():
            part.set_model_config(config)

    def ttnn_parts(self) -> Iterator[TTNNModule]:
        """The kernels that this one is made of: attributes, also in lists, that are TTNNModules."""
        for value in self._parts.values():
            yield from value if isinstance(value, tuple) else (value,)

    def set_device(self, device: Any, runtime: Any) -> None:
        """Take a device; weights on another are dropped and converted again at the next call."""
        state = self._symbiote
        moved = state.device is not None and state.device is not device
        if moved or (state.weights is not WeightState.TORCH and state.converted_by is not runtime):
            self.deallocate_weights()
        state.device, state.runtime = device, runtime
        for part in self.ttnn_parts():
            part.set_device(device, runtime)

    # -- standing in for the torch layer ----------------------------------------------------------

    @property
    def _fallback_torch_layer(self) -> Any:
        return self._torch_layer

    @_fallback_torch_layer.setter
    def _fallback_torch_layer(self, layer: Any) -> None:
        self._bind(layer)

    def _bind(self, layer: nn.Module) -> None:
        if isinstance(layer, TTNNModule) or not isinstance(layer, nn.Module):
            raise LifecycleError(
                f"{type(self).__name__}._fallback_torch_layer must be the torch module that it "
                f"replaces, got {type(layer).__name__}."
            )
        own = vars(self)
        own["_torch_layer"] = layer
        for name in _SHARED:
            own[name] = layer.__dict__[name]
        own["_version"] = layer._version
        own["training"] = layer.training
        state = self._symbiote
        state.watch((name, child) for name, child in layer.named_modules() if child is not layer)
        floating = (p.dtype for p in layer.parameters() if p.is_floating_point())
        state.dtype = next(floating, torch.get_default_dtype())

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep TTNN parts and the author's tensors out of the torch registries."""
        if name == "_fallback_torch_layer":
            self._bind(value)
            return
        own = vars(self)
        parts: Any = None
        if isinstance(value, TTNNModule):
            parts = value
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], TTNNModule):
            parts = tuple(value)
        if parts is not None:
            own["_parts"][name] = parts
            for part in parts if isinstance(parts, tuple) else (parts,):
                part._symbiote.is_part = True
            object.__setattr__(self, name, value)
            return
        if "_parts" in own:
            own["_parts"].pop(name, None)
            for registry in (own["_parameters"], own["_buffers"], own["_modules"]):
                if name in registry:
                    self._symbiote.stale = True
                    super().__setattr__(name, value)
                    return
            object.__setattr__(self, name, value)
            return
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        """Parameters, buffers and children first, then whatever else the torch layer has."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            layer = self.__dict__.get("_torch_layer")
            if layer is None or (name.startswith("__") and name.endswith("__")):
                raise
            try:
                return getattr(layer, name)
            except AttributeError:
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}, and neither has the "
                    f"{type(layer).__name__} that it replaces."
                ) from None

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The torch layer's class, for ``isinstance``; ``type()`` tells the kernel's."""
        layer = self.__dict__.get("_torch_layer")
        return type(self) if layer is None else type(layer)

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """The layer it replaces, where the weights are, and the device."""
        state = self._symbiote
        layer = self._torch_layer
        told = layer.extra_repr() if layer is not None else ""
        replaced = (
            f"replaces {type(layer).__name__}({told})" if layer is not None else "no torch layer"
        )
        device = "no device" if state.runtime is None else f"on {state.runtime.name}"
        return f"{replaced}, weights={state.weights.value}, {device}"

    def train(self, mode: bool = True) -> TTNNModule:
        """Set the training mode of this module and its torch layer."""
        super().train(mode)
        if self._torch_layer is not None:
            self._torch_layer.training = mode
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> TTNNModule:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._symbiote.stale = True
        if self._torch_layer is not None:
            floating = (p.dtype for p in self._torch_layer.parameters() if p.is_floating_point())
            self._symbiote.dtype = next(floating, self._symbiote.dtype)
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """The torch layer's, read again from the checkpoint if it was let go."""
        with torch_values(self):
            return super().state_dict(*args, **kwargs)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        layer = self._torch_layer
        if layer is None:
            super()._save_to_state_dict(destination, prefix, keep_vars)
        else:
            layer._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        layer = self._torch_layer
        if layer is None:
            super()._load_from_state_dict(*args, **kwargs)
        else:
            layer._load_from_state_dict(*args, **kwargs)
        self._symbiote.stale = True
