"""The part of the templates that is a kernel composed of TTNN's layers."""

import textwrap
from collections.abc import Mapping

from symbiote_cli.scaffold.choices import Choices


def kernel_fields(choices: Choices) -> dict[str, str]:
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
