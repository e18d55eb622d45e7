"""The Llama demo's work: continue text on torch and on a device, and foretell held-out text."""

import time
from collections.abc import Callable
from typing import Any

import attrs
import torch

from symbiote_cli._optional import needs
from symbiote_cli.characters import (
    COMPARED,
    CONTEXT,
    UnknownCharactersError,
    continuation,
    cut,
    decode,
    encode,
    held_out_prompts,
    held_out_text,
    load_vocabulary,
    model_path,
    perplexity,
)
from symbiote_cli.demonstration import Check
from symbiote_cli.errors import CommandError
from symbiote_cli.output import Output
from symbiote_cli.progress import counted, working
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.session import opened, swapped
from symbiote_core import Report, report
from symbiote_core.report import Traffic

PROMPTS = 10
"""Prompts that are compared: the first that `held_out_prompts` finds in the held-out text."""

MIN_AGREED = 9
"""How many of them must go on alike: bfloat16 can tip one close call."""

MAX_PERPLEXITY_CHANGE = {"bfloat16": 0.005, "float32": 0.005, "bfloat8_b": 0.02}
"""Relative change of the perplexity that must not be reached, by the dtype of the weights."""

EXACT = ("bfloat16", "float32")
"""Dtypes that hold the shipped weights unchanged, so that the two should go on alike."""

WINDOWS = 8
"""Windows of held-out text in a forward."""


@attrs.frozen
class Ask:
    """What is wanted of the demo.

    Attributes:
        prompt: what to continue before everything else.
        length: by how many characters.
        weights: the dtype of the swapped model's weights.
        device: a device string.
        policy: a policy's name.
    """

    prompt: str
    length: int
    weights: str
    device: str
    policy: str


@attrs.frozen
class Writing:
    """What one of the two models wrote and foretold.

    Attributes:
        text: the continuation of the prompt.
        compared: the continuation of each of the prompts that are compared.
        seconds: wall time of the latter.
        perplexity: of a held-out character.
    """

    text: str
    compared: tuple[str, ...]
    seconds: float
    perplexity: float

    @property
    def speed(self) -> float:
        """Tokens a second; reading the prompts is part of the time."""
        return sum(map(len, self.compared)) / self.seconds


@attrs.frozen
class LlamaResult:
    """What the demo found.

    Attributes:
        ask: what was wanted.
        device: what the swapped model ran on.
        prompts: what both continued.
        on_torch: what torch wrote.
        swapped: what the swapped model wrote.
        decoding: transfers of the steps that decode one token; reading the prompt is left out.
        held_out: held-out characters that were foretold.
        report: what was swapped and what happened.
    """

    ask: Ask
    device: str
    prompts: tuple[str, ...]
    on_torch: Writing
    swapped: Writing
    decoding: Traffic
    held_out: int
    report: Report

    @property
    def agreed(self) -> int:
        """How many of the prompts go on alike, to the last character."""
        pairs = zip(self.on_torch.compared, self.swapped.compared, strict=True)
        return sum(mine == theirs for mine, theirs in pairs)

    @property
    def change(self) -> float:
        """Change of the perplexity as a share of torch's."""
        return self.swapped.perplexity / self.on_torch.perplexity - 1

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything that must hold; weights that lose more have fewer promises."""
        weights, found = self.ask.weights, []
        if weights in EXACT:
            found.append(
                Check(
                    f"at least {MIN_AGREED} of {len(self.prompts)} prompts go on alike",
                    self.agreed >= MIN_AGREED,
                    f"{self.agreed} do, for {COMPARED} characters",
                )
            )
        if weights in MAX_PERPLEXITY_CHANGE:
            limit = MAX_PERPLEXITY_CHANGE[weights]
            found.append(
                Check(
                    f"perplexities differ by less than {limit:.1%}",
                    abs(self.change) < limit,
                    f"they differ by {abs(self.change):.3%}",
                )
            )
        operations = sum(o.count for o in self.report.op_fallbacks)
        found.append(
            Check(
                "nothing fell back to torch",
                not self.report.fallback_count and not operations,
                f"{self.report.fallback_count} modules' calls and {operations} operations did",
            )
        )
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether all of it holds."""
        return all(check.passed for check in self.checks)


def run_llama_demo(output: Output, ask: Ask, show: Callable[[str], None]) -> LlamaResult:
    """Continue the prompts and foretell the held-out text with torch, then with the swapped model.

    Args:
        output: for progress bars.
        ask: what is wanted.
        show: takes the swapped model's continuation of the prompt, piece by piece as it comes, and
            a line break after it.

    Raises:
        CommandError: if the prompt can't be read or is too long, or the device computes nothing.
        MissingPackageError: if transformers is not installed.
        SymbioteError: if the model can't be swapped.
    """
    prompt = _read(ask)
    with working(output, "Loading the model"):
        model = load_character_llama()
    with output.reserved(), quiet_libraries(), opened(ask.device) as place:
        if not place.computes:
            raise CommandError(
                f"{ask.device!r} checks calls and computes no values, so it can't write. "
                "Use --device emulator, or `symbiote check` to ask TTNN about a model."
            )
        held_out, vocabulary = held_out_text(), load_vocabulary()
        windows = cut(encode(held_out, vocabulary))
        prompts = held_out_prompts(held_out)[:PROMPTS]
        task = _Task(prompt, ask.length, prompts, torch.split(windows, WINDOWS))
        before = task.done(output, model, "torch", _Listener())
        with swapped(model, place, output, ask.policy, weights=ask.weights):
            listener = _Listener(show, lambda: report(model).traffic)
            after = task.done(output, model, place.name, listener)
            found = report(model)
        foretold = windows[:, 1:].numel()
        return LlamaResult(
            ask, place.name, prompts, before, after, listener.decoding, foretold, found
        )


def load_character_llama() -> Any:
    """The shipped `LlamaForCausalLM`, float32, in eval mode.

    Raises:
        MissingPackageError: if transformers is not installed.
    """
    with needs("transformers", "load the demo's model"):
        import transformers
    with quiet_libraries():
        return transformers.LlamaForCausalLM.from_pretrained(
            str(model_path()), use_safetensors=True, local_files_only=True, dtype=torch.float32
        ).eval()


def _read(ask: Ask) -> torch.Tensor:
    """The prompt's tokens, int64 [1, S]."""
    if not ask.prompt:
        raise CommandError("The prompt is empty. Give at least one character with --prompt.")
    if len(ask.prompt) + ask.length > CONTEXT:
        raise CommandError(
            f"The prompt has {len(ask.prompt)} characters and {ask.length} are to follow, but the "
            f"model looks back on {CONTEXT} at most. Shorten --prompt, or ask for fewer --tokens."
        )
    try:
        return encode(ask.prompt, load_vocabulary()).unsqueeze(0)
    except UnknownCharactersError as error:
        raise CommandError(f"{error} Leave them out of --prompt.") from error


class _Listener:
    """What `generate` hands each token to; transformers' `BaseStreamer`, without importing it."""

    def __init__(
        self,
        show: Callable[[str], None] | None = None,
        traffic: Callable[[], Traffic] | None = None,
    ) -> None:
        self._show = show
        self._traffic = traffic
        self._prompt = True
        self._start: Traffic | None = None
        self._end: Traffic | None = None

    def put(self, tokens: torch.Tensor) -> None:
        """Take the prompt, and later one token after another."""
        if self._prompt:
            self._prompt = False
            return
        if self._start is None and self._traffic is not None:
            self._start = self._traffic()  # the prompt was read: what follows is decoding
        if self._show is not None:
            self._show(decode(tokens, load_vocabulary()))

    def end(self) -> None:
        """The last token was given."""
        if self._show is not None:
            self._show("\n")
        if self._traffic is not None:
            self._end = self._traffic()

    @property
    def decoding(self) -> Traffic:
        """Transfers between the first token and the last."""
        if self._start is None or self._end is None:
            raise AssertionError("nothing was generated")
        start, end = attrs.astuple(self._start), attrs.astuple(self._end)
        return Traffic(*(after - before for before, after in zip(start, end, strict=True)))


@attrs.frozen
class _Task:
    """What both models do.

    Attributes:
        prompt: continued first, int64 [1, S].
        length: by how many characters.
        prompts: continued by `COMPARED` characters each.
        batches: windows of held-out text, int64 [B, CONTEXT].
    """

    prompt: torch.Tensor
    length: int
    prompts: tuple[str, ...]
    batches: tuple[torch.Tensor, ...]

    def done(self, output: Output, model: Any, where: str, listener: _Listener) -> Writing:
        """Do it with a model on the device that is called `where`."""
        vocabulary = load_vocabulary()
        text = decode(continuation(model, self.prompt, self.length, listener), vocabulary)
        start = time.perf_counter()
        compared = tuple(
            decode(continuation(model, encode(prompt, vocabulary)[None], COMPARED), vocabulary)
            for prompt in counted(output, self.prompts, f"Continuing prompts on {where}")
        )
        seconds = time.perf_counter() - start
        found = perplexity(model, counted(output, self.batches, f"Foretelling text on {where}"))
        return Writing(text, compared, seconds, found)
