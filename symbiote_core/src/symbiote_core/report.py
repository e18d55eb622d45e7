"""The report: what was planned, what was applied, and what happened at run time."""

from __future__ import annotations

import html
import json
from typing import Any

import attrs
from torch import nn

from symbiote_core.errors import NothingReplacedError
from symbiote_core.fallback import Activity, Cause, FallbackEvent
from symbiote_core.swap.planned import Kept
from symbiote_core.swap.record import swap_of
from symbiote_core.tables import text_table


@attrs.frozen
class ModuleReport:
    """One swapped module.

    Attributes:
        paths: everywhere it stands.
        module_class: the torch class's name.
        kernel: the kernel's class name.
        plugin: the plugin that brought it.
        parameters: number of parameters.
        weights: where its weights are: ``torch``, ``host`` or ``device``.
        calls: forwards on the device.
        fallbacks: forwards on torch.
        seconds: wall time in the ``timed`` run mode, else 0.
        pcc: lowest PCC in the ``compare`` run mode, else None.
        relative_rms: largest relative RMS error in the ``compare`` run mode, else None.
    """

    paths: tuple[str, ...]
    module_class: str
    kernel: str
    plugin: str
    parameters: int
    weights: str
    calls: int
    fallbacks: int
    seconds: float
    pcc: float | None
    relative_rms: float | None


@attrs.frozen
class FallbackCount:
    """How often one cause made a module run on torch."""

    cause: Cause
    count: int


@attrs.frozen
class OpFallbackCount:
    """How often an aten operation on a device tensor ran on torch, and why."""

    op: str
    why: str
    count: int


@attrs.frozen
class Traffic:
    """Tensors moved between host and device by forwards; weights are not counted.

    Attributes:
        forwards: calls of the model.
        uploads: tensors moved to the device.
        upload_bytes: bytes on the host side.
        downloads: tensors moved to the host.
        download_bytes: bytes on the host side.
    """

    forwards: int
    uploads: int
    upload_bytes: int
    downloads: int
    download_bytes: int

    def per_forward(self, count: int) -> float | None:
        """``count`` divided by the forwards, or None before the first."""
        return count / self.forwards if self.forwards else None


@attrs.frozen
class Report:
    """What happened to a model and in it; `str` gives tables, `to_json` everything.

    Attributes:
        model_class: the model's class name.
        policies: names of the policies applied and the plugins that brought them.
        device: the device it is on; empty before `set_device`.
        modules: the swapped modules.
        kept: the modules that stay on torch, with reasons.
        fallbacks: swapped modules that ran on torch, by cause.
        events: the first of them in full.
        op_fallbacks: operations between modules that ran on torch.
        traffic: uploads and downloads.
        notes: what else to know.
        seconds: how long swapping and converting took.
    """

    model_class: str
    policies: tuple[tuple[str, str], ...]
    device: str
    modules: tuple[ModuleReport, ...]
    kept: tuple[Kept, ...]
    fallbacks: tuple[FallbackCount, ...]
    events: tuple[FallbackEvent, ...]
    op_fallbacks: tuple[OpFallbackCount, ...]
    traffic: Traffic
    notes: tuple[str, ...]
    seconds: float

    @property
    def fallback_count(self) -> int:
        """Forwards of swapped modules that ran on torch."""
        return sum(f.count for f in self.fallbacks)

    def to_json(self, indent: int | None = 2) -> str:
        """All of it as JSON."""
        return json.dumps(attrs.asdict(self), indent=indent, default=str)

    def sections(self) -> list[tuple[str, list[str], list[list[str]]]]:
        """Title, column names and rows of each table, the empty ones left out."""
        found = [
            (
                "Replaced",
                [
                    "modules",
                    "class",
                    "kernel",
                    "plugin",
                    "parameters",
                    "weights",
                    "calls",
                    "fallbacks",
                ],
                _replaced_rows(self.modules),
            ),
            ("Kept on torch", ["modules", "class", "why"], _kept_rows(self.kept)),
            (
                "Fallbacks to torch",
                ["count", "kernel", "operation", "reason", "message"],
                [
                    [
                        str(f.count),
                        f.cause.kernel,
                        f.cause.op or "",
                        f.cause.reason,
                        f.cause.message,
                    ]
                    for f in self.fallbacks
                ],
            ),
            (
                "Operations on torch",
                ["count", "operation", "why"],
                [[str(o.count), o.op, o.why] for o in self.op_fallbacks],
            ),
        ]
        return [section for section in found if section[2]]

    def summary(self) -> str:
        """The headline and the transfers, in two lines."""
        policies = ", ".join(f"{name} (plugin {plugin})" for name, plugin in self.policies)
        where = f" on {self.device}" if self.device else ", no device yet"
        traffic = self.traffic
        head = (
            f"{self.model_class}{where}: {len(self.modules)} modules replaced by policy {policies}"
        )
        if not traffic.forwards:
            return f"{head}\nno forward yet"
        per = [traffic.per_forward(n) or 0.0 for n in (traffic.uploads, traffic.downloads)]
        return (
            f"{head}\n{traffic.forwards} forwards, {per[0]:.3g} uploads and {per[1]:.3g} downloads "
            f"a forward, {self.fallback_count} fallbacks, "
            f"{sum(o.count for o in self.op_fallbacks)} operations on torch"
        )

    def __str__(self) -> str:
        parts = [self.summary()]
        for title, columns, rows in self.sections():
            parts.append(f"\n{title}\n{text_table(columns, rows)}")
        parts += [f"note: {note}" for note in self.notes]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        parts = [f"<p>{html.escape(self.summary()).replace(chr(10), '<br>')}</p>"]
        for title, columns, rows in self.sections():
            head = "".join(f"<th>{html.escape(c)}</th>" for c in columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in rows
            )
            parts.append(f"<h4>{title}</h4><table><tr>{head}</tr>{body}</table>")
        parts += [f"<p>{html.escape(note)}</p>" for note in self.notes]
        return "".join(parts)


def group_paths(paths: list[str]) -> str:
    """Paths in short: the first, and how many more."""
    return paths[0] if len(paths) == 1 else f"{paths[0]} (+{len(paths) - 1})"


def _replaced_rows(modules: tuple[ModuleReport, ...]) -> list[list[str]]:
    groups: dict[tuple[str, ...], list[ModuleReport]] = {}
    for m in modules:
        groups.setdefault((m.module_class, m.kernel, m.plugin, m.weights), []).append(m)
    return [
        [
            group_paths([p for m in group for p in m.paths[:1]]),
            cls,
            kernel,
            plugin,
            f"{sum(m.parameters for m in group):,}",
            weights,
            str(sum(m.calls for m in group)),
            str(sum(m.fallbacks for m in group)),
        ]
        for (cls, kernel, plugin, weights), group in groups.items()
    ]


def _kept_rows(kept: tuple[Kept, ...]) -> list[list[str]]:
    groups: dict[tuple[str, str], list[str]] = {}
    for k in kept:
        groups.setdefault((k.module_class, k.reason), []).append(k.path or "(the model)")
    return [[group_paths(paths), cls, reason] for (cls, reason), paths in groups.items()]


def report(model: nn.Module) -> Report:
    """What was replaced in ``model``, what was kept, and what happened since.

    Raises:
        NothingReplacedError: if the model was not swapped.
    """
    swap = swap_of(model)
    if swap is None:
        raise NothingReplacedError(
            f"This {type(model).__name__} was not swapped, so there is nothing to report. Swap it "
            "with accelerate(model) or register_module_replacement_dict(model, {...})."
        )
    activity: Activity = swap.activity
    modules = []
    for item in swap.applied:
        state = item.module._symbiote
        calls: dict[str, Any] = attrs.asdict(state.calls)
        modules.append(
            ModuleReport(
                paths=item.planned.paths,
                module_class=item.planned.module_class,
                kernel=type(item.module).__name__,
                plugin=state.plugin,
                parameters=item.planned.parameters,
                weights=state.weights.value,
                **calls,
            )
        )
    return Report(
        model_class=type(model).__name__,
        policies=tuple(swap.policies),
        device=swap.device_name,
        modules=tuple(modules),
        kept=swap.kept,
        fallbacks=tuple(FallbackCount(c, n) for c, n in activity.causes.most_common()),
        events=tuple(activity.events),
        op_fallbacks=tuple(
            OpFallbackCount(op, why, n) for (op, why), n in activity.op_fallbacks.most_common()
        ),
        traffic=Traffic(
            activity.forwards,
            activity.uploads,
            activity.upload_bytes,
            activity.downloads,
            activity.download_bytes,
        ),
        notes=swap.notes,
        seconds=swap.seconds,
    )
