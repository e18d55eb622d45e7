"""Aten operations on device tensors, as TTNN code."""

from symbiote_core import AtenHandler
from symbiote_ttnn.handlers import elementwise, movement, products


def all_handlers() -> list[AtenHandler]:
    """Every handler of this package."""
    return [*elementwise.handlers(), *movement.handlers(), *products.handlers()]


__all__ = ["all_handlers"]
