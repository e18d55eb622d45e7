"""What Hugging Face transformers leaves on modules. Nothing is imported: names are compared."""

from __future__ import annotations

import sys
from typing import Any

_CAPTURING = "transformers.utils.output_capturing"


def is_idle_recorder(hook: object) -> bool:
    """Whether ``hook`` is an output recorder of transformers 5 that records nothing right now.

    transformers installs its recorders at the first ``output_hidden_states`` or
    ``output_attentions`` and leaves them there; a context variable tells which of them are on.
    """
    if getattr(hook, "__module__", "") != _CAPTURING:
        return False
    module: Any = sys.modules.get(_CAPTURING)
    collector = getattr(module, "_active_collector", None)
    if collector is None:
        return False
    collected = collector.get()
    if collected is None:
        return True
    names = getattr(getattr(hook, "__code__", None), "co_freevars", ())
    cells = getattr(hook, "__closure__", None) or ()
    values = {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}
    return values.get("key") not in collected
