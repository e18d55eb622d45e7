"""The one-line entry: plan, apply, put on a device, convert and move the weights."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from symbiote_core.errors import ReplacementError
from symbiote_core.module.weights import prepare
from symbiote_core.report import Report, report
from symbiote_core.swap.apply import Progress, apply
from symbiote_core.swap.checkpoint import Checkpoint
from symbiote_core.swap.devices import set_device, swapped_modules
from symbiote_core.swap.plan import PolicyLike, plan
from symbiote_core.swap.record import swap_of
from symbiote_core.swap.release import Releaser
from symbiote_core.swap.restore import take_back


def accelerate(
    model: nn.Module,
    device: Any = None,
    policy: PolicyLike = "auto",
    include: str | Iterable[str] = (),
    exclude: str | Iterable[str] = (),
    strict: bool = False,
    model_config: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    release_torch_weights: bool = False,
) -> Report:
    """Swap a pretrained model for TTNN, in place, ready to run.

    Either all of it happens, or, if anything fails or is interrupted, the model is as it was.

    Args:
        model: a torch model with real weights, such as a Hugging Face one.
        device: an open device, a device string, or None for ``"auto"``: a chip if there is one,
            else the emulator.
        policy: ``"auto"`` (by ``model.config.model_type``), a policy's name, a `Policy`, or a
            mapping of module classes to kernel classes.
        include: patterns of the only paths to replace; empty for all.
        exclude: patterns of paths that stay on torch; they win over everything.
        strict: raise `TTNNExecutionError` instead of falling back to torch.
        model_config: weight dtype, activation dtype and math fidelity, for the kernels.
        progress: called with stage, done, total and module path; for progress bars.
        checkpoint: a safetensors file, or the folder that holds the model. A model that was built
            without values (`symbiote_core.without_weights`) is read from it, one module at a time.
        release_torch_weights: let go of a module's torch weights once they are converted. They are
            read from ``checkpoint`` again where they are needed: by ``state_dict``, `restore`, and
            a fallback, which lets go of them after it. Without a checkpoint these raise
            `ReleasedWeightsError`.

    Returns:
        The report: what was replaced by what, and what stays on torch and why.

    Raises:
        PolicyNotFoundError, SelectionError, NothingReplacedError, MetaModelError, DeviceError,
        CheckpointError, ReplacementError: each says what to do next.
    """
    start = time.perf_counter()
    before = swap_of(model)
    former = None if before is None else (list(before.policies), before.kept, before.notes)
    count = 0 if before is None else len(before.applied)
    todo = plan(model, policy, include, exclude)
    source = None if checkpoint is None else Checkpoint(checkpoint)
    hollow = source is not None and any(p.is_meta for p in model.parameters())
    swap = apply(todo, model, model_config, strict, progress, without_values=hollow)
    releaser = Releaser(model, source)
    try:
        set_device(model, "auto" if device is None else device)
        modules = swapped_modules(model)
        if hollow:
            releaser.fill(model, modules)
        if release_torch_weights:
            # When the largest takes memory to be converted, what the others had is free again.
            modules = sorted(modules, key=_size)
        for done, module in enumerate(modules):
            where = module._symbiote.path
            if progress is not None:
                progress("convert", done, len(modules), where)
            try:
                prepare(module)
            except Exception as error:  # an author's code or the device: told with its place
                kernel, plugin = type(module).__name__, module._symbiote.plugin
                raise ReplacementError(where, kernel, "convert", plugin, error) from error
            if release_torch_weights and source is not None:
                releaser.release(module)
        if progress is not None:
            progress("convert", len(modules), len(modules), "")
        if release_torch_weights:  # without a checkpoint all at once, at the end
            for module in modules:
                releaser.release(module)
    except BaseException:  # also Ctrl-C: never half a model
        releaser.undo()
        take_back(model, swap, swap.applied[count:])
        if former is not None:
            swap.policies, swap.kept, swap.notes = former
        raise
    swap.seconds += time.perf_counter() - start
    return report(model)


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
