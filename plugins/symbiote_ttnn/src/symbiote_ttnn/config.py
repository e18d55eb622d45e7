"""What ``model_config`` says to the kernels: dtypes and math fidelity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

DTYPES = ("bfloat16", "float32", "bfloat8_b", "bfloat4_b")
FIDELITIES = ("LoFi", "HiFi2", "HiFi3", "HiFi4")


def _one_of(*choices: str) -> Any:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in choices:
            raise ValueError(
                f"model_config[{attribute.name!r}] is {value!r}; it takes one of "
                f"{', '.join(choices)}."
            )

    return check


@attrs.frozen
class KernelConfig:
    """How the kernels of a model compute.

    Attributes:
        weights: dtype of matrices: ``bfloat16``, ``float32``, ``bfloat8_b`` or ``bfloat4_b``.
            Biases, norms and embedding tables stay in bfloat16.
        activations: dtype of what linear layers return: ``bfloat16`` or ``bfloat8_b``.
        math_fidelity: how many of the multiplier's passes are made: ``LoFi`` (one) to ``HiFi4``
            (all four; the operands' full precision).
        fp32_accumulate: whether sums are kept in float32 rather than bfloat16.
    """

    weights: str = attrs.field(default="bfloat16", validator=_one_of(*DTYPES))
    activations: str = attrs.field(
        default="bfloat16", validator=_one_of("bfloat16", "float32", "bfloat8_b")
    )
    math_fidelity: str = attrs.field(default="HiFi4", validator=_one_of(*FIDELITIES))
    fp32_accumulate: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any] | None) -> KernelConfig:
        """The configuration that ``model_config`` describes; defaults for what it leaves out.

        Raises:
            ValueError: for an unknown key or value, listing the known ones.
        """
        given = dict(config or {})
        known = [field.name for field in attrs.fields(cls)]
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise ValueError(
                f"model_config has unknown keys {', '.join(map(repr, unknown))}; known are "
                f"{', '.join(known)}."
            )
        return cls(**given)
