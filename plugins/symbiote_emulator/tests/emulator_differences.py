"""Where the emulator differs from TTNN on purpose; the source of DIFFERENCES.md.

``python emulator_differences.py`` writes that file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

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

WRONG: Final = (
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
    Difference(
        Call("full_like", [tensor([1], freed=1), 0.0]),
        "crashed SIGSEGV",
        "The tensor was deallocated.",
        _FREED + " So do the other `_like` operations; `empty_like` crashes on host tensors too.",
    ),
    Difference(
        Call("chunk", [tensor([2, 3]), 4, -3]),
        "accepted: list of "
        + "; ".join(["[2, 3](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED"] * 3),
        "A dimension before the first.",
        "TTNN reads beyond the shape, and cuts by what it finds there.",
    ),
    Difference(
        Call("repeat_interleave", [tensor([0, 1, 1, 2]), 2, -1]),
        "accepted: [0, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "A tensor of tiles without elements.",
        "TTNN returns the padded shape as the logical one.",
    ),
    Difference(
        Call("clone", [tensor([1, 0], layout="rm")]),
        "crashed SIGFPE",
        "Rows without elements.",
        "TTNN divides by the length of the rows.",
    ),
    Difference(
        Call("concat", [[tensor([0], layout="rm"), tensor([1], layout="rm")], 0]),
        "crashed SIGFPE",
        "An operand has no elements.",
        "TTNN divides by the length of rows that it has to align.",
    ),
    Difference(
        Call("embedding", [tensor([0], "uint32"), tensor([1, 1])]),
        "accepted: [0, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "Tiles of no rows.",
        "TTNN returns the padded shape as the logical one.",
    ),
    Difference(
        Call("embedding", [tensor([2, 0, 1], "uint32"), tensor([1, 1])]),
        "accepted: [2, 1, 1](pad [2, 32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "No ids in the middle.",
        "TTNN looks up ids that are not there.",
    ),
    Difference(
        Call("permute", [tensor([2, 3]), tuple_of([0, 0])]),
        "accepted: [2, 2](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "A dimension named twice.",
        "No order of dimensions names one twice.",
    ),
)
"""Calls that TTNN crashes on, or answers with a plainly wrong result, and the emulator refuses."""

_BARE: Final = {"$": "mc", "v": "l1_hs"}
_ONE_SHARD: Final = (
    "accepted: [1](pad [32, 32]) BFLOAT16 TILE L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]"
)


def _bare(op: str, answer: str, *args: Any) -> Difference:
    return Difference(
        Call(op, list(args), {"memory_config": _BARE}),
        answer,
        "bad optional access",
        "A sharded memory without shards: TTNN chooses them here, and refuses in the same words "
        "elsewhere. Give the memory config its shards.",
    )


_SHARDS: Final = {"sh": "HEIGHT_SHARDED", "g": [1, 1], "s": [32, 32], "o": "ROW_MAJOR", "b": "L1"}
_BLOCKS: Final = {"sh": "BLOCK_SHARDED", "g": [2, 2], "s": [32, 64], "o": "ROW_MAJOR", "b": "L1"}
_CUT: Final = "The input is sharded, and the part is not made of whole tiles."
_CUT_WHY: Final = "Where the part goes depends on its shards; TTNN takes some and refuses others."
_TWO_PARTS: Final = (
    "accepted: list of [32, {}](pad [32, {}]) BFLOAT16 TILE DRAM/INTERLEAVED; "
    "[32, {}](pad [32, {}]) BFLOAT16 TILE DRAM/INTERLEAVED"
)
_MOVED: Final = "The input is sharded, and its rows or columns in memory change in number."
_OWN_SHARDS: Final = "TTNN chooses the shards of the result: one for each core that it needs."

NOT_IMITATED: Final = (
    Difference(
        Call(
            "concat",
            [
                [
                    tensor([1, 1, 33], memory=_SHARDS | {"s": [128, 64]}),
                    tensor([1, 1, 33], memory="l1"),
                ],
                0,
            ],
        ),
        "accepted: [2, 1, 33](pad [2, 32, 64]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "All tensors must be sharded or all must be interleaved",
        "TTNN takes a sharded tensor beside one that is interleaved in L1, and refuses others.",
    ),
    Difference(
        Call("expand", [tensor([1, 32], memory=_SHARDS), [2, 32]]),
        "accepted: [2, 32](pad [32, 32]) BFLOAT16 TILE L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        "The input is sharded",
        _OWN_SHARDS,
    ),
    Difference(
        Call("repeat", [tensor([32, 32], memory=_SHARDS), [2, 1]]),
        "accepted: [64, 32] BFLOAT16 TILE L1/HEIGHT_SHARDED[1c 64x32 ROW_MAJOR]",
        "The input is sharded",
        _OWN_SHARDS,
    ),
    _bare("expand", _ONE_SHARD, tensor([1]), [1]),
    _bare("full_like", _ONE_SHARD, tensor([1]), 0.0),
    _bare("linear", _ONE_SHARD.replace("[1](", "[1, 1]("), tensor([1, 1]), tensor([1, 1])),
    _bare("matmul", _ONE_SHARD.replace("[1](", "[1, 1]("), tensor([1, 1]), tensor([1, 1])),
    _bare("ones_like", _ONE_SHARD, tensor([1])),
    _bare("repeat", _ONE_SHARD, tensor([1]), [1]),
    _bare("split", _ONE_SHARD.replace("accepted: ", "accepted: list of "), tensor([1]), 1, 0),
    _bare("zeros_like", _ONE_SHARD, tensor([1])),
    Difference(
        Call(
            "linear",
            [tensor([32, 1]), tensor([32, 32], memory="l1")],
            {"transpose_a": True, "bias": tensor([32])},
        ),
        "accepted: [32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "Broadcast error: Invalid dimension",
        "With a bias and anything in L1, TTNN works out the shape as if nothing were transposed. "
        "That refuses, gives a wrong shape, or by chance the right one.",
    ),
    Difference(
        Call(
            "matmul",
            [tensor([2, 1, 33]), tensor([2, 1, 33])],
            {"transpose_a": True, "core_grid": {"$": "cg", "v": [4, 1]}},
        ),
        "accepted: [2, 33, 33](pad [2, 64, 64]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "transpose_a with fuse_batch is not supported",
        "Whether TTNN refuses it depends on the blocks that it chooses for the grid.",
    ),
    Difference(
        Call("rms_norm", [tensor([])]),
        "accepted: [](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "A scalar.",
        "It has no dimension to normalise over.",
    ),
    Difference(
        Call("slice", [tensor([1, 1, 31]), [0, 0, 24], [1, 3, 24]]),
        "accepted: [1, 3, 0](pad [1, 32, 0]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "must be less than or equal to the shape of the tensor",
        "Of a part without elements, TTNN does not check the other bounds.",
    ),
    Difference(
        Call("slice", [tensor([32, 32], memory=_SHARDS), [0, 0], [16, 32]]),
        "accepted: [16, 32](pad [32, 32]) BFLOAT16 TILE L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        _CUT,
        _CUT_WHY,
    ),
    Difference(
        Call("__getitem__", [tensor([32, 32], memory=_SHARDS), slice_of(0, 16, None)]),
        "accepted: [16, 32](pad [32, 32]) BFLOAT16 TILE L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        _CUT,
        _CUT_WHY,
    ),
    Difference(
        Call("split", [tensor([32, 65], memory=_BLOCKS), [8, 57], 1]),
        _TWO_PARTS.format(8, 32, 57, 64),
        _CUT,
        _CUT_WHY,
    ),
    _bare(
        "transpose",
        "accepted: [2, 2, 2, 1, 1](pad [2, 2, 2, 1, 32]) BFLOAT16 ROW_MAJOR "
        "L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        tensor([2, 2, 2, 1, 1], layout="rm"),
        0,
        2,
    ),
    _bare(
        "permute",
        "accepted: [2, 2](pad [2, 32]) BFLOAT16 ROW_MAJOR L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        tensor([2, 2], layout="rm"),
        tuple_of([1, 0]),
    ),
    *(
        Difference(
            Call(op, [tensor([2, 1, 32], memory=_SHARDS | {"g": [1, 2]}), *order]),
            "accepted: [1, 2, 32](pad [1, 32, 32]) BFLOAT16 TILE L1/INTERLEAVED",
            _MOVED,
            "TTNN chooses the shards of the result, or leaves them.",
        )
        for op, order in (("permute", [tuple_of([1, 0, 2])]), ("transpose", [0, 1]))
    ),
    *(
        Difference(
            Call(op, [tensor([32, 32], memory=_SHARDS), -1]),
            "accepted: [32](pad [32, 32]) BFLOAT16 TILE L1/WIDTH_SHARDED[1c 32x32 ROW_MAJOR]",
            "The input is sharded",
            "TTNN chooses the shards of the result.",
        )
        for op in ("max", "mean", "min", "sum")
    ),
    _bare("mean", _ONE_SHARD.replace("[1](", "[1, 1]("), tensor([1, 1, 1]), 0),
    *(
        _bare(
            op,
            "accepted: [1, 64, 5](pad [1, 64, 32]) INT32 TILE L1/HEIGHT_SHARDED"
            "[2c 32x32 ROW_MAJOR]",
            tensor([2, 1, 64, 5], "int32"),
            -4,
        )
        for op in ("max", "min", "sum")
    ),
)
"""Calls that TTNN takes and the emulator refuses, because it does not imitate what TTNN does."""

DIFFERENCES: Final = (*WRONG, *NOT_IMITATED)

_HEAD: Final = """# Where the emulator differs from TTNN

The emulator accepts what TTNN 0.81.1 accepts, refuses what it refuses, and returns the same shape,
padded shape, dtype, layout and memory: `make parity` compares generated calls of every operation on
mock chips of both architectures. These are the exceptions. A test fails when one of them is no
longer so.

`T[shape]` is a tensor with its dtype, layout and memory. This file is generated from
`tests/emulator_differences.py`.

"""


_WRONG: Final = """## What TTNN gets wrong

TTNN kills the process on these calls, or takes them and returns something plainly wrong. The
emulator refuses them and says so.

"""

_NOT_IMITATED: Final = """
## What the emulator does not imitate

TTNN takes these calls. The emulator refuses them.

"""


def text() -> str:
    """The text of DIFFERENCES.md."""
    tables = _WRONG + as_markdown(WRONG) + _NOT_IMITATED + as_markdown(NOT_IMITATED)
    return _HEAD + tables


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
