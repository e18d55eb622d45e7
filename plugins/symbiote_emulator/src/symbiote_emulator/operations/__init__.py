"""The operations, one module for each family.

Every module of this package whose name has no leading underscore is imported, which registers its
operations; adding a family is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil

FAMILIES = tuple(
    sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_")
)
"""Names of the family modules."""

for _family in FAMILIES:
    importlib.import_module(f"{__name__}.{_family}")
