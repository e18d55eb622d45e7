"""Looking rows of a table up."""

from __future__ import annotations

import torch

from symbiote_emulator.errors import OperationRefused
from symbiote_emulator.operations._common import emit, fill_output, require_device
from symbiote_emulator.registry import operation
from symbiote_emulator.tensor import Tensor
from symbiote_emulator.types import DataType, EmbeddingsType, Layout, MemoryConfig

_TABLES = (DataType.BFLOAT16, DataType.BFLOAT8_B, DataType.BFLOAT4_B)


@operation("ttnn.embedding")
def embedding(
    input_tensor: Tensor,
    weight: Tensor,
    *,
    padding_idx: int | None = None,
    layout: Layout | None = None,
    embeddings_type: EmbeddingsType = EmbeddingsType.GENERIC,
    dtype: DataType | None = None,
    memory_config: MemoryConfig | None = None,
    output_tensor: Tensor | None = None,
) -> Tensor:
    """Rows of a table: ids [B, S] give [B, S, D].

    TTNN drops the middle dimensions of ids of a higher rank; so does this.

    Args:
        input_tensor: ids, UINT32 (or BFLOAT16) on the device.
        weight: [V, D] on the device, BFLOAT16 row major, or tiles, which TTNN untilizes.
        padding_idx: accepted; the table already holds that row.
        layout: output layout; that of the ids if left out.
        embeddings_type: PADDED needs ``padding_idx``, BINARY a table of two rows.
        dtype: output dtype; BFLOAT16 if left out.
        memory_config: output memory; that of the ids if left out.
        output_tensor: written and returned if given.

    Raises:
        OperationRefused: host or freed operands, other dtypes, an id outside of the table.
    """
    device = require_device(input_tensor)
    require_device(weight)
    if input_tensor.dtype not in (DataType.UINT32, DataType.BFLOAT16):
        raise OperationRefused(
            "Input must be UINT32 or BFLOAT16", "Convert the ids with ttnn.typecast."
        )
    if weight.dtype not in _TABLES:
        raise OperationRefused(
            "Weights tensor must have BFLOAT16 dtype", "Convert the table with ttnn.typecast."
        )
    if weight.is_sharded():
        raise OperationRefused(
            "Embedding does not currently support sharded weights",
            "Move the table to interleaved memory.",
        )
    if embeddings_type is EmbeddingsType.PADDED and padding_idx is None:
        raise OperationRefused(
            "Pad token must be specified when PADDED Embeddings Type is specified",
            "Pass padding_idx.",
        )
    if embeddings_type is EmbeddingsType.BINARY and weight.spec.padded_shape[-2] != 2:
        raise OperationRefused(
            "Weight tensor must have 2 embeddings for BINARY Embeddings Type",
            "Use EmbeddingsType.GENERIC.",
        )
    shape = input_tensor.spec.shape
    ids = input_tensor.value.to(torch.int64)
    # [B, ..., S] keeps the first and the last dimension, as TTNN does.
    batch, length = (shape[0] if len(shape) > 1 else 1, shape[-1] if shape else 1)
    ids = ids.reshape(-1)[: batch * length].reshape(batch, length)
    table = weight.value.reshape(-1, weight.spec.shape[-1])
    if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= table.shape[0]):
        raise OperationRefused(
            f"An id is outside of the table of {table.shape[0]} rows; a chip would read beyond it.",
            "Check the ids before the upload.",
        )
    rows = table[ids]
    if output_tensor is not None:
        return fill_output(output_tensor, rows)
    return emit(
        rows,
        device,
        dtype=dtype or DataType.BFLOAT16,
        layout=layout or input_tensor.layout,
        memory_config=memory_config or input_tensor.memory_config(),
    )
