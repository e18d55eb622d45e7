"""Calls and their outcomes as data, in the JSON form of the recorded answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import attrs


class Status(Enum):
    """What became of a call."""

    OK = "ok"
    REFUSED = "ref"
    CRASHED = "crash"
    SETUP = "setup"  # an operand could not be built: nothing is known of the operation


@attrs.frozen
class Call:
    """A call of an operation whose arguments are described, not built.

    Attributes:
        op: path under ``ttnn``; ``__getitem__`` means ``args[0][args[1]]``.
        args: positional arguments. Plain JSON stands for itself; an object with a key ``"$"`` for
            a tensor, a dtype or another object of ``ttnn`` (see `symbiote_conformance.build`).
        kwargs: keyword arguments.
    """

    op: str
    args: list[Any] = attrs.field(factory=list)
    kwargs: dict[str, Any] = attrs.field(factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data: ``op``, ``a``, ``kw``."""
        return {"op": self.op, "a": self.args, "kw": self.kwargs}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Call:
        """The call of plain data."""
        return cls(data["op"], list(data["a"]), dict(data["kw"]))

    def __str__(self) -> str:
        arguments = [show(a) for a in self.args]
        arguments += [f"{key}={show(value)}" for key, value in self.kwargs.items()]
        return f"{self.op}({', '.join(arguments)})"


@attrs.frozen
class Outcome:
    """What became of a call.

    Attributes:
        status: accepted, refused, crashed, or operands that could not be built.
        out: of an accepted call, the described result: a tensor as ``s`` shape, ``p`` padded
            shape, ``d`` dtype, ``l`` layout, ``m`` memory; a sequence as ``seq`` and ``v``.
        error: of a refused call, the exception's class.
        message: its text on one line; of a crash, how the process ended.
        named: whether the runtime can tell which operation refused; a stray exception of Python
            has no operation.
    """

    status: Status
    out: Any = None
    error: str = ""
    message: str = ""
    named: bool = True

    def as_json(self) -> dict[str, Any]:
        """Plain data, in the form of the recorded answers."""
        data: dict[str, Any] = {"st": self.status.value}
        if self.status is Status.OK:
            data["out"] = self.out
        else:
            data |= {"x": self.error, "msg": self.message, "named": self.named}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """The outcome of plain data; padded shapes that are left out are filled in."""
        return cls(
            Status(data["st"]),
            padded(data.get("out")),
            str(data.get("x", "")),
            str(data.get("msg", data.get("sig", ""))),
            bool(data.get("named", True)),
        )

    def __str__(self) -> str:
        if self.status is Status.OK:
            return f"accepted: {spec_text(self.out)}"
        return " ".join(p for p in (self.status.name.lower(), self.error, self.message[:300]) if p)


def padded(out: Any) -> Any:
    """A described result without notes on aliases, and with every padded shape."""
    if not isinstance(out, dict):
        return out
    if "seq" in out:
        return {"seq": out["seq"], "v": [padded(v) for v in out["v"]]}
    if "s" not in out:
        return out
    return {"s": out["s"], "p": out.get("p", out["s"]), **{key: out[key] for key in "dlm"}}


def spec_text(out: Any) -> str:
    """A described result for people."""
    if isinstance(out, dict) and "seq" in out:
        return f"{out['seq']} of " + "; ".join(spec_text(v) for v in out["v"])
    if isinstance(out, dict) and "s" in out:
        pad = "" if out["p"] == out["s"] else f"(pad {out['p']})"
        return f"{out['s']}{pad} {out['d']} {out['l']} {out['m']}"
    return str(out)


def show(described: Any) -> str:
    """A described argument for people: ``T[2, 33] bfloat16 tile dram``."""
    if isinstance(described, list):
        return f"[{', '.join(show(d) for d in described)}]"
    if not isinstance(described, dict):
        return repr(described)
    kind = described.get("$")
    if kind == "T":
        memory = described["m"]
        where = memory if isinstance(memory, str) else show_shards(memory)
        freed = " freed" if described.get("freed") else ""
        return f"T{described['s']} {described['d']} {described['l']} {where}{freed}"
    if kind == "mc" and isinstance(described["v"], dict):
        return show_shards(described["v"])
    if kind in ("dt", "ly", "mc", "uope", "enum", "tdt", "f"):
        return str(described["v"])
    if kind == "tup":
        return f"({', '.join(show(d) for d in described['v'])})"
    if kind == "sl":
        return f"slice({', '.join(show(d) for d in described['v'])})"
    return json.dumps(described)


def show_shards(memory: Mapping[str, Any]) -> str:
    """A sharded memory configuration for people."""
    grid, shape = ("x".join(map(str, memory[key])) for key in "gs")
    return f"{memory['sh']}[{grid} cores of {shape}, {memory['o']}, {memory['b']}]"
