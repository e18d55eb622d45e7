"""Building a model whose weights take no memory, to be read from a checkpoint later."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import nn


@contextlib.contextmanager
def without_weights() -> Iterator[None]:
    """Within it, modules are built with parameters on the meta device and real buffers.

    ::

        with without_weights():
            model = LlamaForCausalLM(config)
        accelerate(model, checkpoint="path/of/the/checkpoint")

    Buffers, such as the frequencies of rotary embeddings, are computed, since checkpoints mostly
    lack them.
    """
    register = nn.Module.register_parameter

    def without_values(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and not param.is_meta:
            param = nn.Parameter(param.to("meta"), requires_grad=param.requires_grad)
        register(self, name, param)

    def assigned(self: nn.Module, name: str, value: Any) -> None:
        if isinstance(value, nn.Parameter) and not value.is_meta:
            value = nn.Parameter(value.to("meta"), requires_grad=value.requires_grad)
        set_attribute(self, name, value)

    set_attribute = nn.Module.__setattr__
    nn.Module.register_parameter = without_values  # type: ignore[method-assign]
    nn.Module.__setattr__ = assigned  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]
        nn.Module.__setattr__ = set_attribute  # type: ignore[method-assign]
