"""Hypothesis strategies of the core's tests: paths, patterns, nested values and module trees."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import torch
from core_kernels import Block
from hypothesis import strategies as st
from torch import nn


class Pair(NamedTuple):
    """A named tuple of two values."""

    left: Any
    right: Any


@dataclasses.dataclass(frozen=True)
class Box:
    """A record with one value."""

    value: Any


words = st.text(alphabet="ab1_", min_size=1, max_size=3)
paths = st.lists(words, min_size=1, max_size=4).map(".".join)
globs = st.lists(
    st.one_of(words, st.sampled_from(["*", "?", ".", "[ab]", "[!a]"])), min_size=1, max_size=5
).map("".join)
regexes = st.lists(
    st.sampled_from(["a", "b", "1", r"\.", ".*", "[ab]+", "(a|b)", r"\w"]), min_size=1, max_size=5
).map("".join)

leaf_values = st.one_of(st.integers(), st.text(max_size=2), st.none())
nested = st.recursive(
    leaf_values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Box, inner),
    ),
    max_leaves=12,
)


@st.composite
def module_trees(draw: st.DrawFn) -> nn.Module:
    """A model of containers, linears, blocks and activations, some of them at several places."""
    pool: list[nn.Module] = []

    def node(depth: int) -> nn.Module:
        if pool and draw(st.integers(0, 4)) == 0:
            return draw(st.sampled_from(pool))
        kind = draw(st.sampled_from(["linear", "relu", "block", "box", "box"]))
        made: nn.Module
        if kind == "linear":
            made = nn.Linear(2, 2, bias=draw(st.booleans()))
        elif kind == "relu":
            made = nn.ReLU()
        elif kind == "block":
            made = Block(2)
        elif depth == 0:
            made = nn.Identity()
        else:
            made = nn.Sequential(*[node(depth - 1) for _ in range(draw(st.integers(1, 3)))])
        pool.append(made)
        return made

    return nn.ModuleDict({f"m{i}": node(2) for i in range(draw(st.integers(1, 4)))}).eval()


def small_integers(*shape: int) -> st.SearchStrategy[torch.Tensor]:
    """Float tensors of small integers, which bfloat16 holds exactly."""
    count = 1
    for size in shape:
        count *= size
    lists = st.lists(st.integers(-4, 4), min_size=count, max_size=count)
    return lists.map(lambda values: torch.tensor(values, dtype=torch.float32).reshape(shape))
