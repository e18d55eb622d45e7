"""Where the emulator differs from TTNN on purpose; the source of DIFFERENCES.md.

``python emulator_differences.py`` writes that file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from symbiote_conformance import Call, Difference, as_markdown
from symbiote_conformance.strategies.describe import (
    dtype,
    layout,
    memory_config,
    slice_of,
    tensor,
    torch_tensor,
    tuple_of,
    unary_type,
)
from symbiote_conformance.strategies.elementwise import ARITHMETIC, COMPARISONS, EXTREMA, LOGICAL

FILE: Final = Path(__file__).parents[1] / "DIFFERENCES.md"

_NO_DATA: Final = "A host or freed tensor has no device memory, which TTNN does not check here."
_FREED: Final = "TTNN does not check for freed tensors here."

_TILE: Final = {"sh": "HEIGHT_SHARDED", "g": [1, 1], "s": [32, 32], "o": "ROW_MAJOR", "b": "L1"}
_COLUMNS: Final = _TILE | {"sh": "WIDTH_SHARDED"}
_USER: Final = tensor([1, 1, 1, 32], memory=_TILE)
_TABLE: Final = tensor([1, 1, 32, 32])
_ONE_HEAD: Final = "[1, 1, 1, 32](pad [1, 1, 32, 32]) BFLOAT16 TILE "
_ON_A_CORE: Final = "L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]"
_THREE: Final = "accepted: tuple of " + "; ".join([_ONE_HEAD + _ON_A_CORE] * 3)
_SPLIT: Final = (
    f"accepted: tuple of {_ONE_HEAD}DRAM/INTERLEAVED; [1, 1, 32, 1](pad [1, 1, 32, 32]) BFLOAT16 "
    f"TILE DRAM/INTERLEAVED; {_ONE_HEAD}DRAM/INTERLEAVED"
)
_MERGED: Final = "accepted: [1, 1, 32, {}] BFLOAT16 TILE L1/WIDTH_SHARDED[{}c 32x32 ROW_MAJOR]"


def _heads(op: str, answer: str, says: str, reason: str, *args: Any, **kwargs: Any) -> Difference:
    return Difference(Call(f"experimental.{op}", list(args), kwargs), answer, says, reason)


_HEADS_WRONG: Final = (
    _heads(
        "nlp_create_qkv_heads_decode",
        "crashed SIGSEGV",
        "The operand is on the host.",
        _NO_DATA + " A freed one crashes, too.",
        tensor([1, 1, 1, 96], memory="host"),
        num_heads=1,
    ),
    _heads(
        "nlp_create_qkv_heads_decode",
        "crashed SIGFPE",
        "No heads.",
        "TTNN divides by the number of heads.",
        tensor([1, 1, 1, 96]),
        num_heads=0,
        num_kv_heads=0,
    ),
    _heads(
        "nlp_create_qkv_heads_decode",
        _THREE,
        "TTNN does not write output_tensors.",
        "It makes new tensors, and leaves these as they were.",
        tensor([1, 1, 1, 96]),
        num_heads=1,
        output_tensors=[tensor([1])] * 3,
    ),
    _heads(
        "nlp_create_qkv_heads",
        _SPLIT,
        "Heads that are no whole tiles.",
        "TTNN takes whole tiles for a head, with what belongs to others in them.",
        tensor([1, 1, 1, 80]),
        num_heads=1,
        num_kv_heads=1,
    ),
    _heads(
        "nlp_create_qkv_heads",
        _SPLIT,
        "Keys of another length.",
        "TTNN gives them the length of the query.",
        tensor([1, 1, 1, 32]),
        tensor([1, 1, 2, 64]),
        num_heads=1,
    ),
    _heads(
        "nlp_concat_heads",
        "accepted: [1, 1, 1, 2](pad [1, 1, 32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "Heads that are no whole tiles.",
        "TTNN puts whole tiles side by side, which are more than the result has.",
        tensor([1, 2, 1, 1]),
    ),
    _heads(
        "nlp_concat_heads",
        "accepted: [1, 1, 1, 2](pad [1, 1, 32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "More than four dimensions.",
        "TTNN drops the last ones.",
        tensor([1, 1, 1, 2, 3]),
    ),
    _heads(
        "nlp_concat_heads",
        "crashed SIGFPE",
        "Heads without elements.",
        "TTNN divides by the width. So do `rotary_embedding` and `rotary_embedding_hf`.",
        tensor([1, 1, 1, 0]),
    ),
    _heads(
        "nlp_concat_heads_decode",
        _MERGED.format(32, 1),
        "Heads that are no whole tiles.",
        "TTNN returns the padded width as the logical one.",
        tensor([1, 1, 1, 1], memory=_TILE),
        num_heads=1,
    ),
    _heads(
        "nlp_concat_heads_decode",
        _MERGED.format(64, 2),
        "More heads than there are.",
        "TTNN takes the padding for heads.",
        _USER,
        num_heads=2,
    ),
    _heads(
        "nlp_concat_heads_decode",
        _MERGED.format(32, 1),
        "Shards in DRAM.",
        "TTNN reads what is at their address in L1.",
        tensor([1, 1, 1, 32], memory=_TILE | {"b": "DRAM"}),
        num_heads=1,
    ),
    _heads(
        "rotary_embedding",
        "crashed SIGSEGV",
        "The operand is deallocated.",
        _FREED + " Row-major tables that are freed or on the host crash, too.",
        tensor([1, 1, 32, 32], freed=1),
        _TABLE,
        _TABLE,
    ),
    _heads(
        "rotary_embedding",
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "A length that is no whole number of tiles.",
        "TTNN returns the padded length as the logical one.",
        tensor([1, 1, 1, 32]),
        _TABLE,
        _TABLE,
    ),
    _heads(
        "rotary_embedding",
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "A head that does not end with a tile.",
        "TTNN takes the halves of the padded head.",
        *[tensor([1, 1, 32, 1])] * 3,
    ),
    _heads(
        "rotary_embedding",
        "accepted: [1, 1, 32, 32] INT32 TILE DRAM/INTERLEAVED",
        "A rotation of integers or by integers.",
        "The kernel is one of floats.",
        tensor([1, 1, 32, 32], "int32"),
        _TABLE,
        _TABLE,
    ),
    _heads(
        "rotary_embedding_hf",
        "accepted: [1, 1, 1, 1](pad [1, 1, 32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "A head that does not end with a tile.",
        "TTNN takes the halves of the padded head.",
        *[tensor([1, 1, 1, 1])] * 3,
    ),
    _heads(
        "rotary_embedding_hf",
        "accepted: [1, 1, 1, 32](pad [1, 1, 32, 32]) INT32 TILE DRAM/INTERLEAVED",
        "A rotation of integers or by integers.",
        "The kernel is one of floats.",
        tensor([1, 1, 1, 32], "int32"),
        _TABLE,
        _TABLE,
    ),
    _heads(
        "rotary_embedding_hf",
        f"accepted: {_ONE_HEAD}{_ON_A_CORE}",
        "A user's row of cos and sin is not where its heads are.",
        "Each core takes the first rows of the tables that it finds in its memory. TTNN does not "
        "check that they are there, and those of its users.",
        _USER,
        *[tensor([1, 1, 2, 32], memory=_TILE)] * 2,
        is_decode_mode=True,
    ),
    _heads(
        "rotary_embedding_hf",
        f"accepted: {_ONE_HEAD}L1/INTERLEAVED",
        "An interleaved result of shards.",
        "Each core writes into its own memory, where the result is not.",
        *[_USER] * 3,
        is_decode_mode=True,
        memory_config={"$": "mc", "v": "l1"},
    ),
    _heads(
        "rotary_embedding_hf",
        "crashed SIGFPE",
        "No users.",
        "TTNN divides by their number.",
        *[tensor([1, 0, 1, 32], memory=_TILE)] * 3,
        is_decode_mode=True,
    ),
)
"""Of the operations on heads."""

_SHARDS: Final = _TILE
_PAGED: Final = "experimental.paged_update_cache"
_DECODE: Final = "transformer.scaled_dot_product_attention_decode"
_OUTSIDE: Final = "is outside of the cache of length"
_ATTENDED: Final = "accepted: [1, 1, 1, 32](pad [1, 1, 32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED"


def _position(position: int) -> dict[str, Any]:
    return {"update_idxs": [position]}


def _chunks(keys: int) -> dict[str, Any]:
    return {"$": "sdpapc", "v": {"q": 0, "k": keys, "g": [8, 8]}}


def _decode(keys: list[int], **given: Any) -> Call:
    """One head of one user attends to a cache of this shape; to the first key if nothing else."""
    query, cache = tensor([1, 1, 1, 32]), tensor(keys)
    causal = given.get("is_causal", True) and "cur_pos_tensor" not in given
    return Call(_DECODE, [query, cache, cache], {"cur_pos": [0], **given} if causal else given)


WRONG: Final = (
    Difference(
        Call("relu", [tensor([1], memory="host")]),
        "crashed SIGSEGV",
        "The operand is on the host.",
        _NO_DATA
        + " So do all unary operations, `clamp`, `clone`, `layer_norm` and `rms_norm`, and "
        "so does the input of `update_cache` and its kin.",
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
    *(
        Difference(
            Call(op, [tensor([0, 1, 1, 2]), *how]),
            "accepted: [0, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
            "A tensor of tiles without elements.",
            "TTNN returns the padded shape as the logical one.",
        )
        for op, how in (
            ("expand", [[0, 1, 3, 2]]),
            ("repeat", [[1, 1, 1, 2]]),
            ("repeat_interleave", [2, -1]),
        )
    ),
    *(
        Difference(
            Call(op, [tensor([1, 0], layout="rm"), *more], given),
            "crashed SIGFPE",
            "Rows without elements.",
            "TTNN divides by the length of the rows.",
        )
        for op, more, given in (
            ("clone", [], {}),
            ("copy", [tensor([1, 0], layout="rm")], {}),
            ("move", [], {"memory_config": memory_config("l1")}),
            ("slice", [[0, 0], [1, 0]], {"memory_config": memory_config("l1")}),
            ("to_memory_config", [memory_config("l1")], {}),
            ("typecast", [dtype("float32")], {}),
        )
    ),
    Difference(
        Call("to_memory_config", [tensor([0, 32]), memory_config(_SHARDS)]),
        "crashed SIGSEGV",
        "Shards of no elements.",
        "TTNN reads the buffer of a tensor that has none.",
    ),
    *(
        Difference(
            Call(op, [tensor([1, 0], layout="rm"), *order]),
            "crashed SIGFPE",
            "A tensor without elements.",
            "TTNN divides by a size that is 0, for most orders of dimensions.",
        )
        for op, order in (("permute", [tuple_of([1, 0])]), ("transpose", [0, 1]))
    ),
    Difference(
        Call("to_layout", [tensor([0, 1], layout="rm"), layout("tile")]),
        "accepted: [0, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "Tiles of no elements.",
        "TTNN returns the padded shape as the logical one.",
    ),
    *(
        Difference(
            Call(op, [tensor([33, 1]), *bounds]),
            "accepted: [16, 1](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
            "An end in the padding of tiles.",
            "TTNN gives what is in the padding, where it cuts whole tiles.",
        )
        for op, bounds in (
            ("slice", [[32, 0], [48, 1]]),
            ("__getitem__", [slice_of(32, 48)]),
        )
    ),
    Difference(
        Call("slice", [tensor([1, 2]), [1, 0], [1, -5]]),
        "accepted: [0, 4294967293](pad [0, 0]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "An end before the first element.",
        "TTNN takes it for a large one, and does not compare it where there are no elements.",
    ),
    Difference(
        Call(
            "slice", [tensor([2, 40]), [1, 0], [1, 40]], {"memory_config": memory_config("l1_hs")}
        ),
        "crashed SIGSEGV",
        "Shards of no elements.",
        "TTNN reads the buffer of a tensor that has none.",
    ),
    Difference(
        Call("arange", [0, 2**63 - 1, 2**62]),
        "crashed SIGSEGV",
        "The number after the last has over 64 bits.",
        "TTNN counts on beyond the greatest number, and never comes to the end.",
    ),
    Difference(
        Call(
            "transformer.concatenate_heads",
            [tensor([1, 1, 64, 32], memory=_TILE | {"sh": "BLOCK_SHARDED", "g": [1, 2]})],
        ),
        "crashed SIGFPE",
        "Shards that are lower than a head.",
        "TTNN divides by the number of heads of a shard, which is none.",
    ),
    Difference(
        Call("concat", [[tensor([0], layout="rm"), tensor([1], layout="rm")], 0]),
        "crashed SIGFPE",
        "An operand has no elements.",
        "TTNN divides by the length of rows that it has to align.",
    ),
    Difference(
        Call("concat", [[tensor([2, 1], "int32"), tensor([2, 0], "int32")], 1]),
        "crashed SIGFPE",
        "The rows of an operand have no elements.",
        "TTNN takes tiles apart, and divides by the length of rows that it has to align.",
    ),
    Difference(
        Call("concat", [[tensor([0, 16], "float32"), tensor([0, 32], "float32")], 1]),
        "accepted: [0, 64] FLOAT32 TILE DRAM/INTERLEAVED",
        "There are no rows, and their length does not fill tiles.",
        "TTNN returns the padded shape as the logical one, or crashes.",
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
    *_HEADS_WRONG,
    *(
        Difference(
            Call(op, [tensor([1, 1, 32, 32]), tensor([1, 1, 1, 32]), 32]),
            "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
            _OUTSIDE,
            "TTNN does not look where it writes.",
        )
        for op in ("update_cache", "kv_cache.update_cache_for_token_")
    ),
    Difference(
        Call(
            _PAGED, [tensor([1, 1, 32, 32]), tensor([1, 1, 1, 32], memory=_SHARDS)], _position(32)
        ),
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        _OUTSIDE,
        "TTNN does not look where it writes.",
    ),
    Difference(
        Call(
            _PAGED,
            [
                tensor([2, 1, 32, 32]),
                tensor([1, 2, 1, 32], memory=_SHARDS | {"g": [2, 1], "s": [64, 32]}),
            ],
            {"update_idxs": [0, 0]},
        ),
        "accepted: [2, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "hold several users",
        "TTNN looks for one user on each core, and here the first one holds both.",
    ),
    *(
        Difference(
            Call(op, [tensor([1, 1, 32, 32]), tensor([1, 1, 0, 32], memory=_SHARDS), 0]),
            "crashed SIGFPE",
            "Shards without a row.",
            "TTNN divides by the number of rows.",
        )
        for op in ("fill_cache", "kv_cache.fill_cache_for_user_")
    ),
    *(
        Difference(
            Call(op, [tensor([1])], {"weight": tensor([0, 1, 1])}),
            "accepted: [1](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
            "A weight or bias of no elements.",
            "TTNN reads values that are not there.",
        )
        for op in ("layer_norm", "rms_norm")
    ),
    Difference(
        Call(
            _PAGED, [tensor([1, 33, 32, 32]), tensor([1, 1, 1, 32], memory=_SHARDS)], _position(0)
        ),
        "accepted: [1, 33, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "and the tiles of the input hold",
        "TTNN writes what lies behind the input to the other heads.",
    ),
    Difference(
        _decode([1, 1, 32, 32], cur_pos_tensor=tensor([1], "int32", "rm", fill=["const", 32])),
        _ATTENDED,
        _OUTSIDE,
        "TTNN checks the positions of a list, but not those of a tensor, nor whether a position is "
        "in the padding of the cache.",
    ),
    Difference(
        _decode([1, 1, 32, 32], cur_pos_tensor=tensor([1], "bfloat16", "rm")),
        _ATTENDED,
        "which TTNN reads as integers of 32 bits.",
        "TTNN does not look at the dtype.",
    ),
    Difference(
        _decode([1, 1, 40, 32], is_causal=False, program_config=_chunks(32)),
        _ATTENDED,
        "which end within a tile: TTNN attends to the padding.",
        "TTNN takes the padding of the cache for keys.",
    ),
    *(
        Difference(
            Call(op, [tensor([1]), 1.5], {"activations": [unary_type("RELU")]}),
            "accepted: [1](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
            "Activations beside a number, which TTNN leaves out.",
            "TTNN runs the program without the activation.",
        )
        for op in ("maximum", "minimum")
    ),
    *(
        Difference(
            Call(op, [tensor([2, 0], layout="rm"), tensor([1])]),
            "accepted: [32, 0] BFLOAT16 TILE DRAM/INTERLEAVED",
            "Operands of two layouts, without elements.",
            "TTNN takes the padded shape for the logical one.",
        )
        for op in (*ARITHMETIC, *COMPARISONS, *LOGICAL, *EXTREMA)
    ),
    Difference(
        Call(
            "move",
            [tensor([32, 32], memory=_SHARDS | {"sh": "BLOCK_SHARDED", "g": [2, 2]})],
            {"memory_config": {"$": "mc", "v": "l1_hs"}},
        ),
        "accepted: [32, 32] BFLOAT16 TILE L1/HEIGHT_SHARDED[4c 32x32 ROW_MAJOR]",
        "Shards would become shards of another kind.",
        "TTNN leaves the shards as they are, and calls them something else.",
    ),
    Difference(
        Call("pow", [tensor([1], "int32", freed=True), 0]),
        "accepted: [1](pad [32, 32]) INT32 TILE HOST",
        "A tensor without device memory, to the power of 0.",
        "TTNN makes ones on the host, and crashes on freed tiles of most floats.",
    ),
)
"""Calls that TTNN crashes on, or answers with a plainly wrong result, and the emulator refuses."""

_BARE: Final = {"$": "mc", "v": "l1_hs"}
_DRAM: Final = memory_config("dram")
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


_BLOCKS: Final = {"sh": "BLOCK_SHARDED", "g": [2, 2], "s": [32, 64], "o": "ROW_MAJOR", "b": "L1"}
_CUT: Final = "The input is sharded, and the part is not made of whole tiles."
_CUT_WHY: Final = "Where the part goes depends on its shards; TTNN takes some and refuses others."
_TWO_PARTS: Final = (
    "accepted: list of [32, {}](pad [32, {}]) BFLOAT16 TILE DRAM/INTERLEAVED; "
    "[32, {}](pad [32, {}]) BFLOAT16 TILE DRAM/INTERLEAVED"
)
_FOUR: Final = "have four dimensions"
_FOUR_WHY: Final = "TTNN takes other dimensions for those that it means."
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
        Call("embedding", [tensor([1], "uint32"), tensor([0, 1])]),
        "accepted: [1, 1](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "An id is outside of the table",
        "TTNN does not look at the ids, and a chip reads beyond the table.",
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
    _bare(
        "slice",
        "accepted: [2, 5](pad [2, 32]) BFLOAT16 ROW_MAJOR L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        tensor([17, 48], layout="rm"),
        [15, 40],
        [17, 45],
    ),
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
        Call("rms_norm", [tensor([])]),
        "accepted: [](pad [32, 32]) BFLOAT16 TILE DRAM/INTERLEAVED",
        "A scalar.",
        "It has no dimension to normalise over.",
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
        Call("split", [tensor([32, 32], memory=_SHARDS), 16, 1], {"memory_config": _DRAM}),
        _TWO_PARTS.format(16, 32, 16, 32),
        _CUT,
        _CUT_WHY,
    ),
    Difference(
        Call("split", [tensor([32, 65], memory=_BLOCKS), [8, 57], 1]),
        _TWO_PARTS.format(8, 32, 57, 64),
        "The input is sharded, and TTNN chooses the memory of the parts.",
        "Some parts are sharded in proportion, others interleaved in DRAM.",
    ),
    Difference(
        Call(
            "transformer.split_query_key_value_and_split_heads",
            [tensor([2, 32, 192], memory=_BLOCKS | {"s": [32, 96]})],
            {"num_heads": 2, "memory_config": _BARE},
        ),
        "accepted: tuple of "
        + "; ".join(["[2, 2, 32, 32] BFLOAT16 TILE L1/HEIGHT_SHARDED[4c 32x32 ROW_MAJOR]"] * 3),
        "The input is sharded.",
        _OWN_SHARDS,
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
            Call(op, [tensor(shape, memory=_SHARDS | {"s": shards}), how]),
            f"accepted: {answer} ROW_MAJOR]",
            _MOVED,
            "TTNN chooses the shards of the result.",
        )
        for op, shape, shards, how, answer in (
            (
                "reshape",
                [32, 64],
                [32, 64],
                [2, 32, 32],
                "[2, 32, 32] BFLOAT16 TILE L1/WIDTH_SHARDED[1c 64x32",
            ),
            (
                "squeeze",
                [33, 1],
                [64, 32],
                1,
                "[33](pad [32, 64]) BFLOAT16 TILE L1/WIDTH_SHARDED[1c 32x64",
            ),
            (
                "unsqueeze",
                [1, 33],
                [32, 64],
                2,
                "[1, 33, 1](pad [1, 64, 32]) BFLOAT16 TILE L1/WIDTH_SHARDED[1c 64x32",
            ),
        )
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
    _heads(
        "nlp_create_qkv_heads_decode",
        _THREE,
        "The key on cores of its own.",
        "The emulator deals query and key to the same cores.",
        tensor([1, 1, 1, 96], memory=_COLUMNS | {"g": [3, 1]}),
        num_heads=1,
        overlap_qk_coregrid=False,
    ),
    _heads(
        "nlp_create_qkv_heads_decode",
        _THREE,
        "A slice of the users.",
        "Of interleaved inputs TTNN takes the first users, wherever the slice begins.",
        tensor([1, 1, 2, 96]),
        num_heads=1,
        slice_size=1,
    ),
    _heads(
        "nlp_create_qkv_heads",
        "accepted: tuple of " + "; ".join([f"[1, 1, 32, 32] BFLOAT16 TILE {_ON_A_CORE}"] * 3),
        "The input is sharded.",
        "TTNN takes it in shards of whole heads, and chooses the shards of the results.",
        tensor([1, 1, 32, 96], memory=_COLUMNS | {"s": [32, 96]}),
        num_heads=1,
        transpose_k_heads=False,
        memory_config=_BARE,
    ),
    _heads(
        "nlp_create_qkv_heads",
        _SPLIT,
        "kv_tied, or output_tensors.",
        "TTNN writes output_tensors of any shape.",
        *[tensor([1, 1, 1, 32])] * 2,
        num_heads=1,
        kv_tied=True,
    ),
    _heads(
        "nlp_concat_heads",
        _MERGED.format(64, 2),
        "The input is sharded.",
        "TTNN takes some shards, crashes on others, and chooses those of the result.",
        tensor([1, 2, 32, 32], memory=_TILE | {"g": [2, 1]}),
        memory_config={"$": "mc", "v": "l1_ws"},
    ),
    _heads(
        "nlp_concat_heads_decode",
        _MERGED.format(32, 1),
        "output_tensor.",
        "TTNN takes it by its shards, and does not look at its shape.",
        _USER,
        num_heads=1,
        output_tensor=tensor([1, 1, 32, 32], memory=_COLUMNS),
    ),
    _heads(
        "nlp_concat_heads_decode",
        _MERGED.format(32, 1),
        "Users column by column.",
        "TTNN goes row by row over the cores, whatever the orientation.",
        tensor([1, 1, 1, 32], memory=_TILE | {"o": "COL_MAJOR"}),
        num_heads=1,
    ),
    _heads(
        "rotary_embedding_hf",
        "accepted: [1, 1, 32, 64] BFLOAT16 TILE L1/BLOCK_SHARDED[2c 32x32 ROW_MAJOR]",
        "An input in block shards.",
        "A core of TTNN rotates whole rows, of which such shards hold parts.",
        tensor([1, 1, 32, 64], memory=_TILE | {"sh": "BLOCK_SHARDED", "g": [2, 1]}),
        *[tensor([1, 1, 32, 64])] * 2,
    ),
    *(
        Difference(
            Call(op, [tensor([1, 1, 1, 32, 32]), tensor([1, 1, 1, 1, 32]), 0]),
            "accepted: [1, 1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
            _FOUR,
            _FOUR_WHY,
        )
        for op in (
            "fill_cache",
            "kv_cache.fill_cache_for_user_",
            "update_cache",
            "kv_cache.update_cache_for_token_",
        )
    ),
    Difference(
        Call(
            _PAGED,
            [tensor([1, 1, 1, 32, 32]), tensor([1, 1, 1, 32], memory=_SHARDS)],
            _position(0),
        ),
        "accepted: [1, 1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        _FOUR,
        _FOUR_WHY,
    ),
    Difference(
        Call(
            _PAGED,
            [tensor([1, 1, 32, 32]), tensor([1, 1, 1, 32], memory=_SHARDS)],
            {
                "update_idxs_tensor": tensor([1], "int32", "rm"),
                "page_table": tensor([1, 1], "int32", "rm"),
            },
        ),
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "A page table, a shared cache or mesh coordinates.",
        "Paged caches, and caches that users share, are not emulated.",
    ),
    Difference(
        Call(
            _PAGED,
            [tensor([1, 1, 32, 32]), tensor([1, 1, 1, 32], memory=_SHARDS)],
            {"update_idxs_tensor": tensor([1, 2], "int32", "rm")},
        ),
        "accepted: [1, 1, 32, 32] BFLOAT16 TILE DRAM/INTERLEAVED",
        "Positions that are sharded, or no vector.",
        "TTNN reads the first row, or for each core its shard.",
    ),
    Difference(
        Call(
            "transformer.scaled_dot_product_attention",
            [tensor([1, 1, 1, 32]), tensor([1, 1, 2, 32]), tensor([1, 1, 2, 32])],
            {"is_causal": False, "sliding_window_size": 1},
        ),
        _ATTENDED,
        "A sliding window over queries and keys of different lengths.",
        "TTNN's kernel counts queries from the first key, its golden function from the last.",
    ),
    Difference(
        _decode([1, 1, 32, 32, 1]),
        _ATTENDED,
        _FOUR,
        _FOUR_WHY,
    ),
    Difference(
        _decode([1, 1, 32, 32], attention_sink=tensor([1, 32])),
        _ATTENDED,
        "An attention sink, or a shared cache.",
        "They are not emulated; with a shared cache, TTNN returns one user of all.",
    ),
    Difference(
        _decode([1, 1, 32, 32], is_causal=False, sliding_window_size=1),
        _ATTENDED,
        "A sliding window that is not causal.",
        "TTNN's kernel takes the last keys, its golden function those around the last.",
    ),
    Difference(
        _decode([1, 1, 32, 32], is_causal=False, attn_mask=tensor([2, 1, 1, 32])),
        _ATTENDED,
        "A mask of [",
        "TTNN looks at heads and length of a mask only.",
    ),
    Difference(
        _decode([1, 1, 32, 31]),
        _ATTENDED,
        "Head sizes or lengths that differ, though not in tiles.",
        "TTNN compares padded shapes.",
    ),
    Difference(
        Call(
            _DECODE,
            [
                tensor([1, 1, 1, 32], layout="rm", memory=_SHARDS | {"s": [1, 32]}),
                tensor([1, 1, 32, 32]),
                tensor([1, 1, 32, 32]),
            ],
            {"cur_pos": [0], "memory_config": {"$": "mc", "v": _SHARDS}},
        ),
        "accepted: [1, 1, 1, 32] BFLOAT16 ROW_MAJOR L1/HEIGHT_SHARDED[1c 32x32 ROW_MAJOR]",
        "A query in rows.",
        "The result is in rows too, in shards that are larger than its own.",
    ),
    Difference(
        _decode(
            [1, 1, 32, 32],
            cur_pos_tensor=tensor([1, 1], "int32", "rm", _SHARDS | {"s": [1, 1]}),
        ),
        _ATTENDED,
        "Positions in shards.",
        "TTNN reads for each core its shard.",
    ),
    Difference(
        _decode(
            [1, 1, 32, 32],
            memory_config={"$": "mc", "v": _SHARDS | {"s": [64, 32]}},
        ),
        "accepted: [1, 1, 1, 32](pad [1, 1, 32, 32]) BFLOAT16 TILE "
        "L1/HEIGHT_SHARDED[1c 64x32 ROW_MAJOR]",
        "Shards of the result that are not one user's each.",
        "TTNN writes the result of a user to a core.",
    ),
    _bare("pow", _ONE_SHARD, tensor([1]), 0),
    _bare(
        "reshape",
        "accepted: [1, 2, 4, 4](pad [1, 2, 32, 32]) BFLOAT16 TILE "
        "L1/HEIGHT_SHARDED[4c 32x32 ROW_MAJOR]",
        tensor([32, 1], memory=_BLOCKS | {"s": [32, 32]}),
        [1, 2, 4, 4],
    ),
    Difference(
        Call("reshape", [tensor([16, 3], memory=_BLOCKS | {"s": [32, 32]}), [8, 6]]),
        "accepted: [8, 6](pad [32, 32]) BFLOAT16 TILE L1/BLOCK_SHARDED[1c 32x32 ROW_MAJOR]",
        "The input is sharded, over more cores than it fills.",
        _OWN_SHARDS,
    ),
    Difference(
        Call(
            "to_layout",
            [tensor([1, 32], memory=_COLUMNS), layout("rm")],
        ),
        "accepted: [1, 32] BFLOAT16 ROW_MAJOR L1/WIDTH_SHARDED[1c 1x32 ROW_MAJOR]",
        "Padding lies in shards.",
        "TTNN chooses shards for what is left, and takes some and refuses others.",
    ),
    Difference(
        Call("divide", [tensor([1], "int32"), tensor([1], "int32")], {"rounding_mode": "ceil"}),
        "accepted: [1](pad [32, 32]) FLOAT32 TILE DRAM/INTERLEAVED",
        "Incorrect rounding mode",
        "Between INT32, TTNN does not look whether it knows the mode.",
    ),
    Difference(
        Call("softmax", [tensor([0], memory="host")]),
        "accepted: [0](pad [32, 0]) BFLOAT16 TILE HOST",
        "No device found",
        "TTNN returns a tensor without elements before it looks where it is.",
    ),
    Difference(
        Call("sum", [tensor([0], layout="rm", memory="host")]),
        "accepted: [](pad [1]) BFLOAT16 ROW_MAJOR HOST",
        "Expected input tensor to be on device",
        "TTNN fills the result of no elements before it looks where they are. So do `mean`, `max` "
        "and `min`.",
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
