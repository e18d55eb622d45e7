"""The work of ``symbiote new-plugin``, and how it is shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from rich.text import Text

from symbiote_cli._optional import needs
from symbiote_cli.errors import CommandError
from symbiote_cli.output import Output, hushed
from symbiote_cli.progress import working
from symbiote_cli.scaffold.names import Names, names_of
from symbiote_cli.tables import facts
from symbiote_core import Registry, plugin_manager

if TYPE_CHECKING:
    from symbiote_cli.scaffold.choices import Choices
    from symbiote_cli.scaffold.target import Target


@attrs.frozen
class Created:
    """A new package.

    Attributes:
        folder: where it is.
        choices: what was decided for it.
        files: the paths in it.
    """

    folder: Path
    choices: "Choices"
    files: tuple[str, ...]


def create_plugin(
    output: Output, name: str, made_for: str | None, into: Path, license_name: str, author: str
) -> Created:
    """Write the package of a new plugin.

    Args:
        output: for progress bars.
        name: of the distribution.
        made_for: ``transformers:MODEL_TYPE``, or None for a module of torch of its own.
        into: the folder that the package's folder is made in.
        license_name: a key of `symbiote_cli.scaffold.create.LICENSES`.
        author: who has the copyright; empty for the package's authors.

    Raises:
        CommandError: if the name can't be had, the architecture is unknown or has nothing for a
            kernel, or the folder is there already or can't be written.
        MissingPackageError: if symbiote-ttnn or transformers is not installed.
    """
    names = names_of(name)
    folder = into / names.distribution
    with needs("symbiote-ttnn", "see which activations its kernels can take"):
        from symbiote_cli.scaffold.create import LICENSES, package_files, write_package
        from symbiote_cli.scaffold.target import find_target, own_target
    if license_name not in LICENSES:
        raise CommandError(f"--license takes {', '.join(LICENSES)}, not {license_name!r}.")
    with output.reserved(), working(output, f"Making {names.distribution}"):
        with hushed("symbiote.plugins"):
            manager = plugin_manager()
        if names.plugin in manager.records:
            raise CommandError(
                f"A plugin {names.plugin!r} is installed already "
                f"({manager.records[names.plugin].release}). Choose another name."
            )
        target = own_target(names.package) if made_for is None else find_target(made_for)
        license_id = "" if license_name == "none" else license_name
        choices = _choose(names, target, license_id, manager.registry)
        files = package_files(choices, author or f"The {names.distribution} authors")
        write_package(folder, files)
    return Created(folder, choices, tuple(files))


def _choose(names: Names, target: "Target", license_id: str, registry: Registry) -> "Choices":
    """Names that no installed plugin has, and a priority above theirs."""
    from symbiote_cli.scaffold.choices import Choices

    kernel = f"TTNN{target.cls}"
    if kernel in registry.kernels:
        kernel = f"TTNN{names.camel}{target.cls}"
    policy = names.plugin
    if policy in registry.policies:
        policy = f"{policy}-policy"
    rivals = [p.priority for p in registry.policies.values() if target.model_type in p.model_types]
    return Choices(names, target, kernel, policy, max(rivals, default=-1) + 1, license_id)


def as_data(created: Created) -> dict[str, Any]:
    """A new package as JSON holds it.

    Args:
        created: the package.
    """
    choices = created.choices
    return {
        "folder": str(created.folder),
        **attrs.asdict(choices.names),
        "kernel": choices.kernel,
        "replaces": choices.target.qualified,
        "policy": choices.policy,
        "model_type": choices.target.model_type or None,
        "files": list(created.files),
    }


def show_created(output: Output, created: Created) -> None:
    """Print what was made and what to do with it.

    Args:
        output: where to.
        created: the package.
    """
    output.emit(as_data(created))
    choices = created.choices
    target = choices.target
    model = f", for model type {target.model_type}" if target.model_type else ""
    output.print(
        facts(
            [
                ("Package", f"{choices.names.package}, in {created.folder}"),
                ("Plugin", choices.names.plugin),
                ("Kernel", f"{choices.kernel}, which replaces {target.qualified}"),
                ("Policy", f"{choices.policy}{model}"),
            ]
        ),
        "",
    )
    for path in created.files:
        output.print(Text(f"  {path}", style="dim"))
    output.print(
        "",
        "Next:",
        f"  cd {created.folder}",
        '  pip install -e ".[test,lint]"',
        "  pytest",
        "  symbiote plugins",
    )
    if choices.priority:
        output.note(
            f"Policies for {target.model_type} are installed. The new one goes before them, by its "
            "priority in plugin.py; --policy chooses another."
        )
    if target.structure.kind == "linear":
        output.note(
            f"No module of {target.model_type} is linear layers and an activation alone, so the "
            "kernel is for its linear layers. A kernel for more of it at once is faster."
        )
