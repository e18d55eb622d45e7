"""Text for templates, line by line."""

from collections.abc import Mapping


def block(*lines: str) -> str:
    """Lines of text."""
    return "\n".join(lines)


def literal(value: object, indent: str = "") -> str:
    """A value as Python writes it, dictionaries with a line for each key."""
    if not isinstance(value, Mapping):
        return repr(value)
    inner = indent + "    "
    lines = [f'{inner}"{key}": {literal(item, inner)},' for key, item in value.items()]
    return block("{", *lines, f"{indent}}}") if lines else "{}"
