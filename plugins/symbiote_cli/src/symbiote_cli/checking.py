"""The work of ``symbiote check``: a process for each architecture, and what they told."""

import contextlib
import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from symbiote_cli._optional import needs
from symbiote_cli.errors import CommandError
from symbiote_cli.loading import Source
from symbiote_cli.output import Output, verbosity
from symbiote_cli.processes import Process, started
from symbiote_cli.progress import staged
from symbiote_core import plugin_manager

if TYPE_CHECKING:
    from symbiote_ttnn.check import CheckReport

Show = Callable[[str, int, int, str], None]
"""Shows a stage, how many are done, of how many, and where."""

WORKER = "symbiote_cli.checking_worker"
"""What runs in the process of an architecture."""

_LAST_SENTENCES = tuple(
    re.compile(pattern, re.MULTILINE | re.DOTALL)
    for pattern in (
        r"^info:\n(.+?)(?:\n\s*\n|\nbacktrace:|\Z)",  # TT_THROW and TT_FATAL
        r"what\(\):\s*([^\n]+)",  # any other exception of C++
        r"^((?:\w+\.)*\w*(?:Error|Exception|Interrupt): [^\n]+)",  # an exception of Python
    )
)


@attrs.frozen
class Request:
    """What the user asked for; see the options of the command."""

    model: str
    random_weights: bool
    seed: int
    archs: tuple[str, ...]
    policy: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    image: Path | None
    text: str | None
    max_fallbacks: int
    dtype: str
    batch: int
    weights: str | None
    trust_remote_code: bool = False


@attrs.frozen
class Death:
    """The end of a process that did not tell a result.

    Attributes:
        how: the signal's name, or ``exit code 1``.
        by_signal: whether it was a signal.
        stage: what was being done, see `symbiote_ttnn.check.check_model`; ``load`` before that.
        path: the module that was called last; empty if there was none.
        kernel: its kernel.
        last_words: what it said of it on stderr, on one line; empty if nothing was found there.
    """

    how: str
    by_signal: bool
    stage: str
    path: str
    kernel: str
    last_words: str

    def __str__(self) -> str:
        where = f" in module {self.path!r}, kernel {self.kernel}" if self.kernel else ""
        if not self.by_signal:
            return f"The process ended{where} ({self.how})"
        if self.how == "SIGKILL":
            return f"The process was killed{where} (SIGKILL); this machine may lack memory for it"
        return f"TTNN killed the process ({self.how}){where}"


@attrs.frozen
class ArchResult:
    """What one architecture gave: a report, or the death of its process.

    Attributes:
        arch: its name.
        report: what TTNN says, or None.
        death: how the process ended without a report, or None.
        passed: whether all is as the user wants it.
    """

    arch: str
    report: "CheckReport | None"
    death: Death | None
    passed: bool


@attrs.frozen
class CheckResult:
    """What a check gave.

    Attributes:
        request: what was asked for.
        dtype: the model's torch dtype; empty if no process lived to tell.
        inputs: what it ran on: shape and dtype by name.
        notes: what the user should know.
        results: by architecture.
    """

    request: Request
    dtype: str
    inputs: dict[str, str]
    notes: tuple[str, ...]
    results: tuple[ArchResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every architecture is as the user wants it."""
        return all(result.passed for result in self.results)


def check(output: Output, request: Request) -> CheckResult:
    """Check a model on one architecture after another; together they would disturb the times.

    Args:
        output: for progress bars.
        request: what was asked for.

    Raises:
        CommandError: if the model can't be loaded or swapped, an architecture is unknown, or TTNN
            is not there.
        MissingPackageError: if transformers or symbiote-ttnn is not installed.
        SymbioteError: if the plugins can't be loaded.
        RuntimeError: for a defect.
    """
    Source.of(request.model)
    with needs("transformers", "load Hugging Face models"):
        import transformers  # noqa: F401 - told before anything else is done
    known = mock_architectures(request.model)
    unknown = [arch for arch in request.archs if arch not in known]
    if unknown:
        raise CommandError(
            f"There is no mock chip of the architecture {unknown[0]!r}. Known are: "
            f"{', '.join(known)}."
        )
    told: dict[str, Any] = {}
    notes: dict[str, None] = {}
    results = []
    for arch in request.archs:
        with _bars(output, arch) as show:
            answer, death = _ask(request, arch, show)
        results.append(_result(request, arch, answer, death))
        told = answer or told
        notes |= dict.fromkeys(told.get("notes", ()))
    return CheckResult(
        request=request,
        dtype=told.get("dtype", ""),
        inputs=told.get("inputs", {}),
        notes=tuple(notes),
        results=tuple(results),
    )


def mock_architectures(model: str) -> tuple[str, ...]:
    """The architectures that can be mocked here.

    Args:
        model: the model's name, for the message.

    Raises:
        CommandError: if there is no TTNN, saying how to get it.
        MissingPackageError: if symbiote-ttnn is not installed.
    """
    with needs("symbiote-ttnn", "check models on mock chips"):
        import symbiote_ttnn  # noqa: F401
    mock = next((spec for spec in plugin_manager().registry.runtimes if spec.name == "mock"), None)
    if mock is None:
        raise CommandError(
            "The plugin ttnn, which brings the mock chips, is not active. `symbiote plugins "
            "--load` says why."
        )
    reason = mock.unavailable()
    if reason is not None:
        raise CommandError(
            f"symbiote check asks TTNN itself, and can't here: {reason}. `symbiote run {model} "
            "--device emulator --strict` has the emulator check the calls."
        )
    return tuple(dict.fromkeys(example.split(":")[1] for example in mock.examples))


def _bars(output: Output, arch: str) -> AbstractContextManager[Show]:
    """Bars for the stages of one architecture; with ``--verbose`` TTNN's log takes their place."""

    def nothing(stage: str, done: int, total: int, path: str) -> None:
        """Show nothing."""

    return contextlib.nullcontext(nothing) if verbosity() else staged(output, f"{arch}: ")


def _ask(request: Request, arch: str, show: Show) -> tuple[dict[str, Any] | None, Death | None]:
    """What the process of one architecture answers, or how it died."""
    asked = attrs.asdict(request) | {"arch": arch, "verbosity": verbosity()}
    asked["image"] = None if request.image is None else str(request.image)
    with started(WORKER, asked, shows_errors=verbosity() > 0) as process:
        return _listen(process, show)


def _listen(process: Process, show: Show) -> tuple[dict[str, Any] | None, Death | None]:
    last = {"stage": "load", "path": "", "kernel": ""}
    answer: dict[str, Any] | None = None
    for message in process.messages():
        kind = message.pop("kind")
        if kind == "step":
            show(message["stage"], message.pop("done"), message.pop("total"), message["path"])
            last = message
        elif kind == "log":
            logging.getLogger(message["name"]).log(message["level"], "%s", message["text"])
        elif kind == "error" and message["foreseen"]:
            raise CommandError(message["text"])
        elif kind == "error":
            raise RuntimeError(message["text"])
        else:
            answer = message
    ending = process.ending()
    if answer is not None:  # a crash after the result, while TTNN shuts down, is no matter
        return answer, None
    return None, Death(ending.how, ending.code < 0, last_words=sentence(ending.last_words), **last)


def sentence(words: str) -> str:
    """What a dying process says of its death, without stack trace, on one line; empty if nothing.

    Args:
        words: what it wrote to stderr.
    """
    for pattern in _LAST_SENTENCES:
        found = pattern.findall(words)
        if found:
            return " ".join(found[-1].split())
    return ""


def _result(
    request: Request, arch: str, answer: dict[str, Any] | None, death: Death | None
) -> ArchResult:
    if answer is None:
        return ArchResult(arch, None, death, False)
    from symbiote_ttnn.check import CheckReport

    report = CheckReport.from_data(answer["report"])
    passed = not report.failures and report.fallbacks <= request.max_fallbacks
    return ArchResult(arch, report, None, passed)
