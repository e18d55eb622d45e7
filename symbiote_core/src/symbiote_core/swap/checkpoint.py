"""The tensors of a checkpoint, read one at a time."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from symbiote_core.errors import CheckpointError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"


class Checkpoint:
    """A safetensors file, or a folder of them as ``save_pretrained`` writes it.

    Reading a tensor takes memory for that tensor alone.

    Args:
        path: the file or the folder.

    Raises:
        CheckpointError: if there is none, or safetensors is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import safetensors
        except ImportError as error:
            raise CheckpointError(
                f"Reading {os.fspath(path)} needs the package safetensors: pip install safetensors."
            ) from error
        self._open: Any = safetensors.safe_open
        self.path = Path(path).expanduser()
        self._handles: dict[Path, Any] = {}
        self._files = self._index()

    def _index(self) -> dict[str, Path]:
        if self.path.is_file():
            return self._names_in(self.path)
        if (self.path / INDEX).is_file():
            told = json.loads((self.path / INDEX).read_text(encoding="utf-8"))["weight_map"]
            return {name: self.path / file for name, file in told.items()}
        if (self.path / SINGLE).is_file():
            return self._names_in(self.path / SINGLE)
        raise CheckpointError(
            f"There is no checkpoint at {self.path}: neither a safetensors file nor a folder with "
            f"{SINGLE} or {INDEX}. Write one with model.save_pretrained(...)."
        )

    def _names_in(self, file: Path) -> dict[str, Path]:
        return dict.fromkeys(self._handle(file).keys(), file)

    def _handle(self, file: Path) -> Any:
        if file not in self._handles:
            try:
                self._handles[file] = self._open(str(file), framework="pt")
            except Exception as error:  # safetensors has an exception of its own for each defect
                raise CheckpointError(f"{file} can't be read as safetensors: {error}.") from error
        return self._handles[file]

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def load(self, name: str) -> torch.Tensor:
        """Read one tensor.

        Args:
            name: its name in the checkpoint.

        Raises:
            CheckpointError: if it is not there.
        """
        if name not in self._files:
            raise CheckpointError(
                f"{self.path} has no tensor {name!r}; it has {len(self._files)}, such as "
                f"{', '.join(map(repr, sorted(self._files)[:2]))}. Is it of this very model?"
            )
        tensor: torch.Tensor = self._handle(self._files[name]).get_tensor(name)
        return tensor
