"""The hooks of Symbiote: all that a plugin can bring.

Each returns records and changes nothing. Implementations are marked with ``hookimpl``, stand in a
module or an object that states ``symbiote_api = "1"``, and are found through the entry-point group
``symbiote``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pluggy

from symbiote_core.registry.records import KernelSpec, Policy
from symbiote_core.runtime.protocol import RuntimeSpec
from symbiote_core.tensor.handlers import AtenHandler

PROJECT = "symbiote"
"""The pluggy project name and the entry-point group."""

API_VERSION = "1"
"""The version of these hooks. Plugins state the one that they are written for."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def symbiote_kernels() -> Iterable[KernelSpec]:  # type: ignore[empty-body]
    """Kernels that this plugin brings. Called once, when the plugins are loaded.

    Returns:
        The kernels, each with a name of its own.

    Example::

        @hookimpl
        def symbiote_kernels():
            return [KernelSpec("MyLinear", nn.Linear, "my_package.kernels:MyLinear", priority=10)]
    """


@hookspec
def symbiote_policies() -> Iterable[Policy]:  # type: ignore[empty-body]
    """Policies that this plugin brings. Called once, when the plugins are loaded.

    Returns:
        The policies, each with a name of its own.

    Example::

        @hookimpl
        def symbiote_policies():
            rules = (Rule("transformers.models.bert.modeling_bert.BertLayer", "MyBertLayer"),)
            return [Policy("bert", ("bert",), rules)]
    """


@hookspec
def symbiote_runtimes() -> Iterable[RuntimeSpec]:  # type: ignore[empty-body]
    """Runtimes that this plugin brings. Called once, when the plugins are loaded.

    Returns:
        The runtimes; nothing of them is imported before a device of theirs is opened.

    Example::

        @hookimpl
        def symbiote_runtimes():
            return [RuntimeSpec("my", "my", ("my:0",), load, lambda: None, list, "my_package")]
    """


@hookspec
def symbiote_aten_handlers() -> Iterable[AtenHandler]:  # type: ignore[empty-body]
    """Aten overloads that this plugin runs on the device. Called once, when plugins are loaded.

    Returns:
        The handlers, at most one for an overload.

    Example::

        @hookimpl
        def symbiote_aten_handlers():
            return [AtenHandler("aten.add.Tensor", lambda a, b, **_: ttnn.add(a, b))]
    """


@hookspec
def symbiote_idle_hook_tests() -> Iterable[Callable[[object], bool]]:  # type: ignore[empty-body]
    """Tests that tell that a forward hook does nothing now. Called once, when plugins are loaded.

    A kernel that stands for a whole layer steps back to torch when somebody hooked one of the
    layer's children. Hooks that some libraries leave behind, idle, need not cause that.

    Returns:
        Functions that take the hook and return True if it is idle.

    Example::

        @hookimpl
        def symbiote_idle_hook_tests():
            return [lambda hook: getattr(hook, "idle", False)]
    """
