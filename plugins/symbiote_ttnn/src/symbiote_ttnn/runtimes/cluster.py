"""Cluster descriptors: what TTNN is told of the chips that it believes to see."""

from __future__ import annotations

import attrs


@attrs.frozen
class Board:
    """A single-chip board.

    Attributes:
        arch: TTNN's name of the architecture.
        board_id: id of the first board, in the range of its product.
        board_type: the product.
        east, west, south, north: Ethernet channels towards the neighbours in a grid.
        harvest: masks of the tensix, Ethernet and PCIe parts that the product has switched off.
    """

    arch: str
    board_id: int
    board_type: str
    east: tuple[int, ...]
    west: tuple[int, ...]
    south: tuple[int, ...]
    north: tuple[int, ...]
    harvest: tuple[int, int, int]


BOARDS = {
    "wormhole_b0": Board(
        "wormhole_b0", 72059269369839682, "n150", (0, 1), (6, 7), (8, 9), (14, 15), (32, 0, 0)
    ),
    "blackhole": Board(
        "blackhole", 4476187513037, "p150", (0, 1), (2, 3), (4, 6), (7, 9), (0, 288, 2)
    ),
}
"""The boards that can be mocked, by architecture: Wormhole N150 and Blackhole P150."""


def descriptor(arch: str, rows: int = 1, columns: int = 1) -> str:
    """The YAML text of a grid of ``rows`` x ``columns`` boards wired to their neighbours."""
    board = BOARDS[arch]
    count = rows * columns
    wires: list[tuple[int, int, int, int]] = []
    for chip in range(count):
        row, column = divmod(chip, columns)
        if column + 1 < columns:
            wires += [(chip, a, chip + 1, b) for a, b in zip(board.east, board.west, strict=True)]
        if row + 1 < rows:
            pairs = zip(board.south, board.north, strict=True)
            wires += [(chip, a, chip + columns, b) for a, b in pairs]
    tensix, ethernet, pcie = board.harvest
    masks = (
        f"{{noc_translation: true, harvest_mask: {tensix}, dram_harvesting_mask: 0, "
        f"eth_harvesting_mask: {ethernet}, pcie_harvesting_mask: {pcie}, l2cpu_harvesting_mask: 0}}"
    )

    def each(values: list[str]) -> str:
        return "{" + ", ".join(f"{i}: {v}" for i, v in enumerate(values)) + "}"

    places = [f"[{i % columns},{i // columns},0,0]" for i in range(count)]
    lines = [
        f"arch: {each([arch] * count)}",
        f"chips: {each(places) if arch == 'wormhole_b0' else '{}'}",
        f"chip_unique_ids: {each([str(1000 + i) for i in range(count)])}",
        "ethernet_connections:" if wires else "ethernet_connections: []",
        *(f"  - [{{chip: {a}, chan: {x}}}, {{chip: {b}, chan: {y}}}]" for a, x, b, y in wires),
        "ethernet_connections_to_remote_devices: []",
        f"chips_with_mmio: [{', '.join(f'{i}: {i}' for i in range(count))}]",
        f"harvesting: {each([masks] * count)}",
        "boards:",
        *(
            f"  - [{{board_id: {board.board_id + i}}}, {{board_type: {board.board_type}}}, "
            f"{{chips: [{i}]}}]"
            for i in range(count)
        ),
        f"asic_locations: {each(['0'] * count)}",
    ]
    return "\n".join(lines) + "\n"
