"""The process of ``symbiote check`` that has one architecture: loads, checks, and tells.

TTNN can't change the architecture in a process, and may end it.
"""

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import torch

from symbiote_cli.errors import is_foreseen
from symbiote_cli.inputs import make_inputs
from symbiote_cli.loading import Source, load_or_build
from symbiote_cli.output import is_verbose, raise_verbosity
from symbiote_cli.processes import Teller
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.session import opened


class _Forwarding(logging.Handler):
    """Tells warnings to the process that shows them."""

    def __init__(self, teller: Teller) -> None:
        super().__init__(logging.WARNING)
        self._teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._teller.tell(kind="log", name=record.name, level=record.levelno, text=text)


def main() -> None:
    """Do what stdin asks for and tell the result, or the error."""
    teller = Teller()
    request = json.load(sys.stdin)
    raise_verbosity(request["verbosity"])
    if not is_verbose():
        logging.getLogger("symbiote").addHandler(_Forwarding(teller))
    try:
        _check(request, teller)
    except Exception as error:
        traceback.print_exc()
        text = str(error) if is_foreseen(error) else f"{type(error).__name__}: {error}"
        teller.tell(kind="error", text=text, foreseen=is_foreseen(error))


def _check(request: dict[str, Any], teller: Teller) -> None:
    from symbiote_ttnn.check import Forward, check_model

    def announce(stage: str, done: int, total: int, path: str, kernel: str) -> None:
        teller.tell(kind="step", stage=stage, done=done, total=total, path=path, kernel=kernel)

    announce("load", 0, 0, "", "")
    source = Source.of(request["model"])
    with quiet_libraries(), torch.no_grad():
        loaded = load_or_build(
            source, request["dtype"], request["seed"] if request["random_weights"] else None
        )
        image = None if request["image"] is None else Path(request["image"])
        inputs = make_inputs(loaded.model, source, image, request["text"])
        with opened(f"mock:{request['arch']}") as device:
            # Models that generate get a prefill and a decode step here.
            workload = [Forward("forward", lambda model: model(**inputs.tensors))]
            report = check_model(
                loaded.model,
                device.handle,
                workload,
                request["policy"],
                request["include"],
                request["exclude"],
                announce,
            )
            # Before the device is closed, where TTNN might crash once more.
            teller.tell(
                kind="result",
                report=report.to_data(),
                dtype=str(loaded.model.dtype).removeprefix("torch."),
                inputs=inputs.describe(),
                notes=list(loaded.notes + inputs.notes),
            )
