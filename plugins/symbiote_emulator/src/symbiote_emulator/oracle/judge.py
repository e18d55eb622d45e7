"""Running recorded calls on the emulator and comparing status, then output specification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import attrs

from symbiote_emulator.device import Device
from symbiote_emulator.errors import ArgumentMismatch, EmulatorError
from symbiote_emulator.oracle.build import Builder
from symbiote_emulator.oracle.records import Record, read_records
from symbiote_emulator.registry import OPERATIONS
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import Arch, Layout, MemoryConfig, StorageType

ARCHITECTURES: Final = {"wh": Arch.WORMHOLE_B0, "bh": Arch.BLACKHOLE}
_L1_SMALL_SIZE: Final = 32768  # what the recording opened its devices with


class Outcome(Enum):
    """How one call compares."""

    AGREE = "agree"
    ACCEPTED = "accepted, TTNN refuses"
    REFUSED = "refused, TTNN accepts"
    WRONG_SPEC = "wrong spec"
    NOT_EMULATED = "not emulated"


@attrs.frozen
class Verdict:
    """One judged call.

    Attributes:
        record: the call.
        outcome: how it compares.
        detail: what the emulator did, in words.
        leaked: the refusal is not an error of the emulator but a stray exception.
    """

    record: Record
    outcome: Outcome
    detail: str = ""
    leaked: bool = False


def judge_file(path: Path, arch: Arch | None = None, op: str | None = None) -> Iterator[Verdict]:
    """Judge the calls of a file; calls whose operands could not be built are left out.

    Args:
        path: ``*.jsonl.gz``.
        arch: the chip; by default from ``wh`` or ``bh`` in the name of the file.
        op: only this operation.
    """
    chip = arch or arch_of(path)
    yield from judge(read_records(path, op), chip)


def arch_of(path: Path) -> Arch:
    """The chip that a file name tells: ``bh`` in it means Blackhole."""
    return Arch.BLACKHOLE if "bh" in path.name.split(".")[0].split("_") else Arch.WORMHOLE_B0


def judge(records: Iterable[Record], arch: Arch = Arch.WORMHOLE_B0) -> Iterator[Verdict]:
    """Judge calls, each on a device with nothing else allocated."""
    builder = Builder(Device(1, arch=arch, l1_small_size=_L1_SMALL_SIZE))
    for record in records:
        if record.status == "setup":
            continue
        if record.operation not in OPERATIONS:
            yield Verdict(record, Outcome.NOT_EMULATED)
        else:
            yield _judge_one(record, builder)


def _judge_one(record: Record, builder: Builder) -> Verdict:
    args = [builder.build(a) for a in record.args]
    kwargs = {k: builder.build(v) for k, v in record.kwargs.items()}
    accepts = record.status == "ok"
    try:
        result = OPERATIONS[record.operation](*args, **kwargs)
    # A stray exception of any kind is a refusal, and noted as leaked.
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        expected = isinstance(error, EmulatorError | ArgumentMismatch)
        leaked = not expected and type(error).__name__ != record.answer.get("x")
        outcome = Outcome.REFUSED if accepts else Outcome.AGREE
        return Verdict(record, outcome, " ".join(text.split()), leaked)
    if not accepts:
        return Verdict(record, Outcome.ACCEPTED, _text(describe(result)))
    got, want = describe(result), _expected(record.answer["out"])
    if got == want:
        return Verdict(record, Outcome.AGREE)
    return Verdict(record, Outcome.WRONG_SPEC, f"{_text(got)} instead of {_text(want)}")


def describe(result: Any) -> Any:
    """A result in the form of the records, padded shape always included."""
    if result is None:
        return None
    if isinstance(result, Tensor):
        return {
            "s": list(result.shape),
            "p": list(result.padded_shape),
            "d": result.dtype.name,
            "l": "TILE" if result.layout is Layout.TILE else "ROW_MAJOR",
            "m": _memory_text(result),
        }
    if isinstance(result, list | tuple):
        return {"seq": type(result).__name__, "v": [describe(r) for r in result]}
    return {"py": repr(result)}


def _expected(out: Any) -> Any:
    if not isinstance(out, dict):
        return out
    if "seq" in out:
        return {"seq": out["seq"], "v": [_expected(v) for v in out["v"]]}
    if "s" not in out:
        return out
    return {"s": out["s"], "p": out.get("p", out["s"]), **{k: out[k] for k in "dlm"}}


def _memory_text(tensor: Tensor) -> str:
    if tensor.storage_type() is StorageType.HOST:
        return "HOST"
    return memory_text(tensor.spec.memory_config)


def memory_text(config: MemoryConfig) -> str:
    """A memory configuration in the form of the records."""
    text = f"{config.buffer_type.name}/{config.memory_layout.name}"
    shard = config.shard_spec
    if shard is None:
        return text
    shape = "x".join(map(str, shard.shape))
    return f"{text}[{shard.num_cores()}c {shape} {shard.orientation.name}]"


def _text(spec: Any) -> str:
    if isinstance(spec, dict) and "s" in spec:
        pad = "" if spec["p"] == spec["s"] else f"(pad {spec['p']})"
        return f"{spec['s']}{pad} {spec['d']} {spec['l']} {spec['m']}"
    return str(spec)
