"""What mkdocs does beside its configuration: lists of public names, and the pages of the hooks.

A line ``<!-- public names of PACKAGE -->`` in a page becomes the reference of every name in the
package's ``__all__``, in groups of the modules that its ``__init__.py`` imports them from. Nothing
is imported: the sources are read.
"""

from __future__ import annotations

import ast
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOOK_PAGES = "reference/hooks"
PLACE = re.compile(r"^<!-- public names of (\w+) -->$", re.MULTILINE)

# What stands above a group, by the module that its names come from, in the order of a page.
TITLES = {
    "symbiote_core.swap": "Swapping a model",
    "symbiote_core.report": "Report",
    "symbiote_core.module": "Kernels",
    "symbiote_core.registry": "Registry",
    "symbiote_core.hookspecs": "Hooks",
    "symbiote_core.plugins": "Plugins",
    "symbiote_core.runtime": "Runtimes and devices",
    "symbiote_core.tensor": "Tensors",
    "symbiote_core.fallback": "Fallback",
    "symbiote_core.metrics": "Comparing tensors",
    "symbiote_core.settings": "Settings",
    "symbiote_core.errors": "Errors",
    "symbiote_ttnn.late": "The name ttnn",
    "symbiote_ttnn.kernels": "Kernels",
    "symbiote_ttnn.config": "Configuration",
    "symbiote_ttnn.runtimes": "Runtimes",
}


def public_names(package: str) -> dict[str, list[str]]:
    """The public names of a package by title: those of `TITLES` first, others by name.

    Raises:
        ValueError: if a name in ``__all__`` is not imported from a module of the package.
    """
    (source,) = [
        *ROOT.glob(f"{package}/src/{package}/__init__.py"),
        *ROOT.glob(f"plugins/{package}/src/{package}/__init__.py"),
    ]
    exported: list[str] = []
    origin: dict[str, str] = {}
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            origin |= {alias.asname or alias.name: str(node.module) for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            exported = ast.literal_eval(node.value)
    groups: dict[str, list[str]] = {}
    for name in exported:
        if name not in origin:
            raise ValueError(f"{package}.__all__ has {name!r}, which {source} does not import.")
        groups.setdefault(title_of(origin[name]), []).append(name)
    order = list(TITLES.values())
    titles = sorted(groups, key=lambda title: (title not in order, title))
    titles.sort(key=lambda title: order.index(title) if title in order else len(order))
    return {title: groups[title] for title in titles}


def title_of(module: str) -> str:
    """What stands above the names of a module: a line of `TITLES`, or the module's own name."""
    for end in range(len(module), 0, -1):
        if module[:end] in TITLES:
            return TITLES[module[:end]]
    return module.rpartition(".")[2].replace("_", " ").capitalize()


def reference(package: str) -> str:
    """The Markdown of a package's reference."""
    lines = []
    for title, names in public_names(package).items():
        lines.append(f"## {title}\n")
        lines += [f"::: {package}.{name}\n" for name in names]
    return "\n".join(lines)


def on_config(config: MutableMapping[str, Any]) -> None:
    """Add the pages of the hooks to the navigation (called by mkdocs)."""
    folder = Path(config["docs_dir"]) / HOOK_PAGES
    pages = sorted(f"{HOOK_PAGES}/{page.name}" for page in folder.glob("*.md"))
    if pages:
        (section,) = (entry["Reference"] for entry in config["nav"] if "Reference" in entry)
        section.append({"Hooks": pages})


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the lists of public names (called by mkdocs)."""
    return PLACE.sub(lambda found: reference(found.group(1)), markdown)
