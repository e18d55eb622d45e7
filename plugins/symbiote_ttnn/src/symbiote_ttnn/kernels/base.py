"""What the TTNN kernels have in common: configuration, weights and uploads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from symbiote_core import TTNNModule
from symbiote_ttnn.config import KernelConfig
from symbiote_ttnn.kernels.conversion import rounded, tile_transposed
from symbiote_ttnn.late import ttnn


class TTNNKernel(TTNNModule):
    """A `TTNNModule` that takes its dtypes and math fidelity from ``model_config``.

    ``launch`` holds the keyword arguments that every call passes, made once when the weights
    arrive on the device.
    """

    transient: tuple[str, ...] = ("launch",)

    role: str = "other"
    """What the matrices are for, one of `symbiote_ttnn.config.ROLES`."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel_config = KernelConfig()
        self.launch: dict[str, Any] = {}

    def set_model_config(self, config: Mapping[str, Any] | None) -> None:
        """Take the ``model_config``.

        Raises:
            ValueError: for an unknown key or value.
        """
        self.kernel_config = KernelConfig.from_mapping(config)
        self.frees_weights_after = self._frees or self.kernel_config.deallocate_weights_after
        super().set_model_config(config)

    def move_weights_to_device_impl(self) -> None:
        """Move the weights and settle the arguments of the calls."""
        super().move_weights_to_device_impl()
        self.launch = self.launch_arguments()

    def launch_arguments(self) -> dict[str, Any]:
        """Keyword arguments of this kernel's calls; override to add some."""
        return {"compute_kernel_config": self.compute_config()}

    def compute_config(self) -> Any:
        """TTNN's compute kernel configuration for this kernel's fidelity."""
        config = self.kernel_config
        return ttnn.init_device_compute_kernel_config(
            self.device.arch(),
            math_fidelity=getattr(ttnn.MathFidelity, config.math_fidelity),
            math_approx_mode=False,
            fp32_dest_acc_en=config.fp32_accumulate,
            packer_l1_acc=True,
        )

    @property
    def weight_dtype(self) -> Any:
        """TTNN's dtype of matrices."""
        return getattr(ttnn, self.kernel_config.weights_of(self.role))

    @property
    def activation_dtype(self) -> Any:
        """TTNN's dtype of what linear layers return."""
        return getattr(ttnn, self.kernel_config.activations)

    def weight_matrix(self, *weights: torch.Tensor) -> Any:
        """Weights [N, K] of linear layers as one host matrix [K, sum of N] of `weight_dtype`."""
        return tile_transposed(*weights, dtype=self.weight_dtype, device=self.device)

    def upload(self, tensor: torch.Tensor, dtype: Any = None, layout: Any = None) -> Any:
        """Bring a host tensor to the device, to every chip of a mesh, and count it as an upload.

        Args:
            tensor: any shape.
            dtype: TTNN's dtype; bfloat16 by default.
            layout: TTNN's layout; TILE by default.
        """
        self._symbiote.activity.uploaded(tensor)
        return ttnn.from_torch(
            rounded(tensor) if dtype is None else tensor,
            dtype=ttnn.bfloat16 if dtype is None else dtype,
            layout=ttnn.TILE_LAYOUT if layout is None else layout,
            device=self.device,
        )


def add_in_place(own: Any, other: Any) -> Any:
    """``own + other``, in the memory of ``own``: for residuals and tables.

    A result of its own costs memory on the device, and time to find it.

    Args:
        own: a tensor that nobody else uses, such as what a matmul has just returned.
        other: a tensor of the same shape, or of one that broadcasts to it; left as it is.

    Returns:
        ``own``.
    """
    return ttnn.add(own, other, output_tensor=own)
