"""A process that answers calls: ``python -m symbiote_conformance.worker mock:wormhole_b0``.

It opens the device and says that it is ready. Each line of standard input is a list of calls, each
line of standard output the outcome of one. A call that kills the process is the one that was
next. `Worker` is the other end.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from typing import IO, Final

from symbiote_conformance.calls import Call
from symbiote_conformance.running import Bench
from symbiote_conformance.workers import READY

FRESH: Final = 500
"""After so many calls programs are dropped: their binaries take device memory."""


def main() -> int:
    """Answer until standard input ends."""
    # What TTNN prints must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    bench = Bench(sys.argv[1])
    _say(answers, READY)
    # A process that a call kills leaves a long trace, of which nothing is of use here.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    count = 0
    for line in sys.stdin:
        for data in json.loads(line):
            _say(answers, bench.run(Call.from_json(data)).as_json())
            count += 1
            if count % FRESH == 0:
                gc.collect()
                bench.device.clear_program_cache()
    bench.close()
    return 0


def _say(answers: IO[str], what: object) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
