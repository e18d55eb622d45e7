"""The stand-in for TTNN's RISC-V compiler on a mock chip, which loads kernels and never runs them.

TTNN insists on compiling. The stand-in is a shell script that copies one executable with an empty
program; starting a shell is an order of magnitude cheaper than starting Python.
"""

from __future__ import annotations

import struct

VERSION = "15.1.0"
"""What the stand-in answers to ``--version``; TTNN reads any x.y.z."""

SCRIPT = f"""#!/bin/sh
# Stands in for the RISC-V compiler of TTNN: a mock chip loads kernels and never runs them.
case "$1" in --version) echo "riscv-tt-elf-g++ (stand-in) {VERSION}"; exit 0;; esac
out=; dep=; src=; last=
for arg do
  case "$last" in -o) out=$arg;; -MF) dep=$arg;; esac
  case "$arg" in *.cc|*.cpp|*.S|*.c) src=$arg;; esac
  last=$arg
done
case "$out" in
  '') ;;
  *.elf) cp "${{0%/*}}/empty.elf" "$out" ;;
  *) : > "$out"; [ -z "$src" ] || echo "$out: $src" > "${{dep:-${{out%.o}}.d}}" ;;
esac
"""
"""The stand-in; it expects ``empty.elf`` (see `empty_elf`) beside itself."""

_LOAD_ADDRESS = 0x5000
_NAMES = b"\0.text\0.rela.text\0.symtab\0.strtab\0.shstrtab\0"


def _section(*fields: int) -> bytes:
    return struct.pack("<10I", *fields)


def empty_elf() -> bytes:
    """The smallest ELF32 RISC-V executable that TTNN loads: one segment, ``li a0, 0; ret``.

    The loader wants a section table, a string table and one relocation section, which may be empty.
    """
    code = struct.pack("<II", 0x00000513, 0x00008067)
    strings = b"\0_start\0"
    symbols = bytes(16) + struct.pack("<IIIBBH", 1, _LOAD_ADDRESS, 0, 0x10, 0, 1)
    at_code = 52 + 32
    at_symbols = at_code + len(code)
    at_strings = at_symbols + len(symbols)
    at_names = at_strings + len(strings)
    at_sections = (at_names + len(_NAMES) + 3) & ~3
    header = b"\x7fELF\1\1\1" + bytes(9)
    header += struct.pack(
        "<HHIIIIIHHHHHH", 2, 243, 1, _LOAD_ADDRESS, 52, at_sections, 0, 52, 32, 1, 40, 6, 5
    )
    segment = struct.pack("<8I", 1, at_code, _LOAD_ADDRESS, _LOAD_ADDRESS, 8, 8, 5, 4)
    body = code + symbols + strings + _NAMES
    padding = bytes(at_sections - at_names - len(_NAMES))
    sections = (
        bytes(40)
        + _section(1, 1, 6, _LOAD_ADDRESS, at_code, 8, 0, 0, 4, 0)
        + _section(7, 4, 0x40, 0, at_symbols, 0, 3, 1, 4, 12)
        + _section(18, 2, 0, 0, at_symbols, 32, 4, 1, 4, 16)
        + _section(26, 3, 0, 0, at_strings, len(strings), 0, 0, 1, 0)
        + _section(34, 3, 0, 0, at_names, len(_NAMES), 0, 0, 1, 0)
    )
    return header + segment + body + padding + sections
