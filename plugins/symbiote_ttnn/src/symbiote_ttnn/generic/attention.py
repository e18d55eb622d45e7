"""Attention of any model that asks transformers' ``AttentionInterface`` for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from symbiote_core import TorchTTNNTensor, UnsupportedInputError, active_runtime, use_runtime
from symbiote_core.module.hooks import active_hook
from symbiote_core.module.recovery import Refused
from symbiote_core.structure import map_leaves
from symbiote_ttnn.attend import attend
from symbiote_ttnn.generic.interface import (
    ask,
    implementation_of,
    interface_of,
    on_torch,
    unsupported,
)
from symbiote_ttnn.generic.masks import forget_masks, mask_on_device
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.late import ttnn


class TTNNInterfaceAttention(TTNNKernel):
    """An attention of transformers: its own forward, with what it asks for run on the device.

    The projections in it are replaced by themselves. A cache of transformers is used as it is; its
    keys and values stay on the device as long as it does no more than join them.
    """

    covers_children = False

    @classmethod
    def supports(cls, torch_layer: nn.Module) -> str | None:
        """Modules that ask the interface for plain scaled dot product attention."""
        return unsupported(torch_layer)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module's forward; what it takes and returns is the module's."""
        layer: Any = self.torch_layer
        if "forward" in layer.__dict__:
            return NotImplemented  # somebody's own, which is called then
        if implementation_of(layer) == "eager" and (hook := active_hook(self)):
            error = Refused("hooked_child", f"{hook} on it would miss the attention weights")
            return self.give_up(error, *args, **kwargs)
        return ask(layer, self, args, kwargs)

    def attended(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        scaling: float | None = None,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Attend on the device, as transformers' attention functions do.

        Args:
            query: [B, heads, Sq, size].
            key: [B, kv_heads, Sk, size].
            value: as the key.
            attention_mask: booleans that tell what a query sees, or what is added to its scores,
                [1 or B, 1 or heads, 1 or Sq, Sk or more].
            scaling: what scores are multiplied with; 1/sqrt(size) if None.
            dropout: must be 0; the device does inference alone.
            **kwargs: what else the module passes: ``is_causal`` and ``position_bias`` are heeded.

        Returns:
            [B, Sq, heads, size], and None in the place of the weights.
        """
        try:
            _refuse(self, dropout, kwargs)
            out = _on_device(self, query, key, value, attention_mask, scaling, kwargs)
        except Exception as error:  # any refusal of TTNN means: torch attends here, visibly
            self.give_up(error, query, key, value)
            given = map_leaves(_host, (query, key, value, attention_mask))
            kwargs = map_leaves(_host, kwargs)
            return on_torch(self.torch_layer, *given, scaling=scaling, dropout=dropout, **kwargs)
        return out, None

    def deallocate_weights(self) -> None:
        """Free the masks that its device holds; it has no weights."""
        super().deallocate_weights()
        forget_masks(self.device)


def _host(leaf: Any) -> Any:
    return leaf.to_torch if isinstance(leaf, TorchTTNNTensor) else leaf


def _refuse(kernel: TTNNInterfaceAttention, dropout: float, kwargs: dict[str, Any]) -> None:
    """Refuse what is asked for beside the attention itself.

    Raises:
        UnsupportedInputError: naming it.
    """
    interface = interface_of(type(kernel.torch_layer))
    assert interface is not None
    if dropout:
        raise UnsupportedInputError(f"a dropout of {dropout} is for training")
    if kwargs.get("output_attentions"):
        raise UnsupportedInputError("attention weights are asked for (output_attentions)")
    for name in sorted(interface.further | {"softcap", "s_aux", "head_mask", "cache"}):
        if kwargs.get(name) is not None:
            raise UnsupportedInputError(f"TTNN's attention is not given {name}")


def _on_device(
    kernel: TTNNInterfaceAttention,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None,
    kwargs: dict[str, Any],
) -> torch.Tensor:
    state = kernel._symbiote
    runtime = state.runtime
    assert runtime is not None  # the projections have run on it
    if runtime is not active_runtime():
        with use_runtime(runtime):
            return _on_device(kernel, query, key, value, attention_mask, scaling, kwargs)
    queries, keys = query.shape[2], key.shape[2]
    is_causal = _is_causal(kernel, queries, attention_mask, kwargs)
    bias = kwargs.get("position_bias")
    if bias is not None and not isinstance(bias, TorchTTNNTensor) and not bias.any():
        bias = None  # as for T5's attention to another text
    if bias is not None and is_causal:
        seen = torch.ones(queries, keys, dtype=torch.bool).tril()
        attention_mask, is_causal = seen[None, None], False
    mask = None
    if attention_mask is not None:
        mask = mask_on_device(kernel, attention_mask, queries, keys)
    added = None if mask is None else mask.added
    if bias is not None:
        wanted = (*bias.shape[:2], queries, keys)
        bias = _on(kernel, bias[:, :, :, :keys], "position_bias")
        bias = bias if tuple(bias.shape) == wanted else ttnn.expand(bias, wanted)
        added = bias if added is None else ttnn.add(bias, added)
    out = attend(
        _on(kernel, query, 0), _on(kernel, key, 1), _on(kernel, value, 2), added, is_causal, scaling
    )
    if mask is not None and mask.kept is not None:
        out = ttnn.multiply(out, mask.kept)
    out = ttnn.transpose(out, 1, 2)
    return TorchTTNNTensor(out, query.dtype, runtime, state.device, state.activity)


def _is_causal(
    kernel: TTNNInterfaceAttention,
    queries: int,
    mask: torch.Tensor | None,
    kwargs: dict[str, Any],
) -> bool:
    """Whether a query sees the keys up to its own alone, by the rules of transformers' ``sdpa``.

    Its eager functions mask by masks alone.
    """
    layer = kernel.torch_layer
    if mask is not None or queries == 1 or implementation_of(layer) == "eager":
        return False
    asked = kwargs.get("is_causal")
    return bool(getattr(layer, "is_causal", True) if asked is None else asked)


def _on(kernel: TTNNInterfaceAttention, tensor: torch.Tensor, position: int | str) -> Any:
    if isinstance(tensor, TorchTTNNTensor):
        return tensor.to_ttnn
    if tensor.requires_grad and torch.is_grad_enabled():
        raise UnsupportedInputError("an input requires a gradient; run under torch.no_grad()")
    return kernel.upload_input(tensor.detach(), position)
