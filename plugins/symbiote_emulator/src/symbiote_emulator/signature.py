"""Argument checks as nanobind makes them, read from the annotations of an operation.

An annotation is a type or a union of: ``Tensor``, ``Device``, ``torch.Tensor``, enumerations,
other classes, ``int``, ``float``, ``bool``, ``str``, ``None``, ``Any``, ``Sequence[int]``,
``Sequence[UnaryWithParam]``. The rules:

* ``bool`` takes True and False only; ``int`` takes bool too; ``float`` takes int and bool too.
* An integer that is a value of an enumeration stands for its member.
* An annotation that is `Annotated` with `EXACT` takes no bool for an integer, and no integer for a
  member.
* ``UnaryWithParam`` takes a ``UnaryOpType`` or its integer.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

import attrs
import torch

from symbiote_emulator.errors import ArgumentMismatch, IncompatibleArguments, OperationRefused
from symbiote_emulator.types import Shape, UnaryOpType, UnaryWithParam

_NUMBERS: Final[dict[Any, tuple[type, ...]]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int, bool),
}

EXACT: Final = "exact"
"""Marks a parameter that TTNN takes of its own types alone, without a conversion."""

Converter = Callable[[Any], Any]
"""Returns the argument, converted, or raises IncompatibleArguments."""


@attrs.frozen
class Parameter:
    """One parameter: the exact types that pass at once, and the converter for the rest."""

    name: str
    fast: frozenset[type]
    converters: tuple[Converter, ...]
    required: bool
    text: str

    def convert(self, value: Any) -> Any:
        """The value, converted if TTNN converts it.

        Raises:
            IncompatibleArguments: the type does not fit.
        """
        if type(value) in self.fast:
            return value
        for converter in self.converters:
            try:
                return converter(value)
            except IncompatibleArguments:
                continue
        raise IncompatibleArguments(self.name)


class Signature:
    """The parameters of an operation and the check of a call against them.

    Args:
        name: full name of the operation.
        function: its implementation; annotations and defaults are read from it.
        is_python: whether the original is a Python function, which words its errors otherwise.
    """

    def __init__(self, name: str, function: Callable[..., Any], *, is_python: bool) -> None:
        self.name = name
        self.short = name.rsplit(".", 1)[-1]
        self.is_python = is_python
        hints = typing.get_type_hints(function, include_extras=True)
        self.positional: list[Parameter] = []
        self.by_name: dict[str, Parameter] = {}
        for parameter in inspect.signature(function).parameters.values():
            built = _parameter(parameter, hints.get(parameter.name, Any))
            if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY:
                self.by_name[parameter.name] = built
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                self.positional.append(built)
        self.required_positional = sum(p.required for p in self.positional)
        self.has_required_keywords = any(
            p.required for p in self.by_name.values() if p not in self.positional
        )
        self.fast_positional = tuple(p.fast for p in self.positional)
        self.fast_by_name = {p.name: p.fast for p in self.by_name.values()}

    def bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Check and convert all arguments.

        Raises:
            ArgumentMismatch: they don't fit.
            OperationRefused: ``queue_id`` names a queue that does not exist.
        """
        call = (args, dict(kwargs))
        if "queue_id" in kwargs and "queue_id" not in self.by_name:
            kwargs = dict(kwargs)
            self._check_queue(kwargs.pop("queue_id"), call)
        if len(args) > len(self.positional):
            raise self.mismatch(*call)
        try:
            bound = [p.convert(v) for p, v in zip(self.positional, args, strict=False)]
            named = {}
            for key, value in kwargs.items():
                parameter = self.by_name.get(key)
                if parameter is None:
                    raise self._unknown_keyword(key, call)
                named[key] = parameter.convert(value)
        except IncompatibleArguments:
            raise self.mismatch(*call) from None
        given = {p.name for p in self.positional[: len(args)]}
        missing = [p for p in self.by_name if p not in given and p not in named]
        lacking = [p for p in missing if self.by_name[p].required]
        if lacking or given & named.keys():
            raise self._lacking(lacking, call)
        return bound, named

    def mismatch(self, args: Sequence[Any], kwargs: dict[str, Any]) -> ArgumentMismatch:
        """The error for arguments that fit no signature, in TTNN's words."""
        shown = [_type_name(v) for v in args]
        shown += [f"{k}={_shown(v)}" for k, v in kwargs.items()]
        accepted = ", ".join(p.text for p in self.by_name.values())
        return ArgumentMismatch(
            f"{self.name}(): incompatible function arguments.\n\nCalled with:\n"
            f"  {self.short}({', '.join(shown)})\n\nAvailable signatures:\n"
            f"  {self.short}({accepted})\n\n",
            "Pass arguments of these types.",
            op=self.name,
            types=[_type_name(v) for v in args],
        )

    def _unknown_keyword(self, key: str, call: tuple[Any, Any]) -> ArgumentMismatch:
        if not self.is_python:
            return self.mismatch(*call)
        return ArgumentMismatch(
            f"{self.short}() got an unexpected keyword argument '{key}'",
            f"Its keywords are: {', '.join(self.by_name)}.",
            op=self.name,
        )

    def _lacking(self, lacking: list[str], call: tuple[Any, Any]) -> ArgumentMismatch:
        if not (self.is_python and lacking):
            return self.mismatch(*call)
        return ArgumentMismatch(
            f"{self.short}() missing {len(lacking)} required positional argument: '{lacking[0]}'",
            "Pass it.",
            op=self.name,
        )

    def _check_queue(self, queue: Any, call: tuple[Any, Any]) -> None:
        if queue is None:
            return
        if type(queue) is not int or queue < 0:
            raise self.mismatch(*call)
        if queue > 0:
            raise OperationRefused(
                f"cq_id {queue} is out of range",
                "The device has one command queue: leave queue_id out.",
                op=self.name,
            )


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    fast: set[type] = set()
    converters: list[Converter] = []
    if EXACT in getattr(hint, "__metadata__", ()):
        fast.update(_members(hint.__origin__))
    else:
        for member in _members(hint):
            _add(member, fast, converters)
    required = parameter.default is inspect.Parameter.empty
    shown = str(parameter.annotation).replace("symbiote_emulator.", "")
    text = f"{parameter.name}: {shown}" + ("" if required else f" = {parameter.default!r}")
    return Parameter(parameter.name, frozenset(fast), tuple(converters), required, text)


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return typing.get_args(hint)
    return (hint,)


def _add(member: Any, fast: set[type], converters: list[Converter]) -> None:
    if member is Any:
        converters.append(lambda value: value)
    elif typing.get_origin(member) is not None:
        (element,) = typing.get_args(member)
        converters.append(_ints if element is int else _activations)
    elif member in _NUMBERS:
        fast.update(_NUMBERS[member])
        if member is int:
            converters.append(_whole)
    elif member is UnaryWithParam:
        fast.add(UnaryWithParam)
        converters.append(_activation)
    elif issubclass(member, Enum):
        fast.add(member)
        converters.append(_enum(member))
    else:
        fast.add(member)
        if member is not type(None):
            converters.append(_instance(member))


def _whole(value: Any) -> int:
    if type(value) is not bool:
        raise IncompatibleArguments
    return int(value)


def _instance(cls: type) -> Converter:
    def convert(value: Any) -> Any:
        if not isinstance(value, cls):
            raise IncompatibleArguments
        return value

    return convert


def _enum(cls: type[Enum]) -> Converter:
    def convert(value: Any) -> Any:
        if not isinstance(value, int):
            raise IncompatibleArguments
        try:
            return cls(int(value))
        except ValueError:
            raise IncompatibleArguments from None

    return convert


def _ints(value: Any) -> Any:
    if not isinstance(value, (list, tuple, Shape, range, torch.Size)):
        raise IncompatibleArguments
    if not all(isinstance(v, int) for v in value):
        raise IncompatibleArguments
    return value


_op_code: Final = _enum(UnaryOpType)


def _activation(value: Any) -> UnaryWithParam:
    if isinstance(value, UnaryWithParam):
        return value
    if isinstance(value, UnaryOpType):
        return UnaryWithParam(value)
    return UnaryWithParam(_op_code(value))


def _activations(value: Any) -> list[UnaryWithParam]:
    if not isinstance(value, (list, tuple)):
        raise IncompatibleArguments
    return [_activation(v) for v in value]


def _type_name(value: Any) -> str:
    module = type(value).__module__.split(".", 1)[0]
    if module == "symbiote_emulator":
        return f"ttnn.{type(value).__name__}"
    return f"torch.{type(value).__name__}" if module == "torch" else type(value).__name__


def _shown(value: Any) -> str:
    name = _type_name(value)
    return name if name in ("ttnn.Tensor", "torch.Tensor") else repr(value)
