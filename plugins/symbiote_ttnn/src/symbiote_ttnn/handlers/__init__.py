"""Aten operations on device tensors, as TTNN code."""

from symbiote_core import AtenHandler
from symbiote_ttnn.handlers import elementwise, movement


def all_handlers() -> list[AtenHandler]:
    """Every handler of this package."""
    return [*elementwise.handlers(), *movement.handlers()]


__all__ = ["all_handlers"]
