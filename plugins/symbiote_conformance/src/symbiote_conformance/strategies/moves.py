"""Calls that move, convert and reshape tensors and change no value."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from symbiote_conformance.calls import Call
from symbiote_conformance.strategies import describe as d
from symbiote_conformance.strategies.basic import (
    dims,
    dtypes,
    keywords,
    layouts,
    memory_configs,
    places,
    shapes,
    shards,
    tensors,
    weighted,
)

_anywhere = weighted((5, places), (1, "host"))
_even = weighted((4, "tile"), (3, "rm"))
"""Layouts of operands whose row-major form matters as much."""


@st.composite
def to_device_calls(draw: st.DrawFn) -> Call:
    """``to_device(tensor, device, memory_config=)``."""
    x = draw(tensors(layout=_even, memory=weighted((4, "host"), (1, places))))
    return Call("to_device", [x, d.device()], draw(keywords(memory_config=memory_configs)))


@st.composite
def from_device_calls(draw: st.DrawFn) -> Call:
    """``from_device(tensor)``."""
    return Call("from_device", [draw(tensors(layout=_even, memory=_anywhere))])


@st.composite
def to_layout_calls(draw: st.DrawFn) -> Call:
    """``to_layout(tensor, layout, dtype=, memory_config=)``."""
    x = draw(tensors(shapes(max_rank=5), layout=_even, memory=weighted((9, places), (1, "host"))))
    given = draw(keywords(memory_config=memory_configs))
    if draw(weighted((5, False), (1, True))):
        given["dtype"] = d.dtype(draw(dtypes))
    return Call("to_layout", [x, d.layout(draw(st.sampled_from(["tile", "rm"])))], given)


@st.composite
def to_memory_config_calls(draw: st.DrawFn) -> Call:
    """``to_memory_config(tensor, memory_config, dtype=)``; some of them shard."""
    x = draw(tensors(layout=_even))
    config = draw(weighted((3, memory_configs), (1, None)))
    if config is None:
        columns, rows = draw(st.sampled_from([(1, 1), (1, 2), (2, 2)]))
        config = d.memory_config(shards(x["s"], columns, rows) if len(x["s"]) > 1 else "l1")
    given = draw(weighted((5, {}), (1, dtypes.map(lambda n: {"dtype": d.dtype(n)}))))
    return Call("to_memory_config", [x, config], given)


@st.composite
def typecast_calls(draw: st.DrawFn) -> Call:
    """``typecast(tensor, dtype)``."""
    x = draw(tensors(layout=_even, memory=weighted((9, places), (1, "host"))))
    target = d.dtype(draw(dtypes))
    given = draw(keywords(memory_config=memory_configs))
    return Call("typecast", [x, target], given)


@st.composite
def clone_calls(draw: st.DrawFn) -> Call:
    """``clone(tensor, dtype=, memory_config=)``."""
    x = draw(tensors(layout=_even))
    optional = {"memory_config": memory_configs, "dtype": dtypes.map(d.dtype)}
    return Call("clone", [x], draw(keywords(**optional)))


@st.composite
def copy_calls(draw: st.DrawFn) -> Call:
    """``copy(from, to)``."""
    x = draw(tensors(layout=_even))
    dtype = draw(weighted((4, x["d"]), (1, dtypes)))
    return Call("copy", [x, draw(tensors(st.just(x["s"]), st.just(dtype), st.just(x["l"])))])


@st.composite
def move_calls(draw: st.DrawFn) -> Call:
    """``move(tensor, memory_config=)``."""
    return Call("move", [draw(tensors(layout=_even))], draw(keywords(memory_config=memory_configs)))


@st.composite
def deallocate_calls(draw: st.DrawFn) -> Call:
    """``deallocate(tensor, force)``."""
    args: list[Any] = [draw(tensors(layout=_even, memory=_anywhere))]
    if draw(st.booleans()):
        args.append(draw(st.booleans()))
    return Call("deallocate", args)


@st.composite
def _factors(draw: st.DrawFn, volume: int) -> list[int]:
    """A shape of this volume."""
    shape = []
    for _ in range(draw(st.integers(0, 3))):
        divisors = [n for n in range(1, min(volume, 200) + 1) if volume % n == 0]
        shape.append(draw(st.sampled_from(divisors)))
        volume //= shape[-1]
    return draw(st.permutations([*shape, volume]))


@st.composite
def reshape_calls(draw: st.DrawFn, op: str) -> Call:
    """``reshape(tensor, shape)`` or ``view``; some shapes hold a -1, some have another volume."""
    x = draw(tensors(layout=_even, memory=weighted((9, places), (1, "host"))))
    shape = draw(_factors(math.prod(x["s"])))
    if draw(weighted((3, False), (1, True))):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    given = {} if op == "view" else draw(keywords(memory_config=memory_configs))
    return Call(op, [x, draw(weighted((1, shape), (1, d.tuple_of(shape))))], given)


@st.composite
def permute_calls(draw: st.DrawFn) -> Call:
    """``permute(tensor, dims)``."""
    x = draw(tensors(shapes(max_rank=5), layout=_even))
    rank = len(x["s"])
    order = draw(st.permutations(range(rank)))
    if draw(weighted((5, False), (1, True))):
        order = [n - rank if draw(st.booleans()) else n for n in order]
    given = draw(keywords(memory_config=memory_configs))
    return Call("permute", [x, draw(weighted((1, list(order)), (1, d.tuple_of(order))))], given)


@st.composite
def transpose_calls(draw: st.DrawFn) -> Call:
    """``transpose(tensor, dim1, dim2)``."""
    x = draw(tensors(shapes(max_rank=5), layout=_even))
    pair = [draw(dims(len(x["s"]))) for _ in range(2)]
    return Call("transpose", [x, *pair], draw(keywords(memory_config=memory_configs)))


@st.composite
def squeeze_calls(draw: st.DrawFn) -> Call:
    """``squeeze(tensor, dim)``, with and without a dim of size 1."""
    x = draw(tensors(layout=_even))
    rank = len(x["s"])
    if draw(weighted((3, True), (1, False))):
        x["s"][draw(st.integers(0, rank - 1))] = 1
    args: list[Any] = [x]
    if draw(weighted((4, True), (1, False))):
        args.append(draw(weighted((4, dims(rank)), (1, st.lists(dims(rank), max_size=2)))))
    return Call("squeeze", args)


@st.composite
def unsqueeze_calls(draw: st.DrawFn) -> Call:
    """``unsqueeze(tensor, dim)``."""
    x = draw(tensors(layout=_even))
    return Call("unsqueeze", [x, draw(dims(len(x["s"]) + 1))])


@st.composite
def expand_calls(draw: st.DrawFn) -> Call:
    """``expand(tensor, shape)``: dims of size 1 grow, -1 keeps a dim, leading ones are added."""
    x = draw(tensors(shapes(max_volume=2000), layout=_even))
    target = []
    for i, n in enumerate(x["s"]):
        if draw(st.booleans()):
            x["s"][i] = 1
            target.append(draw(st.sampled_from([1, 2, 3, 33])) if n > 1 else 2)
        else:
            target.append(draw(weighted((3, n), (1, -1))))
    if len(target) < 4 and draw(weighted((4, False), (1, True))):
        target.insert(0, 2)
    return Call("expand", [x, target], draw(keywords(memory_config=memory_configs)))


@st.composite
def repeat_calls(draw: st.DrawFn) -> Call:
    """``repeat(tensor, times of each dim)``."""
    x = draw(tensors(shapes(max_volume=3000), layout=_even))
    rank = len(x["s"])
    length = draw(weighted((6, rank), (1, rank + 1), (1, max(1, rank - 1))))
    times = [draw(weighted((3, 1), (2, 2), (1, 3))) for _ in range(length)]
    given = draw(keywords(memory_config=memory_configs))
    return Call("repeat", [x, draw(weighted((1, times), (1, d.tuple_of(times))))], given)


@st.composite
def repeat_interleave_calls(draw: st.DrawFn) -> Call:
    """``repeat_interleave(tensor, repeats, dim)``."""
    x = draw(tensors(shapes(max_volume=3000), layout=_even))
    args = [x, draw(st.sampled_from([1, 2, 3, 4])), draw(dims(len(x["s"])))]
    return Call("repeat_interleave", args, draw(keywords(memory_config=memory_configs)))


@st.composite
def concat_calls(draw: st.DrawFn) -> Call:
    """``concat(tensors, dim)``; rarely of mixed layouts or dtypes."""
    shape = draw(shapes(max_volume=4000))
    rank = len(shape)
    dim = draw(st.integers(-rank, rank - 1))
    dtype, layout = draw(dtypes), draw(_even)
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        part = list(shape)
        if draw(st.booleans()):
            part[dim] = draw(st.sampled_from([1, 32, 33, 64]))
        kind = draw(weighted((15, dtype), (1, dtypes)))
        order = draw(weighted((12, layout), (1, layouts)))
        parts.append(draw(tensors(st.just(part), st.just(kind), st.just(order))))
    given = draw(keywords(memory_config=memory_configs))
    if draw(st.booleans()):
        return Call("concat", [parts, dim], given)
    return Call("concat", [parts], {"dim": dim, **given})


@st.composite
def split_calls(draw: st.DrawFn) -> Call:
    """``split(tensor, size or sizes, dim)``."""
    x = draw(tensors(layout=_even))
    dim = draw(dims(len(x["s"])))
    n = x["s"][dim] if -len(x["s"]) <= dim < len(x["s"]) else 32
    first = draw(st.integers(1, n))
    sizes = draw(weighted((3, st.sampled_from([1, 2, 16, 32, 33, n])), (2, [first, n - first])))
    if isinstance(sizes, int) and n > 12 * sizes:  # a program for each part
        sizes = max(sizes, -(-n // 4))
    args: list[Any] = [x, sizes]
    if draw(weighted((4, True), (1, False))):
        args.append(dim)
    elif isinstance(sizes, int):
        args[1] = max(sizes, -(-x["s"][0] // 4))
    return Call("split", args, draw(keywords(memory_config=memory_configs)))


@st.composite
def chunk_calls(draw: st.DrawFn) -> Call:
    """``chunk(tensor, chunks, dim)``."""
    x = draw(tensors(layout=_even))
    return Call("chunk", [x, draw(st.integers(1, 5)), draw(dims(len(x["s"])))])


@st.composite
def _bounds(draw: st.DrawFn, n: int) -> tuple[int, int, int]:
    """Start, stop and step of a slice of a dim of size n."""
    on_grid = draw(weighted((1, True), (1, False))) and n >= 32
    start = 32 * draw(st.integers(0, (n - 1) // 32)) if on_grid else draw(st.integers(0, n - 1))
    stop = draw(weighted((3, n), (3, st.integers(start + 1, n)), (1, start)))
    return start, stop, draw(weighted((8, 1), (2, 2), (1, 3)))


@st.composite
def slice_calls(draw: st.DrawFn) -> Call:
    """``slice(tensor, starts, stops, steps)``."""
    x = draw(tensors(layout=_even))
    bounds = [draw(_bounds(n)) for n in x["s"]]
    starts, stops, steps = (list(column) for column in zip(*bounds, strict=True))
    if draw(weighted((4, False), (1, True))):
        stops = [stop - n if stop < n else stop for stop, n in zip(stops, x["s"], strict=True)]
    args = [x, starts, stops]
    if draw(st.booleans()):
        args.append(steps)
    return Call("slice", args, draw(keywords(memory_config=memory_configs)))


@st.composite
def _index(draw: st.DrawFn, n: int) -> Any:
    """An index of a dim of size n: a slice or an integer."""
    if draw(weighted((4, False), (1, True))):
        return draw(weighted((12, st.integers(-n, n - 1)), (1, n)))
    start, stop, step = draw(_bounds(n))
    return d.slice_of(
        draw(weighted((2, start), (1, None), (1, start - n))),
        draw(weighted((2, stop), (2, None))),
        draw(weighted((3, None), (1, step))),
    )


@st.composite
def getitem_calls(draw: st.DrawFn) -> Call:
    """``tensor[index]``."""
    x = draw(tensors(layout=_even))
    shape = x["s"]
    count = draw(st.integers(1, len(shape)))
    index = [draw(_index(n)) for n in shape[:count]]
    if draw(weighted((4, False), (1, True))):
        index = [d.ellipsis(), *(draw(_index(n)) for n in shape[len(shape) - count :])]
    return Call("__getitem__", [x, index[0] if len(index) == 1 else d.tuple_of(index)])


@st.composite
def pad_calls(draw: st.DrawFn) -> Call:
    """``pad(tensor, [(front, back)], value)`` of a value by position or by keyword."""
    x = draw(tensors(layout=_even))
    rank = len(x["s"])
    count = draw(weighted((6, rank), (1, 1), (1, rank + 1)))
    back = weighted((5, 0), (2, 32), (2, st.sampled_from([1, 2, 16])))
    front = weighted((12, 0), (1, st.sampled_from([1, 32])))
    padding = [d.tuple_of([draw(front), draw(back)]) for _ in range(count)]
    value = draw(st.sampled_from([0.0, 1.0, 0, float(2)]))
    given = draw(keywords(memory_config=memory_configs))
    if draw(st.booleans()):
        return Call("pad", [x, padding, value], given)
    return Call("pad", [x, padding], {"value": value, **given})
