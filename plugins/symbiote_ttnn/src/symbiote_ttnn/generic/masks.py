"""Masks of torch on the device, once for all layers of a model."""

from __future__ import annotations

import weakref
from typing import Any

import attrs
import torch

from symbiote_core import TorchTTNNTensor, UnsupportedInputError
from symbiote_ttnn.kernels.base import TTNNKernel
from symbiote_ttnn.masks import added_to_scores


@attrs.frozen(eq=False)
class DeviceMask:
    """A mask on the device.

    Attributes:
        device: the device; held, so that its id is nobody else's.
        added: what is added to the scores, [1 or B, 1 or heads, Sq, Sk].
        kept: [1 or B, 1 or heads, Sq, 1], zero for queries that see nothing, to which torch
            answers zero; None if there are none.
    """

    device: Any
    added: Any
    kept: Any


_MASKS: dict[int, tuple[Any, dict[Any, DeviceMask]]] = {}
"""By the id of a mask of torch: a reference to it, and what was made of it.

A model gives one mask to all its layers. What is on the device goes when the mask does.
"""


def mask_on_device(kernel: TTNNKernel, mask: torch.Tensor, queries: int, keys: int) -> DeviceMask:
    """Bring a mask to the device, once for all layers that are given it.

    Args:
        kernel: tells the device.
        mask: booleans that tell what a query sees, or what is added to its scores,
            [1 or B, 1 or heads, 1 or Sq, Sk or more].
        queries: Sq.
        keys: Sk.

    Returns:
        The mask on the device; it stays there as long as ``mask`` lives.

    Raises:
        UnsupportedInputError: for a mask of another rank.
    """
    host = mask.to_torch if isinstance(mask, TorchTTNNTensor) else mask
    if host.ndim != 4:
        raise UnsupportedInputError(f"a mask {list(mask.shape)} has not four dimensions")
    version = 0 if host.is_inference() else host._version
    key = (id(kernel.device), queries, keys, version)
    address = id(mask)
    if address not in _MASKS:
        reference = weakref.ref(mask, lambda _: _MASKS.pop(address, None))
        _MASKS[address] = reference, {}
    made = _MASKS[address][1]
    if key not in made:
        made[key] = _made(kernel, host[..., :keys].expand(-1, -1, queries, -1))
    return made[key]


def _made(kernel: TTNNKernel, mask: torch.Tensor) -> DeviceMask:
    if mask.dtype is torch.bool:
        sees_nothing = ~mask.any(-1, keepdim=True)
    else:
        sees_nothing = mask.isneginf().all(-1, keepdim=True)
    kept = kernel.upload((~sees_nothing).float()) if sees_nothing.any() else None
    return DeviceMask(kernel.device, kernel.upload(added_to_scores(mask)), kept)


def forget_masks(device: Any) -> None:
    """Free what a device holds of masks; it is made again where it is needed."""
    for _, made in list(_MASKS.values()):
        for key in [key for key, mask in made.items() if mask.device is device]:
            del made[key]
