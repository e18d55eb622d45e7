"""What ``model_config`` says to the kernels: dtypes and math fidelity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

DTYPES = ("bfloat16", "float32", "bfloat8_b", "bfloat4_b")
FIDELITIES = ("LoFi", "HiFi2", "HiFi3", "HiFi4")
ROLES = ("attention", "mlp", "lm_head", "other")
"""What a kernel's matrices are for. Encoders and vision models have no roles: ``other``."""


def _one_of(*choices: str) -> Any:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in choices:
            raise ValueError(
                f"model_config[{attribute.name!r}] is {value!r}; it takes one of "
                f"{', '.join(choices)}."
            )

    return check


def _check_weights(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, str):
        _one_of(*DTYPES)(_, attribute, value)
        return
    if not isinstance(value, Mapping):
        raise ValueError(
            f"model_config['weights'] is {value!r}; it takes one of {', '.join(DTYPES)}, or a "
            f"dictionary of them by role ({', '.join(ROLES)})."
        )
    for role, dtype in value.items():
        if role not in ROLES or dtype not in DTYPES:
            raise ValueError(
                f"model_config['weights'] has {role!r}: {dtype!r}; it takes the roles "
                f"{', '.join(ROLES)} and the dtypes {', '.join(DTYPES)}."
            )


def _check_length(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise ValueError(
            f"model_config[{attribute.name!r}] is {value!r}; it takes a number of tokens, or None."
        )


@attrs.frozen
class KernelConfig:
    """How the kernels of a model compute.

    Attributes:
        weights: dtype of matrices: ``bfloat16``, ``float32``, ``bfloat8_b`` or ``bfloat4_b``; or
            a dictionary of them by role, such as ``{"mlp": "bfloat4_b", "other": "bfloat8_b"}``;
            a role that it leaves out has what ``other`` has, or bfloat16. Biases, norms and
            embedding tables stay in bfloat16.
        activations: dtype of what linear layers return: ``bfloat16`` or ``bfloat8_b``.
        math_fidelity: how many of the multiplier's passes are made: ``LoFi`` (one) to ``HiFi4``
            (all four; the operands' full precision).
        fp32_accumulate: whether sums are kept in float32 rather than bfloat16.
        deallocate_weights_after: whether each kernel frees the device memory of its weights after
            a call, and the next call moves them there again: for models larger than the device.
        cache_length: for models that generate, how many tokens of a sequence the cache holds,
            made once; None to let it grow.
    """

    weights: str | Mapping[str, str] = attrs.field(default="bfloat16", validator=_check_weights)
    activations: str = attrs.field(
        default="bfloat16", validator=_one_of("bfloat16", "float32", "bfloat8_b")
    )
    math_fidelity: str = attrs.field(default="HiFi4", validator=_one_of(*FIDELITIES))
    fp32_accumulate: bool = attrs.field(default=True, validator=attrs.validators.instance_of(bool))
    deallocate_weights_after: bool = attrs.field(
        default=False, validator=attrs.validators.instance_of(bool)
    )
    cache_length: int | None = attrs.field(default=None, validator=_check_length)

    def weights_of(self, role: str) -> str:
        """The dtype of matrices of a role."""
        if isinstance(self.weights, str):
            return self.weights
        return self.weights.get(role) or self.weights.get("other", "bfloat16")

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
