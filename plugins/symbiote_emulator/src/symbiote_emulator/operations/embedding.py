"""Looking rows of a table up."""

from __future__ import annotations

import math
from typing import Annotated

import torch

from symbiote_emulator.errors import OperationRefused, WouldCrash, WrongInTTNN
from symbiote_emulator.operations._common import emit, fill_output, require_device
from symbiote_emulator.registry import operation
from symbiote_emulator.signature import EXACT
from symbiote_emulator.spec import padded_shape
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import TILE_SIZE, DataType, EmbeddingsType, Layout, MemoryConfig

_TABLES = (DataType.BFLOAT16, DataType.BFLOAT8_B)
_MAX_RANK = 4  # TTNN brings the table to four dimensions


@operation("ttnn.embedding")
def embedding(
    input_tensor: Tensor,
    weight: Tensor,
    *,
    padding_idx: int | None = None,
    layout: Layout | None = None,
    embeddings_type: Annotated[EmbeddingsType, EXACT] = EmbeddingsType.GENERIC,
    dtype: Annotated[DataType | None, EXACT] = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
) -> Tensor:
    """Rows of a table: ids [B, S] give [B, S, D], ids [S] give [S, D].

    TTNN drops the middle dimensions of ids of a higher rank; so does this.

    Args:
        input_tensor: ids, UINT32 (or BFLOAT16) on the device.
        weight: [V, D] on the device, BFLOAT16, or tiles of BFLOAT8_B, which TTNN untilizes.
        padding_idx: accepted; the table already holds that row.
        layout: output layout; that of the table if left out.
        embeddings_type: PADDED needs ``padding_idx``, BINARY a table of two rows.
        dtype: dtype of a result in tiles, BFLOAT16 if left out; row-major results are BFLOAT16.
        memory_config: output memory; that of the ids if left out.
        output_tensor: written if given, and returned if it has the layout of the result.

    Raises:
        OperationRefused: host or freed operands, other dtypes, an id outside of the table.
    """
    _check(input_tensor, weight, embeddings_type, padding_idx)
    device = require_device(input_tensor)
    asked, layout = layout, layout or weight.layout
    if layout is Layout.INVALID:
        raise OperationRefused(
            "ttnn::to_layout: Unsupported layout conversion from Layout::ROW_MAJOR to "
            "Layout::INVALID!",
            "Use ttnn.TILE_LAYOUT or ttnn.ROW_MAJOR_LAYOUT.",
        )
    _check_program(input_tensor, weight, layout)
    if asked is None:
        _check_typecast(input_tensor, weight, dtype)
    rows = _rows(input_tensor, weight)
    if (
        layout is Layout.TILE
        and not rows.numel()
        and padded_shape(rows.shape, layout) != rows.shape
    ):
        raise WrongInTTNN(
            "Tiles of no rows.",
            "TTNN returns the padded shape as the logical one. Give at least one id.",
        )
    if output_tensor is not None:
        return _into(output_tensor, rows, layout)
    return emit(
        rows,
        device,
        dtype=(dtype or DataType.BFLOAT16) if layout is Layout.TILE else DataType.BFLOAT16,
        layout=layout,
        memory_config=memory_config or input_tensor.memory_config(),
    )


def _check(ids: Tensor, table: Tensor, kind: EmbeddingsType, padding_idx: int | None) -> None:
    if table.layout is Layout.TILE and not table.is_allocated():
        raise WouldCrash("The table is deallocated.", "Keep the tensor until its last use.")
    require_device(ids)
    require_device(table)
    shape = table.spec.shape
    if ids.dtype not in (DataType.UINT32, DataType.BFLOAT16):
        raise OperationRefused(
            "Input must be UINT32 or BFLOAT16", "Convert the ids with ttnn.typecast."
        )
    if table.dtype is DataType.BFLOAT4_B:
        raise OperationRefused(
            "Only TILE layout is supported for BFLOAT8_B dtype!",
            "TTNN untilizes the table, which BFLOAT4_B does not allow. Use BFLOAT16.",
        )
    if table.dtype not in _TABLES:
        raise OperationRefused(
            "Weights tensor must have BFLOAT16 dtype", "Convert the table with ttnn.typecast."
        )
    if ids.is_sharded():
        raise OperationRefused(
            "Embedding does not currently support sharded inputs",
            "Move the ids to interleaved memory.",
        )
    if table.is_sharded():
        raise OperationRefused(
            "Embedding does not currently support sharded weights",
            "Move the table to interleaved memory.",
        )
    if len(shape) > _MAX_RANK:
        raise OperationRefused("Tensor rank is greater than 4", "Reshape the table to [V, D].")
    if any(size != 1 for size in shape[:-2]):
        first, second = ((1, 1, *shape[:-2]))[-2:]
        raise OperationRefused(
            f"First two dimensions for the weights must be 1 but got {first} and {second}",
            "Reshape the table to [V, D].",
            shape=shape,
        )
    if not ids.spec.shape:
        raise OperationRefused(
            "ShapeBase[] index out of range. 0 not in [-4, 0)", "Give ids of rank 1 or more."
        )
    if not shape or not shape[-1]:
        raise WouldCrash("The table has no columns.", "Give a table [V, D].", shape=shape)
    if padding_idx is not None:
        return  # TTNN takes any type for PADDED then
    if kind is EmbeddingsType.PADDED:
        raise OperationRefused(
            "Pad token must be specified when PADDED Embeddings Type is specified",
            "Pass padding_idx.",
        )
    rows = shape[-2] if len(shape) > 1 else 1
    if kind is EmbeddingsType.BINARY and rows != 2:
        raise OperationRefused(
            "Weight tensor must have 2 embeddings for BINARY Embeddings Type",
            "Use EmbeddingsType.GENERIC.",
        )


def _fits_tiles(ids: Tensor, table: Tensor) -> bool:
    """Whether one program could write tiles at once."""
    return not (ids.spec.padded_shape[-1] % TILE_SIZE or table.spec.shape[-1] % TILE_SIZE)


def _check_program(ids: Tensor, table: Tensor, layout: Layout) -> None:
    if not _fits_tiles(ids, table):
        return
    if layout is Layout.TILE and ids.layout is Layout.ROW_MAJOR and not ids.logical_volume():
        raise OperationRefused("DFB 'output' has no producer", "Give at least one id.")


def _check_typecast(ids: Tensor, table: Tensor, dtype: DataType | None) -> None:
    """Refuse another dtype of rows; where the caller names the layout TTNN does not look at it."""
    rows = table.layout is Layout.ROW_MAJOR and _fits_tiles(ids, table)
    if rows and dtype not in (None, table.dtype):
        raise OperationRefused(
            "Can only typecast output embeddings when producing TILE_LAYOUT output",
            "Pass layout=ttnn.TILE_LAYOUT, or leave dtype out.",
            dtype=dtype,
        )


def _rows(ids: Tensor, table: Tensor) -> torch.Tensor:
    """The rows of the table in float32: [B, S, D] or [S, D]."""
    shape = ids.spec.shape
    # [B, ..., S] keeps the first and the last dimension, as TTNN does.
    kept = (shape[0], shape[-1]) if len(shape) > 1 else shape
    if math.prod(kept) > ids.logical_volume():
        raise WrongInTTNN("No ids in the middle.", "Give at least one id.", shape=shape)
    numbers = ids.value.to(torch.int64).reshape(-1)[: math.prod(kept)].reshape(kept)
    values = table.value.reshape(-1, table.spec.shape[-1])
    if numbers.numel() and (int(numbers.min()) < 0 or int(numbers.max()) >= values.shape[0]):
        raise OperationRefused(
            f"An id is outside of the table of {values.shape[0]} rows; a chip would read beyond "
            "it.",
            "Check the ids before the upload.",
        )
    return values[numbers]


def _into(output: Tensor, rows: torch.Tensor, layout: Layout) -> Tensor:
    """The rows written into ``output``, in the shape and layout of the result."""
    fill_output(output, rows)
    spec = output.spec.replace(shape=tuple(rows.shape), layout=layout)
    if output.layout is layout and output.spec.shape == spec.shape:
        return output
    device = require_device(output)
    return emit(
        output.value.reshape(spec.shape).clone(),
        device,
        dtype=spec.dtype,
        layout=layout,
        memory_config=spec.memory_config,
    )
