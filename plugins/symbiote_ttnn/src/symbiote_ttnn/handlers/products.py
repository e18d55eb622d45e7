"""Matrix products between modules."""

from __future__ import annotations

from typing import Any

import torch

from symbiote_core import AtenHandler
from symbiote_ttnn.late import ttnn


def _matmul(a: Any, b: Any) -> Any:
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        return NotImplemented
    config = ttnn.init_device_compute_kernel_config(
        a.device().arch(),
        math_fidelity=ttnn.MathFidelity.HiFi4,
        math_approx_mode=False,
        fp32_dest_acc_en=True,
        packer_l1_acc=True,
    )
    return ttnn.matmul(a, b, compute_kernel_config=config)


def handlers() -> list[AtenHandler]:
    """The handlers of this file."""
    return [AtenHandler(f"aten.{name}.default", _matmul) for name in ("mm", "bmm")]
