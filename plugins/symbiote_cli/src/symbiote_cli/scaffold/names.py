"""The names of a new plugin, and whether they can be had."""

import importlib.util
import keyword
import re
import sys

import attrs

from symbiote_cli.errors import CommandError

_NAME = re.compile(r"[A-Z0-9]|[A-Z0-9][A-Z0-9._-]*[A-Z0-9]", re.IGNORECASE)
"""Names of distributions: PEP 508."""


@attrs.frozen
class Names:
    """What the parts of a plugin are called.

    Attributes:
        distribution: what pip installs, such as ``symbiote-bert``.
        package: what Python imports, such as ``symbiote_bert``.
        plugin: the entry point, such as ``bert``.
    """

    distribution: str
    package: str
    plugin: str

    @property
    def camel(self) -> str:
        """The plugin's name for use in class names, such as ``Bert``."""
        return "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_.]+", self.plugin))


def names_of(name: str) -> Names:
    """The names for a plugin called ``name``.

    Args:
        name: of the distribution.

    Raises:
        CommandError: if it is no name of a distribution, or gives no name of a package that is
            still to be had.
    """
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} is no name of a distribution. It may have ASCII letters, digits, '-', '_' "
            "and '.', and begins and ends with a letter or digit, such as symbiote-bert."
        )
    distribution = re.sub(r"[-_.]+", "-", name).lower()
    package = distribution.replace("-", "_")
    if not package.isidentifier() or keyword.iskeyword(package):
        raise CommandError(
            f"{name!r} gives the package {package!r}, which Python can't import. Choose a name "
            "that begins with a letter and is no word of Python, such as "
            f"symbiote-{distribution}."
        )
    if package in sys.stdlib_module_names or importlib.util.find_spec(package) is not None:
        raise CommandError(
            f"There is a module {package!r} already, which the package of {name!r} would hide. "
            "Choose another name, or uninstall what has it."
        )
    return Names(distribution, package, distribution.removeprefix("symbiote-"))
