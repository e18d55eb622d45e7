"""What is filled into the templates of a new plugin."""

import importlib.metadata

from symbiote_cli.scaffold.choices import Choices
from symbiote_cli.scaffold.conformance import (
    KIT_IMPORTS,
    derived_subjects,
    given_subjects,
    input_lines,
    layer_subjects,
)
from symbiote_cli.scaffold.kernel import kernel_fields
from symbiote_cli.scaffold.lines import block, literal


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
        "sizes": literal(target.sizes),
        "symbiote_version": _series("symbiote-core"),
        "license_fields": f'license = "{choices.license}"' if choices.license else "",
    }
    return (
        fields
        | (_own_fields(choices) if choices.is_own else _transformers_fields(choices))
        | _plugin_fields(choices)
        | ({} if choices.is_linear else kernel_fields(choices))
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
        "use": block(
            "```python",
            "from symbiote_core import accelerate",
            "",
            f'accelerate(model, policy="{choices.policy}")',
            "```",
        ),
        "modules_import": f"from {package}.modules import {cls}\n",
        "all_names": f'"{cls}", "{kernel}"',
        "policy_argument": ", policy=POLICY",
        "conformance_imports": block(
            KIT_IMPORTS,
            "from torch import nn",
            "",
            f"from {package} import {cls}",
            "",
            input_lines(choices.target.width),
            "",
        ),
        **given_subjects(choices, f"lambda: {build}", f"lambda: nn.Sequential({build})"),
    }


def _transformers_fields(choices: Choices) -> dict[str, str]:
    target = choices.target
    what = "the linear layers" if choices.is_linear else target.cls
    return {
        "description": f"A TTNN kernel for {what} of {target.model_type} models in transformers",
        "dependencies": _dependencies("torch>=2.6", "transformers>=4.57"),
        "explain_command": f"symbiote explain MODEL '{target.path}'  # says whether it is taken",
        "use": block(
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
    } | (derived_subjects() if target.takes_ids else layer_subjects(choices))


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
        kernel = block(before, kernel)
    types = f"({target.model_type!r},)" if target.model_type else "()"
    record = [f"name={choices.policy!r}", f"model_types={types}", "rules=(layers,)"]
    if target.model_type:
        record.append("versions=(('transformers', (4, 57), (6, 0)),)")
    policy = _call("Policy", *record)
    if choices.priority:
        before = "        # Of higher priority than the installed policies for this model type."
        policy = block(before, _call("Policy", *record, f"priority={choices.priority}"))
    rule = block(
        "    layers = Rule(",
        f"        replaces={where},",
        f"        kernel={choices.kernel!r},",
        "    )",
    )
    return {
        "plugin_imports": block(*imports),
        "kernels_body": block("    return [", kernel, "    ]").replace("'", '"'),
        "policies_body": block(rule, "    return [", policy, "    ]").replace("'", '"'),
    }


def _call(cls: str, *arguments: str) -> str:
    """An item of a list: a call with a line for each argument, however short."""
    lines = (f"            {argument}," for argument in arguments)
    return block(f"        {cls}(", *lines, "        ),")
