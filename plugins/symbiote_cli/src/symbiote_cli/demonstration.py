"""The demo's work: classify the test digits on torch and on a device."""

import time
from typing import Any

import attrs
import torch

from symbiote_cli._optional import needs
from symbiote_cli.digits import DigitSet, load_test_digits, model_path
from symbiote_cli.errors import CommandError
from symbiote_cli.output import Output
from symbiote_cli.progress import counted, working
from symbiote_cli.quiet import quiet_libraries
from symbiote_cli.session import opened, swapped
from symbiote_core import Report, pcc, relative_rms, report

MIN_ACCURACY = 0.96
"""The least share of digits that must be right: what the shipped model reaches, with a margin."""

MAX_DIFFERENCE = 1
"""Images by which the numbers of right answers may differ: bfloat16 can tip one close call."""


@attrs.frozen
class Pass:
    """One classification of all digits.

    Attributes:
        logits: float32 [N, 10].
        seconds: wall time.
        correct: how many were right.
    """

    logits: torch.Tensor
    seconds: float
    correct: int


@attrs.frozen
class Check:
    """One thing that the demo promises.

    Attributes:
        name: what it is about.
        passed: whether it held.
        found: what was found, in words.
    """

    name: str
    passed: bool
    found: str


@attrs.frozen
class DemoResult:
    """What the demo found.

    Attributes:
        digits: the test set.
        device: what the swapped model ran on.
        batch_size: images in a forward.
        on_torch: the classification by torch.
        swapped: the classification by the swapped model.
        report: what was swapped and what happened.
    """

    digits: DigitSet
    device: str
    batch_size: int
    on_torch: Pass
    swapped: Pass
    report: Report

    @property
    def total(self) -> int:
        """How many digits there are."""
        return len(self.digits.labels)

    @property
    def predictions(self) -> torch.Tensor:
        """What the swapped model took the digits for, int64 [N]."""
        return self.swapped.logits.argmax(-1)

    @property
    def changed(self) -> int:
        """How many digits the two passes took for different ones."""
        return int((self.on_torch.logits.argmax(-1) != self.predictions).sum())

    @property
    def pcc(self) -> float:
        """Correlation of the logits with torch's."""
        return pcc(self.on_torch.logits, self.swapped.logits)

    @property
    def relative_rms(self) -> float:
        """RMS of the logits' difference over RMS of torch's."""
        return relative_rms(self.on_torch.logits, self.swapped.logits)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything that must hold."""
        difference = abs(self.on_torch.correct - self.swapped.correct)
        lowest = min(self.on_torch.correct, self.swapped.correct) / self.total
        operations = sum(o.count for o in self.report.op_fallbacks)
        return (
            Check(
                f"accuracies differ by at most {MAX_DIFFERENCE} image",
                difference <= MAX_DIFFERENCE,
                f"they differ by {difference}",
            ),
            Check(
                f"accuracy at least {MIN_ACCURACY:.0%}",
                lowest >= MIN_ACCURACY,
                f"the lower one is {lowest:.2%}",
            ),
            Check(
                "nothing fell back to torch",
                not self.report.fallback_count and not operations,
                f"{self.report.fallback_count} modules' calls and {operations} operations did",
            ),
        )

    @property
    def passed(self) -> bool:
        """Whether all of it holds."""
        return all(check.passed for check in self.checks)


def run_demo(output: Output, device: str, policy: str, batch_size: int) -> DemoResult:
    """Classify the test digits with torch, then with the swapped model.

    Args:
        output: for progress bars.
        device: a device string.
        policy: a policy's name.
        batch_size: images in a forward.

    Raises:
        CommandError: if the device computes nothing.
        MissingPackageError: if scikit-learn or transformers is not installed.
        SymbioteError: if the model can't be swapped.
    """
    with working(output, "Loading the model and the digits"):
        digits = load_test_digits()
        model = load_demo_model()
    with output.reserved(), quiet_libraries(), opened(device) as place:
        if not place.computes:
            raise CommandError(
                f"{device!r} checks calls and computes no values, so it can't recognise digits. "
                "Use --device emulator, or `symbiote run` to try a model on it."
            )
        with torch.no_grad():
            model(digits.pixel_values[:batch_size])  # starts torch's threads, for both passes
            before = _classify(output, model, digits, batch_size, "Classifying with torch")
            with swapped(model, place, output, policy):
                what = f"Classifying on {place.name}"
                after = _classify(output, model, digits, batch_size, what)
                found = report(model)
        return DemoResult(digits, place.name, batch_size, before, after, found)


def load_demo_model() -> Any:
    """The shipped `ViTForImageClassification`, float32, in eval mode.

    Raises:
        MissingPackageError: if transformers is not installed.
    """
    with needs("transformers", "load the demo's model"):
        import transformers
    with quiet_libraries():
        return transformers.ViTForImageClassification.from_pretrained(
            str(model_path()), use_safetensors=True, local_files_only=True, dtype=torch.float32
        ).eval()


def _classify(output: Output, model: Any, digits: DigitSet, batch_size: int, what: str) -> Pass:
    start = time.perf_counter()
    batches: list[torch.Tensor] = list(torch.split(digits.pixel_values, batch_size))
    logits = torch.cat([model(batch).logits for batch in counted(output, batches, what)]).float()
    seconds = time.perf_counter() - start
    return Pass(logits, seconds, int((logits.argmax(-1) == digits.labels).sum()))
