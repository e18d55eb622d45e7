"""Numbers as TTNN and the chip round them. No tensors of the emulated API in here."""

from __future__ import annotations

from symbiote_emulator.numerics.block_float import quantise_block_float
from symbiote_emulator.numerics.convert import (
    DEFAULT_DTYPE,
    ingest,
    quantise,
    round_to_bfloat16,
    to_torch_dtype,
)
from symbiote_emulator.numerics.cpu import bf16_matmul_is_fast
from symbiote_emulator.numerics.dtypes import (
    BLOCK_FLOATS,
    ELEMENT_SIZE,
    FLOATS,
    INTEGER_BITS,
    STORAGE,
    TILE_BYTES,
    TORCH,
)
from symbiote_emulator.numerics.fidelity import (
    default_fidelity,
    operand_terms,
    truncate_in0,
    truncate_in1,
)
from symbiote_emulator.numerics.pack import pack_tiles, unpack_tiles
from symbiote_emulator.numerics.ulp import bf16_ulp

__all__ = [
    "BLOCK_FLOATS",
    "DEFAULT_DTYPE",
    "ELEMENT_SIZE",
    "FLOATS",
    "INTEGER_BITS",
    "STORAGE",
    "TILE_BYTES",
    "TORCH",
    "bf16_matmul_is_fast",
    "bf16_ulp",
    "default_fidelity",
    "ingest",
    "operand_terms",
    "pack_tiles",
    "quantise",
    "quantise_block_float",
    "round_to_bfloat16",
    "to_torch_dtype",
    "truncate_in0",
    "truncate_in1",
    "unpack_tiles",
]
