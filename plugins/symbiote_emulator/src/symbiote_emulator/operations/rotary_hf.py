"""Rotary position embeddings in the form of Hugging Face, of prompts and of decode steps."""

from __future__ import annotations

from symbiote_emulator.device import Device
from symbiote_emulator.errors import NotImitated, OperationRefused, WouldCrash, WrongInTTNN
from symbiote_emulator.numerics import TILE_BYTES
from symbiote_emulator.operations._common import emit, require_device, require_tile
from symbiote_emulator.operations._rotary import (
    check_buffers,
    check_values,
    require_l1,
    result_memory,
    rotated,
)
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import (
    TILE_SIZE,
    Layout,
    MemoryConfig,
    ShardSpec,
    StorageType,
    TensorMemoryLayout,
    WormholeComputeKernelConfig,
)


@operation("ttnn.experimental.rotary_embedding_hf")
def rotary_embedding_hf(
    input_tensor: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    *,
    is_decode_mode: bool = False,
    memory_config: MemoryConfig | None = None,
    compute_kernel_config: WormholeComputeKernelConfig | None = None,
) -> Tensor:
    """``x * cos + rotate_half(x) * sin``, rounded once.

    Args:
        input_tensor: tiles whose head size is 32 or a multiple of 64. Prefill: [B, heads, S, size].
            Decode: [1, B, heads, size] in height shards in L1.
        cos_cache: of the dtype of ``sin_cache``. Prefill: [1, 1, at least S, size], the same for
            all of the batch. Decode: [1, B, 1, size] in height shards on the cores of the input.
        sin_cache: as ``cos_cache``.
        is_decode_mode: one token a user, each with a position of its own.
        memory_config: output memory, that of the input if left out. Shards are the input's; for
            an interleaved input, even ones on as many cores as possible.
        compute_kernel_config: accepted.

    Raises:
        OperationRefused: another layout, shapes or dtypes that don't go together, shards of
            columns, interleaved operands of a decode step; and where TTNN computes nonsense:
            integers, sizes that are no whole tiles, tables that don't lie where the input does.
    """
    del compute_kernel_config
    x, cos, sin = input_tensor, cos_cache, sin_cache
    device = _check_operands(x, cos, sin)
    _check_table(x, cos, sin)
    if is_decode_mode:
        _check_decode(x, cos, sin)
    else:
        _check_prefill(x, cos, sin)
    memory = result_memory(x, memory_config, device)
    if is_decode_mode and not memory.is_sharded():
        _refuse_interleaved(x, memory, device)
    check_values(x, cos, sin)
    if is_decode_mode:
        result = rotated(x.value, cos.value, sin.value)
    else:
        shape = x.spec.shape
        length, size = (1, *shape)[-2:]  # a vector is one row
        tables = (t.value.reshape(-1, size)[:length] for t in (cos, sin))
        result = rotated(x.value.reshape(*shape[:-2], length, size), *tables)
    return emit(
        result,
        device,
        dtype=x.dtype,
        layout=Layout.TILE,
        memory_config=memory,
        shape=x.spec.shape,
    )


_NAMES = ("input_tensor", "cos_cache", "sin_cache")


def _check_operands(x: Tensor, cos: Tensor, sin: Tensor) -> Device:
    for name, tensor in zip(_NAMES, (x, cos, sin), strict=True):
        if tensor.storage_type() is not StorageType.DEVICE:
            raise OperationRefused(
                f"rotary_embedding_hf requires {name} on device; host tensors are not supported.",
                "Move the tensor with ttnn.to_device(tensor, device).",
            )
    device = require_device(x)
    require_device(cos)
    require_device(sin)
    for name, tensor in zip(("Input", "Cos", "Sin"), (x, cos, sin), strict=True):
        require_tile(tensor, f"{name} must be tilized")
    return device


def _check_table(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    width = x.spec.padded_shape[-1]
    if width != TILE_SIZE and width % (2 * TILE_SIZE):
        raise OperationRefused(
            f"Input X dim ({width}) must be either 32 (single tile) or divisible by 64 "
            "(rotate_half midpoint must align with a tile boundary).",
            "Pad the halves of the heads.",
        )
    if cos.dtype is not sin.dtype:
        raise OperationRefused("Cos and Sin dtypes must match", "Convert one with ttnn.typecast.")
    table = cos.spec.padded_shape
    if table != sin.spec.padded_shape:
        raise OperationRefused("Cos and Sin shapes must match", "Give them one shape.")
    if table[0] != 1 or table[-1] != width:
        raise OperationRefused(
            "Cos dims must match input dims",
            f"Give tables [1, 1, length, {width}], or [1, users, 1, {width}] in decode mode: they "
            "are the same for all of a batch.",
            table=table,
        )
    if not width:
        raise WouldCrash("Heads without elements.", "Don't call it on empty tensors.")


def _check_prefill(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    length = (1, *x.spec.shape)[-2]
    for name, table in (("Cos", cos), ("Sin", sin)):
        if table.spec.padded_shape[1] != 1:
            raise OperationRefused(
                f"{name} must have batch dim = 1 in prefill mode",
                "Give tables [1, 1, length, size].",
            )
        if table.spec.shape[-2] < length:
            raise OperationRefused(
                f"{name} seq_len must be >= input seq_len. Input seq_len: {length}, {name} "
                f"seq_len: {table.spec.shape[-2]}.",
                "Give tables of the positions of the input.",
            )
    memory = x.memory_config()
    if memory.memory_layout is TensorMemoryLayout.WIDTH_SHARDED:
        raise OperationRefused(
            "Input cannot be WIDTH_SHARDED", "Move it with ttnn.to_memory_config."
        )
    if memory.memory_layout is TensorMemoryLayout.BLOCK_SHARDED:
        raise NotImitated(
            "An input in block shards.", "Move it with ttnn.to_memory_config.", memory=memory
        )
    if memory.is_sharded():
        require_l1(memory)
        check_buffers(x)


def _check_decode(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    memory = x.memory_config()
    if not memory.is_sharded():
        raise OperationRefused(
            "Input must be sharded in decode mode",
            "Split the heads with ttnn.experimental.nlp_create_qkv_heads_decode.",
        )
    if memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED:
        raise OperationRefused(
            "Input must be HEIGHT_SHARDED in decode mode", "Move it with ttnn.to_memory_config."
        )
    for name, table in (("Cos", cos), ("Sin", sin)):
        if not table.is_sharded():
            raise OperationRefused(
                f"{name} must be sharded in decode mode", "Move it with ttnn.to_memory_config."
            )
        if table.spec.padded_shape[1] != x.spec.padded_shape[1]:
            raise OperationRefused(
                f"{name} batch dim must match input",
                f"Give it one row for each of the {x.spec.padded_shape[1]} users.",
            )
    for tensor in (x, cos, sin):
        require_l1(tensor.memory_config())
    _check_places(x, cos, sin)


def _check_places(x: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Refuse tables that don't lie on the cores of the users that they are for."""
    if len(x.spec.shape) != 4 or len(cos.spec.shape) != 4 or x.spec.shape[0] != 1:
        raise _misplaced()
    users, heads, width = x.spec.padded_shape[1:]
    if not users:
        raise WouldCrash("No users.", "Give at least one.")
    shards = x.memory_config().shard_spec
    assert shards is not None  # a sharded tensor on a device has them
    box = shards.grid.bounding_box().grid_size()
    on_each = -(-users // min(users, box.x * box.y))
    for table in (cos, sin):
        memory = table.memory_config()
        of_table = memory.shard_spec
        assert of_table is not None
        _check_room(table, of_table, on_each * width // TILE_SIZE)
        if (
            memory.memory_layout is not TensorMemoryLayout.HEIGHT_SHARDED
            or of_table.grid != shards.grid
            or of_table.orientation is not shards.orientation
            or of_table.shape[0] != on_each * TILE_SIZE
            or table.spec.shape[2] != 1
        ):
            raise _misplaced()
    if not heads or shards.shape[0] != on_each * heads:
        raise _misplaced()


def _misplaced() -> WrongInTTNN:
    return WrongInTTNN(
        "A user's row of cos and sin is not where its heads are.",
        "Give heads [1, users, heads, size] and tables [1, users, 1, size] in height shards on the "
        "same cores, each with the same users.",
    )


def _check_room(tensor: Tensor, shards: ShardSpec, tiles: int) -> None:
    """Refuse shards of fewer tiles than TTNN expects on a core."""
    size = TILE_BYTES[tensor.dtype]
    there = shards.shape[0] * shards.shape[1] // (TILE_SIZE * TILE_SIZE)
    if there < tiles:
        raise OperationRefused(
            f"Cannot set circular buffer size to {tiles * size}. This is larger than the "
            f"associated dynamically allocated L1 buffer bank size of {there * size} B",
            "Give one row of the table for each user on the cores of the input.",
        )


def _refuse_interleaved(x: Tensor, memory: MemoryConfig, device: Device) -> None:
    """Refuse to rotate a decode step into interleaved memory."""
    require_l1(memory)
    shards = x.memory_config().shard_spec
    assert shards is not None
    needed = shards.shape[0] * shards.shape[1] // (TILE_SIZE * TILE_SIZE) * TILE_BYTES[x.dtype]
    bank = x.spec.replace(memory_config=memory).bytes_per_bank(
        device.memory(memory.buffer_type).banks
    )
    advice = "Leave memory_config out, and move the result with ttnn.to_memory_config."
    if bank < needed:
        raise OperationRefused(
            f"Cannot set circular buffer size to {needed}. This is larger than the associated "
            f"dynamically allocated L1 buffer bank size of {bank} B",
            advice,
        )
    raise WrongInTTNN("An interleaved result of shards.", advice)
