"""How the command line speaks: data to stdout, everything else to stderr, legible without colour."""

import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

#: Panels in help texts, unless the reader asked for plain text (https://no-color.org).
MARKUP: Literal["markdown"] | None = None if os.environ.get("NO_COLOR") else "markdown"
_PIPED_COLUMNS = 200  # a table that goes into a file or a pipe is not folded at 80

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON in place of text.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Print Python's traceback of each error.")]


def complain(message: str, hint: str = "") -> None:
    """An error in one line, and its mend in another."""
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)


def tell(text: str) -> None:
    """A line for the reader that is not data."""
    print(text, file=sys.stderr)


def show_page(address: str, *told: str, browser: bool) -> None:
    """Say where a page is served, as data, and what there is to tell of it; open it if asked for."""
    print(address, flush=True)
    for line in told:
        tell(line)
    if browser:
        import webbrowser

        webbrowser.open(address)


def output_console() -> "Console":
    """A console for data: as wide as the terminal, or wide where there is none."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPED_COLUMNS, highlight=False)


def print_json(value: Any) -> None:
    """Strict JSON on stdout: what is not a number becomes null."""
    print(json.dumps(_strict(value), indent=2, ensure_ascii=False, default=str))


def print_files(written: Mapping[str, Path], summary: str, *, as_json: bool) -> None:
    """The files that were written, by what they are, and a line about them; or JSON alone."""
    if as_json:
        print_json(written)
        return
    for what, path in written.items():
        print(f"{what}: {path}")
    tell(summary)


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def examples(*calls: str) -> str:
    """Examples for the end of a help text, each on a line of its own."""
    if MARKUP is None:
        return "\n\n".join(["Examples:", "\b\n" + "\n".join(f"  {call}" for call in calls)])
    return "\n\n".join(["Examples:", *calls])


def is_given(context: typer.Context, name: str) -> bool:
    """Whether a parameter was typed, and is not merely its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


def help_alone(context: typer.Context) -> None:
    """Print the help of a group that is called without a command."""
    if context.invoked_subcommand is None:
        print(context.get_help())
