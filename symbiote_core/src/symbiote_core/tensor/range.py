"""Numbers that float32 has and bfloat16, which devices compute in, does not."""

from __future__ import annotations

import torch

LARGEST = torch.finfo(torch.bfloat16).max
"""What is larger may round to infinity."""


def within_bfloat16(tensor: torch.Tensor) -> torch.Tensor:
    """A floating tensor whose finite values stay finite in bfloat16.

    Models hide what must not be seen by the lowest number of float32, which rounds to minus
    infinity; where all of a row is hidden so, a softmax would make NaN of it.

    Args:
        tensor: any shape, not empty.
    """
    low, high = tensor.detach().aminmax()
    if low >= -LARGEST and high <= LARGEST:
        return tensor
    return torch.where(tensor.isfinite(), tensor.clamp(-LARGEST, LARGEST), tensor)
