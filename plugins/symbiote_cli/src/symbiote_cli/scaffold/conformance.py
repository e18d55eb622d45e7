"""The part of the templates that says what the conformance kit judges a new plugin by."""

from symbiote_cli.scaffold.choices import Choices
from symbiote_cli.scaffold.lines import block, literal

KIT_IMPORTS = """\
from symbiote_conformance.kit import (
    KernelConformance,
    ModelSubject,
    PolicyConformance,
    Subject,
    takes,
)"""


def input_lines(width: int) -> str:
    """The tensor that a layer takes."""
    told = '"""Any batch, any length, on the grid of 32 and off it."""'
    return block(f'INPUT = takes("B", "S", {width})', told)


def derived_subjects() -> dict[str, str]:
    """The conformance kit finds models and modules by itself."""
    imports = "from symbiote_conformance.kit import KernelConformance, PolicyConformance"
    return {
        "conformance_imports": block(imports, ""),
        "kernel_subjects": "",
        "model_subjects": "",
    }


def layer_subjects(choices: Choices) -> dict[str, str]:
    """The layer alone, for a model whose inputs the conformance kit may not know."""
    target = choices.target
    made = block(
        "",
        f"SIZES: dict[str, Any] = {literal(target.sizes)}",
        "",
        "",
        "def layer() -> nn.Module:",
        f'    config = AutoConfig.for_model("{target.model_type}", **SIZES)',
        f"    model: nn.Module = {target.auto_class}.from_config(config)",
        f'    return model.get_submodule("{target.path}")',
        "",
    )
    return {
        "conformance_imports": block(
            "from typing import Any",
            "",
            KIT_IMPORTS,
            "from torch import nn",
            f"from transformers import AutoConfig, {target.auto_class}",
            "",
            input_lines(target.width),
            made,
        ),
        **given_subjects(choices, "layer", "lambda: nn.Sequential(layer())"),
    }


def given_subjects(choices: Choices, layer: str, model: str) -> dict[str, str]:
    """What builds a layer and a model, as expressions."""
    kernel, policy = f'kernel="{choices.kernel}"', f'policy="{choices.policy}"'
    return {
        "kernel_subjects": _subjects("Subject", kernel, layer) + "\n",
        "model_subjects": _subjects("ModelSubject", policy, model),
    }


def _subjects(cls: str, what: str, build: str) -> str:
    return block(
        "",
        f"    def subjects(self) -> list[{cls}]:",
        "        return [",
        f"            {cls}(",
        f"                {what},",
        f"                build={build},",
        "                inputs=[INPUT],",
        "            ),",
        "        ]",
    )
