"""What is filled into the templates of a new plugin."""

import importlib.metadata
import textwrap
from collections.abc import Mapping

import attrs

from symbiote_cli.scaffold.names import Names
from symbiote_cli.scaffold.target import Target


@attrs.frozen
class Choices:
    """What is decided for a new plugin.

    Attributes:
        names: of the distribution, the package and the plugin.
        target: what its kernel replaces.
        kernel: the kernel's name and class.
        policy: the policy's name.
        priority: the policy's, so that ``policy="auto"`` takes it before those that are installed.
        license: an SPDX expression; empty for none.
    """

    names: Names
    target: Target
    kernel: str
    policy: str
    priority: int
    license: str

    @property
    def is_own(self) -> bool:
        """Whether the kernel is for a module that the package brings itself."""
        return not self.target.model_type

    @property
    def is_linear(self) -> bool:
        """Whether the kernel is for `nn.Linear` itself."""
        return self.target.structure.kind == "linear"


def fields_of(choices: Choices) -> dict[str, str]:
    """The fields of the templates, by name.

    Args:
        choices: what was decided.
    """
    target, names = choices.target, choices.names
    fields = {
        "distribution": names.distribution,
        "package": names.package,
        "plugin": names.plugin,
        "kernel": choices.kernel,
        "policy": choices.policy,
        "cls": target.cls,
        "qualified": target.qualified,
        "path": target.path,
        "width": str(target.width),
        "model_type": target.model_type,
        "auto_class": target.auto_class,
        "sizes": _literal(target.sizes),
        "symbiote_version": _series("symbiote-core"),
        "license_fields": f'license = "{choices.license}"' if choices.license else "",
    }
    return (
        fields
        | (_own_fields(choices) if choices.is_own else _transformers_fields(choices))
        | _plugin_fields(choices)
        | ({} if choices.is_linear else _kernel_fields(choices))
    )


def _series(distribution: str) -> str:
    """The series of an installed distribution, as ``~=`` takes it: ``0.1.0`` for any 0.1."""
    major, minor = importlib.metadata.version(distribution).split(".")[:2]
    return f"{major}.{minor}.0"


def _own_fields(choices: Choices) -> dict[str, str]:
    kernel, cls, package = choices.kernel, choices.target.cls, choices.names.package
    build = f"{cls}(64, 128)"
    return {
        "description": f"A TTNN kernel for {cls}",
        "dependencies": _dependencies("torch>=2.6"),
        "explain_command": "",
        "use": _block(
            "```python",
            "from symbiote_core import accelerate",
            "",
            f'accelerate(model, policy="{choices.policy}")',
            "```",
        ),
        "modules_import": f"from {package}.modules import {cls}\n",
        "all_names": f'"{cls}", "{kernel}"',
        "policy_argument": ", policy=POLICY",
        "conformance_imports": _block(
            "from symbiote_conformance.kit import (",
            "    KernelConformance,",
            "    ModelSubject,",
            "    PolicyConformance,",
            "    Subject,",
            "    takes,",
            ")",
            "from torch import nn",
            "",
            f"from {package} import {cls}",
            "",
            'INPUT = takes("B", "S", 64)',
            '"""Any batch, any length, on the grid of 32 and off it."""',
            "",
        ),
        "kernel_subjects": _subjects("Subject", f'kernel="{kernel}"', build) + "\n",
        "model_subjects": _subjects(
            "ModelSubject", f'policy="{choices.policy}"', f"nn.Sequential({build})"
        ),
    }


def _subjects(cls: str, what: str, build: str) -> str:
    return _block(
        "",
        f"    def subjects(self) -> list[{cls}]:",
        "        return [",
        f"            {cls}(",
        f"                {what},",
        f"                build=lambda: {build},",
        "                inputs=[INPUT],",
        "            ),",
        "        ]",
    )


def _transformers_fields(choices: Choices) -> dict[str, str]:
    target = choices.target
    what = "the linear layers" if choices.is_linear else target.cls
    return {
        "description": f"A TTNN kernel for {what} of {target.model_type} models in transformers",
        "dependencies": _dependencies("torch>=2.6", "transformers>=4.57"),
        "explain_command": f"symbiote explain MODEL '{target.path}'  # says whether it is taken",
        "use": _block(
            f"`accelerate` takes it for models whose `config.model_type` is `{target.model_type}`:",
            "",
            "```python",
            "from symbiote_core import accelerate",
            "",
            "accelerate(model)",
            "```",
        ),
        "modules_import": "",
        "all_names": f'"{choices.kernel}"',
        "policy_argument": "",
        "conformance_imports": _block(
            "from symbiote_conformance.kit import KernelConformance, PolicyConformance", ""
        ),
        "kernel_subjects": "",
        "model_subjects": "",
    }


def _literal(value: object, indent: str = "") -> str:
    """A value as Python writes it, dictionaries with a line for each key."""
    if not isinstance(value, Mapping):
        return repr(value)
    inner = indent + "    "
    lines = [f'{inner}"{key}": {_literal(item, inner)},' for key, item in value.items()]
    return _block("{", *lines, f"{indent}}}") if lines else "{}"


def _dependencies(*more: str) -> str:
    own = [f"{name}~={_series(name)}" for name in ("symbiote-core", "symbiote-ttnn")]
    return "\n".join(f'    "{requirement}",' for requirement in (*own, *more))


def _plugin_fields(choices: Choices) -> dict[str, str]:
    """The two hooks: the kernel's record, and the policy's."""
    target = choices.target
    builds = f"{choices.names.package}.kernels:{choices.kernel}"
    imports = ["from symbiote_core import KernelSpec, Policy, Rule, hookimpl", ""]
    if choices.is_linear:
        imports.insert(1, "from torch import nn")
    where = "nn.Linear" if choices.is_linear else "_TARGET"
    if not choices.is_linear:
        imports += [
            f'_TARGET = "{target.qualified}"',
            '"""What the kernel replaces, as text, so that nothing is imported early."""',
            "",
        ]
    record = [f"name={choices.kernel!r}", f"replaces={where}", f"builds={builds!r}"]
    if choices.is_linear:
        record.append("priority=-1")
    kernel = _call("KernelSpec", *record)
    if choices.is_linear:
        before = (
            "        # Of lower priority than TTNNLinear, which the rules of other policies mean."
        )
        kernel = _block(before, kernel)
    types = f"({target.model_type!r},)" if target.model_type else "()"
    record = [f"name={choices.policy!r}", f"model_types={types}", "rules=(layers,)"]
    if target.model_type:
        record.append("versions=(('transformers', (4, 57), (6, 0)),)")
    policy = _call("Policy", *record)
    if choices.priority:
        before = "        # Of higher priority than the installed policies for this model type."
        policy = _block(before, _call("Policy", *record, f"priority={choices.priority}"))
    rule = _block(
        "    layers = Rule(",
        f"        replaces={where},",
        f"        kernel={choices.kernel!r},",
        "    )",
    )
    return {
        "plugin_imports": _block(*imports),
        "kernels_body": _block("    return [", kernel, "    ]").replace("'", '"'),
        "policies_body": _block(rule, "    return [", policy, "    ]").replace("'", '"'),
    }


def _call(cls: str, *arguments: str) -> str:
    """An item of a list: a call with a line for each argument, however short."""
    lines = (f"            {argument}," for argument in arguments)
    return _block(f"        {cls}(", *lines, "        ),")


def _kernel_fields(choices: Choices) -> dict[str, str]:
    """A kernel that is composed of TTNN's linear layers and an activation."""
    structure = choices.target.structure
    roles: Mapping[str, str] = structure.roles
    act = f"torch_layer.{roles['act']}"
    activated = "gate" if structure.kind == "gated" else "up"
    parts = []
    for role in ("gate", "up", "down"):
        if role not in roles:
            continue
        layer = f"torch_layer.{roles[role]}"
        built = f"TTNNLinear.from_torch({layer})"
        if role == activated and structure.fused:
            parts.append(f"activation = activation_name({act})")
            built = f"TTNNLinear.fused({layer}, activation)"
        parts.append(f"kernel.tt_{role} = {built}")
    first = f"self.tt_{activated}(x)"
    if structure.fused:
        uses = ["TTNNLinear", "activation_name"]
        check = [
            "if activation is None or activation_name(activation) is None:",
            f'    return "it has no activation {roles["act"]!r} that TTNN fuses into a linear"',
        ]
    else:
        uses = ["TTNNGelu", "TTNNLinear"]
        parts.append(f"kernel.tt_act = TTNNGelu.from_torch({act})")
        first = f"self.tt_act({first})"
        check = [
            "if activation is None or TTNNGelu.supports(activation) is not None:",
            f'    return "it has no activation {roles["act"]!r} that is a gelu"',
        ]
    forward = {
        "gated": f"self.tt_down(ttnn.multiply({first}, self.tt_up(x)))",
        "mlp": f"self.tt_down({first})",
        "activated": first,
    }[structure.kind]
    if structure.kind == "gated":
        uses.append("ttnn")
    linears = [roles[role] for role in ("gate", "up", "down") if role in roles]
    return {
        "kernel_imports": f"from symbiote_ttnn import {', '.join(uses)}",
        "formula": structure.formula,
        "linears": ", ".join(f'"{name}"' for name in linears) + ("," if len(linears) == 1 else ""),
        "act": roles["act"],
        "activation_check": textwrap.indent("\n".join(check), " " * 8),
        "parts": textwrap.indent("\n".join(parts), " " * 8),
        "forward": forward,
    }


def _block(*lines: str) -> str:
    return "\n".join(lines)
