"""Aten operations on device tensors, as TTNN code."""

from symbiote_core import AtenHandler
from symbiote_ttnn.handlers import attention, elementwise, movement, products


def all_handlers() -> list[AtenHandler]:
    """Every handler of this package."""
    files = (attention, elementwise, movement, products)
    return [handler for file in files for handler in file.handlers()]


__all__ = ["all_handlers"]
