"""The emulator agrees with what TTNN answered, and the judge sees where it does not."""

from __future__ import annotations

from typing import Any

import pytest
from emulator_differences import WRONG
from emulator_vectors import FOLDER

from symbiote_conformance.oracle import judge_file, tabulate
from symbiote_emulator import ttnn

RECORDED = FOLDER / "oracle"


@pytest.mark.parametrize("chip", ["wh", "bh"])
def test_agreement(chip: str) -> None:
    table = tabulate(judge_file(RECORDED / f"oracle_{chip}.jsonl.gz", wrong=WRONG))
    total = table.total()
    assert total.calls > 4000
    assert total.agreement >= 0.97
    assert total.plausible_agreement >= 0.99
    assert total.on_purpose <= 0.05 * total.calls
    # Accepting what TTNN refuses is the worse error: a user would meet it on the chip.
    assert total.accepted <= 0.01 * total.calls


def test_the_judge_sees_an_emulator_that_accepts_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def anything(tensor: Any, *_: Any, **__: Any) -> Any:
        return tensor

    monkeypatch.setattr(ttnn, "relu", anything)
    table = tabulate(judge_file(RECORDED / "oracle_wh.jsonl.gz", op="relu"))
    assert table.total().accepted > 5
    assert table.total().agreement < 0.9
