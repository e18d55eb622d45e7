"""Processes that tell what they do, and how they end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from symbiote_cli.processes import Ending, started

Worker = Callable[[str], str]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """Writes a module whose ``main`` is the given lines; its name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(lines: str) -> str:
        body = "".join(f"    {line}\n" for line in lines.splitlines())
        (tmp_path / "told_to.py").write_text(
            "import json, os, signal, subprocess, sys, time\n"
            "from symbiote_cli.processes import Teller\n"
            f"def main():\n    teller = Teller()\n    request = json.load(sys.stdin)\n{body}"
        )
        return "told_to"

    return write


def is_running(pid: int) -> bool:
    """Whether there is such a process, and not only the memory of it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_messages_and_a_good_end(worker: Worker) -> None:
    name = worker("for i in range(request['count']): teller.tell(number=i)")
    with started(name, {"count": 3}, shows_errors=False) as process:
        assert list(process.messages()) == [{"number": 0}, {"number": 1}, {"number": 2}]
        assert process.ending() == Ending(0, "")


def test_what_libraries_print_is_no_message(worker: Worker) -> None:
    name = worker("print('noise')\nos.write(1, b'more noise')\nteller.tell(done=True)")
    with started(name, {}, shows_errors=False) as process:
        assert list(process.messages()) == [{"done": True}]
        words = process.ending().last_words
    assert "noise" in words
    assert "more noise" in words


def test_a_death_by_signal_in_the_middle_of_a_line(worker: Worker) -> None:
    name = worker(
        "teller.tell(step=1)\n"
        "os.write(teller._channel.fileno(), b'{\"step\": ')\n"
        "os.write(2, b'that was it')\n"
        "os.kill(os.getpid(), signal.SIGSEGV)"
    )
    with started(name, {}, shows_errors=False) as process:
        assert list(process.messages()) == [{"step": 1}]
        ending = process.ending()
    assert ending.how == "SIGSEGV"
    assert ending.last_words == "that was it"


def test_an_exit_code_in_words() -> None:
    assert Ending(3, "").how == "exit code 3"
    assert Ending(-64, "").how in ("SIGRTMAX", "signal 64")


def test_a_process_that_is_dead_before_it_reads(worker: Worker) -> None:
    name = worker("")
    with started(f"{name}_absent", {"long": "x" * 1_000_000}, shows_errors=False) as process:
        assert list(process.messages()) == []
        ending = process.ending()
    assert ending.code == 1
    assert "No module named 'told_to_absent'" in ending.last_words


def test_an_interruption_leaves_nothing_behind(worker: Worker) -> None:
    name = worker(
        "own = subprocess.Popen(['sleep', '60'])\n"
        "teller.tell(pids=[os.getpid(), own.pid])\n"
        "time.sleep(60)"
    )
    pids: list[int] = []

    def interrupted() -> None:
        with started(name, {}, shows_errors=False) as process:
            pids.extend(next(process.messages())["pids"])
            assert all(map(is_running, pids))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(is_running, pids))
