"""How commands end: one clear message and an exit code, whatever is raised."""

from typing import Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from symbiote_cli.errors import EXIT_BAD_INPUT, EXIT_DEFECT, EXIT_INTERRUPTED, is_foreseen
from symbiote_cli.output import error_console, is_verbose, print_wrapped, reset_verbosity


class SymbioteGroup(TyperGroup):
    """The group of all commands. It turns exceptions into messages and exit codes."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options that stand before the command; the verbosity starts at zero."""
        reset_verbosity()
        return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for.

        Args:
            ctx: typer's context; its class is click's or typer's own, by typer's version.

        Raises:
            typer.Exit: with 2 for what the user can mend, 3 for a defect, 130 for Ctrl-C.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            error_console().print(Text("Interrupted.", style="yellow"))
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except Exception as error:
            if _is_typers_own(error):
                raise
            _show(error)
            code = EXIT_BAD_INPUT if is_foreseen(error) else EXIT_DEFECT
            raise typer.Exit(code) from None


def _is_typers_own(error: Exception) -> bool:
    """Whether it is an exit, a usage error or a closed pipe: typer handles these itself."""
    package = type(error).__module__.partition(".")[0]
    return package in ("typer", "click") or isinstance(error, BrokenPipeError)


def _show(error: Exception) -> None:
    console = error_console()
    if is_verbose():
        console.print_exception(width=console.width)
    if is_foreseen(error):
        print_wrapped(console, Text.assemble(("Error: ", "bold red"), (str(error), "red")))
        return
    print_wrapped(
        console,
        Text.assemble(
            ("Unexpected error: ", "bold red"),
            (f"{type(error).__name__}: {error}", "red"),
            "\nThis is a defect of Symbiote or of a library below it.",
        ),
    )
    if not is_verbose():
        console.print(Text("Add --verbose to see where it happened."))
