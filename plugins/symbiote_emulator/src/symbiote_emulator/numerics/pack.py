"""Packed tiles: the bytes of block floats as TTNN lays them out.

A 32 x 32 tile is four faces of 16 x 16, left to right, top to bottom. 64 exponent bytes come
first, then the codes, face by face and row by row, with the sign above the magnitude. In
bfloat4_b two codes share a byte; the low nibble is the even element.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from symbiote_emulator.numerics.block_float import decode, encode
from symbiote_emulator.numerics.dtypes import MAGNITUDE_BITS, TILE_BYTES
from symbiote_emulator.types import TILE_SIZE, DataType

_FACE = 16
_EXPONENTS = 64


def pack_tiles(value: torch.Tensor, dtype: DataType, pad_value: float = 0.0) -> torch.Tensor:
    """Pack a tensor into block float tiles.

    Args:
        value: [..., H, W] float32 or bfloat16; padded to tiles first. Rank 1 is one row.
        dtype: ``BFLOAT8_B`` or ``BFLOAT4_B``.
        pad_value: the padding.

    Returns:
        uint8 [tiles, 1088 or 576], tiles in row-major order.
    """
    bits = MAGNITUDE_BITS[dtype]
    faces = _to_faces(_pad_to_tiles(value.to(torch.float32), pad_value))
    shared, code = encode(faces, bits)
    coded = code.abs() | torch.where(code < 0, 1 << bits, 0)
    body = coded.reshape(coded.shape[0], -1)
    if dtype is DataType.BFLOAT4_B:
        body = body[:, 0::2] | (body[:, 1::2] << 4)
    head = shared.reshape(shared.shape[0], _EXPONENTS)
    return torch.cat([head, body], 1).to(torch.uint8)


def unpack_tiles(packed: torch.Tensor, dtype: DataType, height: int, width: int) -> torch.Tensor:
    """The float32 values [batch, height, width] of packed tiles.

    Args:
        packed: uint8 [tiles, 1088 or 576].
        dtype: ``BFLOAT8_B`` or ``BFLOAT4_B``.
        height: rows of one matrix, a multiple of 32.
        width: columns of one matrix, a multiple of 32.

    Raises:
        ValueError: the bytes of a tile are not as many as ``dtype`` needs.
    """
    if packed.shape[-1] != TILE_BYTES[dtype]:
        raise ValueError(f"{dtype} tiles have {TILE_BYTES[dtype]} bytes, not {packed.shape[-1]}.")
    bits = MAGNITUDE_BITS[dtype]
    tiles = packed.shape[0]
    shared = packed[:, :_EXPONENTS].to(torch.int32).reshape(tiles, 4, _FACE, 1)
    body = packed[:, _EXPONENTS:].to(torch.int32)
    if dtype is DataType.BFLOAT4_B:
        body = torch.stack([body & 0xF, body >> 4], -1).flatten(1)
    body = body.reshape(tiles, 4, _FACE, _FACE)
    magnitude = body & ((1 << bits) - 1)
    code = torch.where(body >> bits == 1, -magnitude, magnitude)
    faces = decode(shared, code, bits).reshape(-1, 2, 2, _FACE, _FACE)
    matrix = faces.permute(0, 1, 3, 2, 4).reshape(
        -1, height // TILE_SIZE, width // TILE_SIZE, TILE_SIZE, TILE_SIZE
    )
    return matrix.permute(0, 1, 3, 2, 4).reshape(-1, height, width)


def _pad_to_tiles(value: torch.Tensor, pad_value: float) -> torch.Tensor:
    while value.dim() < 2:
        value = value.unsqueeze(0)
    return F.pad(
        value,
        (0, -value.shape[-1] % TILE_SIZE, 0, -value.shape[-2] % TILE_SIZE),
        value=pad_value,
    )


def _to_faces(value: torch.Tensor) -> torch.Tensor:
    height, width = value.shape[-2:]
    matrix = value.reshape(-1, height // TILE_SIZE, TILE_SIZE, width // TILE_SIZE, TILE_SIZE)
    tiles = matrix.permute(0, 1, 3, 2, 4).reshape(-1, 2, _FACE, 2, _FACE)
    return tiles.permute(0, 1, 3, 2, 4).reshape(-1, 4, _FACE, _FACE)
