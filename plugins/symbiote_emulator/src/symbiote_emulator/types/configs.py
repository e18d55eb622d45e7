"""Kernel and program configurations. Most fields steer performance only and are kept as data."""

from __future__ import annotations

from typing import Any

import attrs

from symbiote_emulator.types.cores import CoreCoord, CoreRangeSet
from symbiote_emulator.types.enums import Arch, MathFidelity, ThrottleLevel


@attrs.define(kw_only=True, eq=False)
class WormholeComputeKernelConfig:
    """How the compute engine runs a kernel (used for every architecture).

    Made bare, its ``math_fidelity`` is ``Invalid``, as in TTNN: always set it, or use
    :func:`init_device_compute_kernel_config`.
    """

    math_fidelity: MathFidelity = MathFidelity.Invalid
    math_approx_mode: bool = True
    fp32_dest_acc_en: bool = False
    packer_l1_acc: bool = False
    dst_full_sync_en: bool = False
    throttle_level: ThrottleLevel = ThrottleLevel.NO_THROTTLE


def init_device_compute_kernel_config(
    arch: Arch,
    device_kernel_config: WormholeComputeKernelConfig | None = None,
    *,
    math_fidelity: MathFidelity = MathFidelity.LoFi,
    math_approx_mode: bool = True,
    fp32_dest_acc_en: bool = False,
    packer_l1_acc: bool = False,
    dst_full_sync_en: bool = False,
    throttle_level: ThrottleLevel = ThrottleLevel.NO_THROTTLE,
) -> WormholeComputeKernelConfig:
    """Make the compute configuration of an architecture.

    Args:
        arch: the architecture, as ``device.arch()`` gives it.
        device_kernel_config: returned unchanged if given; the other arguments are then defaults
            that it overrides.
        math_fidelity: passes of the multipliers.
        math_approx_mode: cheaper approximations of transcendental functions.
        fp32_dest_acc_en: accumulate in float32.
        packer_l1_acc: accumulate in L1.
        dst_full_sync_en: use the whole destination register at once.
        throttle_level: compute throttling.

    Raises:
        TypeError: ``arch`` is not an :class:`Arch`.
    """
    if not isinstance(arch, Arch):
        raise TypeError(
            "init_device_compute_kernel_config(): incompatible function arguments. "
            f"arch must be a ttnn Arch, got {type(arch).__name__}. Pass device.arch()."
        )
    if device_kernel_config is not None:
        return device_kernel_config
    return WormholeComputeKernelConfig(
        math_fidelity=math_fidelity,
        math_approx_mode=math_approx_mode,
        fp32_dest_acc_en=fp32_dest_acc_en,
        packer_l1_acc=packer_l1_acc,
        dst_full_sync_en=dst_full_sync_en,
        throttle_level=throttle_level,
    )


@attrs.define(kw_only=True, eq=False)
class SDPAProgramConfig:
    """Work split of scaled dot product attention."""

    compute_with_storage_grid_size: CoreCoord
    q_chunk_size: int
    k_chunk_size: int
    sub_core_grids: CoreRangeSet | None = None
    exp_approx_mode: bool | None = None
    max_cores_per_head_batch: int = 16
    max_k_splits: int = 1
    matmul_math_fidelity: MathFidelity | None = None
    segmented_accumulation: bool = False


class ProgramConfig:
    """Base of the program configurations that only split work: accepted, kept, not evaluated.

    Fields are those given by keyword; they are attributes.
    """

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __repr__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in vars(self).items())
        return f"{type(self).__name__}({fields})"


class MatmulProgramConfig(ProgramConfig):
    """Base of the matmul program configurations."""


class MatmulMultiCoreReuseProgramConfig(MatmulProgramConfig):
    """Each core computes blocks with operands of its own."""


class MatmulMultiCoreReuseMultiCastProgramConfig(MatmulProgramConfig):
    """Operands are multicast along rows and columns of a 2-D grid."""


class MatmulMultiCoreReuseMultiCast1DProgramConfig(MatmulProgramConfig):
    """One operand is multicast to all cores."""


class MatmulMultiCoreReuseMultiCastDRAMShardedProgramConfig(MatmulProgramConfig):
    """Weights are sharded over DRAM banks."""


class LayerNormProgramConfig(ProgramConfig):
    """Base of the normalisation program configurations."""


class LayerNormDefaultProgramConfig(LayerNormProgramConfig):
    """Normalisation of interleaved tensors."""


class LayerNormShardedMultiCoreProgramConfig(LayerNormProgramConfig):
    """Normalisation of sharded tensors."""


class SoftmaxDefaultProgramConfig(ProgramConfig):
    """Softmax of interleaved tensors."""


class SoftmaxShardedMultiCoreProgramConfig(ProgramConfig):
    """Softmax of sharded tensors."""


class Conv1dConfig(ProgramConfig):
    """Options of conv1d."""


class Conv2dConfig(ProgramConfig):
    """Options of conv2d."""
