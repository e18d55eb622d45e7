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
from symbiote_cli.loading import Source, build_valueless, load
from symbiote_cli.output import is_verbose, raise_verbosity
from symbiote_cli.processes import Teller
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.session import opened
from symbiote_cli.workload import workload_of


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
    from symbiote_ttnn.check import check_model

    def announce(stage: str, done: int, total: int, path: str, kernel: str) -> None:
        teller.tell(kind="step", stage=stage, done=done, total=total, path=path, kernel=kernel)

    announce("load", 0, 0, "", "")
    source = Source.of(request["model"], request["trust_remote_code"])
    with quiet_libraries(), torch.no_grad():
        if request["random_weights"]:
            loaded = build_valueless(source, request["dtype"], request["seed"])
        else:
            loaded = load(source, request["dtype"])
        image = None if request["image"] is None else Path(request["image"])
        inputs = make_inputs(loaded.model, source, image, request["text"])
        inputs = inputs.repeated(request["batch"])
        weights = request["weights"]
        with opened(f"mock:{request['arch']}") as device:
            report = check_model(
                loaded.model,
                device.handle,
                workload_of(loaded.model, inputs.tensors),
                request["policy"],
                request["include"],
                request["exclude"],
                announce,
                None if weights is None else {"weights": weights},
            )
            # Before the device is closed, where TTNN might crash once more.
            teller.tell(
                kind="result",
                report=report.to_data(),
                dtype=str(loaded.model.dtype).removeprefix("torch."),
                inputs=inputs.describe(),
                notes=list(loaded.notes + inputs.notes),
            )
