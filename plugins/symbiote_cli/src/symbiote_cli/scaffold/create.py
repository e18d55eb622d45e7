"""Writing the package of a new plugin: all of it, or nothing."""

import datetime
import string
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from symbiote_cli.errors import CommandError
from symbiote_cli.scaffold.choices import Choices
from symbiote_cli.scaffold.fields import fields_of

LICENSES = {"Apache-2.0": "Apache-2.0.txt", "MIT": "MIT.txt", "none": ""}
"""What a new package can be licensed under, and the text for it."""

TEMPLATES = Path(__file__).parents[1] / "templates"
"""The files of new packages, with fields to fill in."""

_SUFFIX = ".tmpl"
_DOT = "dot-"


def package_files(choices: Choices, author: str) -> dict[str, str]:
    """The files of a new package: path, with slashes, and text.

    Args:
        choices: what was decided for it.
        author: who has the copyright.
    """
    fields = fields_of(choices)
    variants = TEMPLATES / "variants"
    kernels = "kernels-linear" if choices.is_linear else "kernels-composed"
    conftest = "conftest-torch" if choices.is_own else "conftest-transformers"
    chosen = {"src/package/kernels.py": kernels, "tests/conftest.py": conftest}
    if choices.is_own:
        chosen["src/package/modules.py"] = "modules"
    files = dict(_walk(TEMPLATES / "plugin", ""))
    files |= {path: variants / f"{name}.py{_SUFFIX}" for path, name in chosen.items()}
    package = choices.names.package
    found = {
        path.replace("src/package/", f"src/{package}/"): _filled(file, fields)
        for path, file in sorted(files.items())
    }
    if choices.license:
        text = TEMPLATES / "licenses" / LICENSES[choices.license]
        year = str(datetime.date.today().year)
        found["LICENSE"] = _filled(text, {"author": author, "year": year})
    return found


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for entry in folder.iterdir():
        name = entry.name
        path = prefix + ("." + name.removeprefix(_DOT) if name.startswith(_DOT) else name)
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif name.endswith(_SUFFIX):
            yield path.removesuffix(_SUFFIX), entry


def _filled(file: Path, fields: Mapping[str, str]) -> str:
    text = string.Template(file.read_text(encoding="utf-8")).substitute(fields)
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if text.strip() else ""


def write_package(folder: Path, files: Mapping[str, str]) -> None:
    """Write a folder that is not there yet; if that fails, nothing of it is left behind.

    Args:
        folder: where to.
        files: path, with slashes, and text.

    Raises:
        CommandError: if it is there already, or can't be written.
    """
    if folder.exists() or folder.is_symlink():
        raise CommandError(
            f"{folder} is there already. Choose another name, give another folder with --into, or "
            "take it away."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
            whole = Path(made) / folder.name
            for name, text in files.items():
                path = whole / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            whole.rename(folder)
    except OSError as error:
        raise CommandError(f"{folder} can't be written: {error}") from error
