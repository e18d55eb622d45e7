"""Packages that only some commands need, and one clear error when they are missing."""

from collections.abc import Iterator
from contextlib import contextmanager


class MissingPackageError(ImportError):
    """A package that one feature needs is not installed.

    Attributes:
        package: the distribution to install, as pip spells it.
        purpose: what needs it, as the end of "... is needed to".
    """

    def __init__(self, package: str, purpose: str, module: str | None = None) -> None:
        """Build the message.

        Args:
            package: the distribution to install, as pip spells it.
            purpose: what needs it, as the end of "... is needed to".
            module: the module that was not found, if Python said which.
        """
        self.package = package
        self.purpose = purpose
        super().__init__(
            f"{package} is needed to {purpose}, and it is not installed. "
            f"Install it with: pip install {package}",
            name=module,
        )


@contextmanager
def needs(package: str, purpose: str) -> Iterator[None]:
    """Turn a module that is not found inside the block into a `MissingPackageError`.

    A package that is there but fails while it is imported keeps its own error.

    Args:
        package: the distribution to install, as pip spells it.
        purpose: what needs it, as the end of "... is needed to".

    Raises:
        MissingPackageError: an import inside the block found no such module.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        # What is missing may be a dependency of the package rather than the package.
        absent = (error.name or package).partition(".")[0]
        same = absent.replace("_", "-") in (package, "sklearn", "PIL")
        raise MissingPackageError(package if same else absent, purpose, error.name) from error
