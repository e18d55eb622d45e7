"""Where the emulator differs from TTNN on purpose; the source of DIFFERENCES.md.

``python emulator_differences.py`` writes that file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from symbiote_conformance import Call, Difference, as_markdown
from symbiote_conformance.strategies.describe import (
    slice_of,
    tensor,
    torch_tensor,
    tuple_of,
)

FILE: Final = Path(__file__).parents[1] / "DIFFERENCES.md"

_NO_DATA: Final = "A host or freed tensor has no device memory, which TTNN does not check here."
_FREED: Final = "TTNN does not check for freed tensors here."

DIFFERENCES: Final = (
    Difference(
        Call("relu", [tensor([1], memory="host")]),
        "crashed SIGSEGV",
        "The operand is on the host.",
        _NO_DATA + " So do all unary operations, `clamp`, `clone`, `layer_norm` and `rms_norm`.",
    ),
    Difference(
        Call("relu", [tensor([1], freed=1)]),
        "crashed SIGSEGV",
        "The operand is deallocated.",
        _NO_DATA + " So do the same operations, `topk` and `where` of two numbers.",
    ),
    Difference(
        Call("to_layout", [tensor([32, 32], freed=1), {"$": "ly", "v": "rm"}]),
        "crashed SIGSEGV",
        "The operand is deallocated.",
        _FREED,
    ),
    Difference(
        Call("concat", [[tensor([32, 32], memory="host"), tensor([32, 32])], 0]),
        "crashed SIGSEGV",
        "The first operand has no device memory.",
        _NO_DATA,
    ),
    Difference(
        Call("slice", [tensor([64, 64]), [0, 0], [64, 64], [1, 0]]),
        "crashed SIGFPE",
        "A step of 0.",
        "TTNN divides by the step.",
    ),
    Difference(
        Call("__getitem__", [tensor([64, 64]), slice_of(0, 64, 0)]),
        "crashed SIGFPE",
        "A step of 0.",
        "TTNN divides by the step.",
    ),
    Difference(
        Call("from_torch", [torch_tensor([2], "float64")]),
        "crashed SIGABRT",
        "from_torch of a torch.float64 tensor without dtype aborts.",
        "TTNN has no dtype for it and ends the process.",
    ),
    Difference(
        Call(
            "pad",
            [
                tensor([1, 1, 32, 32], memory="host"),
                [tuple_of([0, 0]), tuple_of([0, 0]), tuple_of([0, 0]), tuple_of([0, 32])],
                0.0,
            ],
        ),
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE HOST",
        "Host tensors of tiles or of rank 4 keep their shape, without an error.",
        "TTNN returns the tensor as it was, without the padding that was asked for.",
    ),
)
"""Calls that TTNN crashes on, or answers with a plainly wrong result, and the emulator refuses."""

_HEAD: Final = """# Where the emulator differs from TTNN

The emulator accepts what TTNN 0.81.1 accepts, refuses what it refuses, and returns the same shape,
padded shape, dtype, layout and memory: `make parity` compares generated calls of every operation on
mock chips of both architectures. These are the exceptions. TTNN kills the process on these calls,
or takes them and returns something that is plainly wrong; the emulator refuses them and says so. A
test fails when one of them is no longer so.

`T[shape]` is a tensor with its dtype, layout and memory. This file is generated from
`tests/emulator_differences.py`.

"""


def text() -> str:
    """The text of DIFFERENCES.md."""
    return _HEAD + as_markdown(DIFFERENCES)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
