"""Transformers' ``AttentionInterface``, by which its models let others attend for them.

A model's attention projects its input and asks for a function by the name in its configuration.
Nothing of transformers is imported: what a module's forward refers to is looked up there.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import torch
from torch import nn

from symbiote_ttnn.generic.probe import agree, bare_copy, normal

_FUNCTIONS, _EAGER, _SETTING = (
    "ALL_ATTENTION_FUNCTIONS",
    "eager_attention_forward",
    "_attn_implementation",
)
"""Names in transformers: the table of functions, a model's own function, what names one of them."""

NAME = "symbiote_ttnn"
"""What `attention_function` is called in transformers' table."""

_SOFTCAP = "attn_logit_softcapping"
"""What a module calls the cap of its scores, as in Gemma 2."""

_PLAIN = frozenset(
    {
        "module",
        "query",
        "key",
        "value",
        "attention_mask",
        "scaling",
        "dropout",
        "is_causal",
        "position_bias",
        "output_attentions",
        "kwargs",
    }
)
"""The parameters of such a function that are understood."""


@attrs.frozen(eq=False)
class Interface:
    """How modules of a class ask for their attention.

    Attributes:
        functions: transformers' table of functions by name.
        eager: the function of the model itself, or None if it has none.
        further: parameters of that function that are not understood.
        biased: whether that function takes a ``position_bias``.
        writes: whether the forward sets attributes of the module.
    """

    functions: Any
    eager: Callable[..., Any] | None
    further: frozenset[str]
    biased: bool
    writes: bool

    def function(self, name: str) -> Callable[..., Any]:
        """The function that a configuration names.

        Raises:
            KeyError: if there is none.
        """
        if name == "eager":
            if self.eager is None:
                raise KeyError(_EAGER)
            return self.eager
        found: Callable[..., Any] = self.functions[name]
        return found


_INTERFACES: dict[type, Interface | None] = {}


def interface_of(cls: type[nn.Module]) -> Interface | None:
    """How modules of a class ask for their attention; None if they don't."""
    if cls not in _INTERFACES:
        _INTERFACES[cls] = _look_into(cls)
    return _INTERFACES[cls]


def _look_into(cls: type[nn.Module]) -> Interface | None:
    forward = inspect.unwrap(cls.forward)
    code = getattr(forward, "__code__", None)
    if code is None or not {_FUNCTIONS, _SETTING} <= set(code.co_names):
        return None
    known = forward.__globals__
    eager = known.get(_EAGER)
    parameters = set() if eager is None else set(inspect.signature(eager).parameters)
    return Interface(
        functions=known[_FUNCTIONS],
        eager=eager,
        further=frozenset(parameters - _PLAIN),
        biased="position_bias" in parameters,
        writes=any(step.opname == "STORE_ATTR" for step in dis.get_instructions(code)),
    )


def implementation_of(layer: Any) -> str:
    """The name of the function that a module asks for."""
    return getattr(layer.config, _SETTING, None) or "eager"


def unsupported(layer: Any) -> str | None:
    """Why another function can't attend for a module, or None if it can."""
    interface = interface_of(type(layer))
    if interface is None:
        return "its forward does not ask transformers' AttentionInterface for its attention"
    if not hasattr(getattr(layer, "config", None), _SETTING):
        return f"it has no config.{_SETTING}"
    name = implementation_of(layer)
    if name not in ("eager", "sdpa"):
        return f"its attention implementation is {name!r}, neither 'sdpa' nor 'eager'"
    if name in getattr(interface.functions, "_local_mapping", {}):
        return f"its model has an attention {name!r} of its own"
    if getattr(layer, _SOFTCAP, None) is not None:
        return f"its scores are capped ({_SOFTCAP}), which TTNN's attention does not do"
    if name == "eager" and not is_plain(layer, interface):
        return "its eager attention computes something else than scaled dot product attention"
    return None


def is_plain(layer: Any, interface: Interface) -> bool:
    """Whether a model's own function attends as scaled dot product attention does.

    It is called on a few small heads, with a mask and without, and with a position bias if it takes
    one.
    """
    if interface.eager is None:
        return False
    groups = int(getattr(layer, "num_key_value_groups", 1))
    query, key, value = normal(2, groups, 3, 8, seed=1), *normal(2, 2, 1, 5, 8, seed=2)
    probe = bare_copy(layer, {}, {})
    mask, bias = normal(2, 1, 3, 5, seed=3), normal(1, groups, 3, 5, seed=4)
    tried: list[tuple[Any, Any]] = [(None, None), (mask, None)]
    tried += [(None, bias), (mask, bias)] if interface.biased else []
    for mask, bias in tried:
        more = {"position_bias": bias} if interface.biased else {}
        try:
            with torch.no_grad():
                got = interface.eager(
                    probe, query, key, value, mask, scaling=0.7, dropout=0.0, **more
                )[0]
        except Exception:  # whatever a foreign function wants: then it is no plain one
            return False
        given = [tensor for tensor in (mask, bias) if tensor is not None]
        added = sum(given) if given else None
        expected = nn.functional.scaled_dot_product_attention(
            query, key, value, added, scale=0.7, enable_gqa=True
        )
        if not agree(got, expected.transpose(1, 2)):
            return False
    return True


def is_attention(module: nn.Module) -> bool:
    """Whether a module attends: it asks the interface, or is built and called like one that does.

    The latter have the projections in them, and are listed with the reason why they stay.
    """
    if interface_of(type(module)) is not None:
        return True
    projections = [m for m in module._modules.values() if getattr(m, "weight", None) is not None]
    return "Attention" in type(module).__name__ and len(projections) > 1


class Asking:
    """A module's configuration, but for the attention that it names.

    Args:
        config: the configuration.
        kernel: whoever attends; `attention_function` finds it here.
    """

    def __init__(self, config: Any, kernel: Any) -> None:
        self.__dict__.update(_config=config, _attn_implementation=NAME, kernel=kernel)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._config, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._config, name, value)


def attention_function(module: Any, *args: Any, **kwargs: Any) -> Any:
    """What stands in transformers' table: the kernel attends for the module that it runs.

    It stands in a file that knows no TTNN, which the table would keep alive beyond its time.
    """
    return module.config.kernel.attended(*args, **kwargs)


def ask(layer: Any, kernel: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run a module's forward with another attention, leaving module and configuration alone.

    The forward runs on an object of the module's class that has its attributes of this moment.

    Args:
        layer: the module; its children are called as they are.
        kernel: whoever attends, by ``kernel.attended(query, key, value, attention_mask, ...)``.
        args: of the forward.
        kwargs: likewise.
    """
    interface = interface_of(type(layer))
    assert interface is not None
    if NAME not in interface.functions:
        interface.functions.register(NAME, attention_function)
    other: Any = object.__new__(type(layer))
    own = other.__dict__
    own.update(layer.__dict__)
    own["config"] = Asking(layer.config, kernel)
    out = type(layer).forward(other, *args, **kwargs)
    if interface.writes:
        own["config"] = layer.config
        layer.__dict__.update(own)
    return out


def on_torch(layer: Any, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attend by the function that a module's own configuration names.

    Args:
        layer: the module.
        *args: query, key, value and mask, on torch.
        **kwargs: what else the module passes.
    """
    interface = interface_of(type(layer))
    assert interface is not None
    attended: tuple[torch.Tensor, torch.Tensor | None] = interface.function(
        implementation_of(layer)
    )(layer, *args, **kwargs)
    return attended
