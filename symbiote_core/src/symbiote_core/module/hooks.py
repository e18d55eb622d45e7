"""Forward hooks on torch children that a coarse kernel does not call.

Who puts a hook on a child wants it called, so the kernel steps back to torch. A plugin can say
that a hook is idle (as the output recorders of transformers are between two uses).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

IdleTest = Callable[[object], bool]
"""Tells whether a hook does nothing right now."""

_idle_tests: list[IdleTest] = []


def install_idle_tests(tests: list[IdleTest]) -> None:
    """Make these the tests that are asked (a registry's ``idle_tests``, which may grow)."""
    global _idle_tests
    _idle_tests = tests


def _is_idle(hook: object) -> bool:
    return any(test(hook) for test in _idle_tests)


def active_hook(child: torch.nn.Module) -> str | None:
    """What on ``child`` wants its forward to be called, in words, or None."""
    for hooks, kind in (
        (child._forward_hooks, "forward hook"),
        (child._forward_pre_hooks, "forward pre-hook"),
    ):
        for hook in hooks.values():
            if not _is_idle(hook):
                return f"the {kind} {getattr(hook, '__qualname__', repr(hook))!r}"
    patched = child.__dict__.get("forward")
    if patched is not None and getattr(patched, "__func__", None) is not type(child).forward:
        return f"the replaced forward {getattr(patched, '__qualname__', repr(patched))!r}"
    return None
