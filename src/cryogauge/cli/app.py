"""The app: which commands there are, and what becomes of an error."""

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from cryogauge.cli.challenge import challenge_app
from cryogauge.cli.classes import classes_app
from cryogauge.cli.collect import collect_app
from cryogauge.cli.demo import demo
from cryogauge.cli.dose import dose_app
from cryogauge.cli.gather import gather
from cryogauge.cli.label import label_app
from cryogauge.cli.pick import pick_app
from cryogauge.cli.project import project_app
from cryogauge.cli.reconstruct import reconstruct
from cryogauge.cli.score import score
from cryogauge.cli.serve import EXAMPLES as SERVE_EXAMPLES
from cryogauge.cli.serve import serve
from cryogauge.cli.simulate import simulate_app
from cryogauge.cli.terminal import MARKUP, complain, examples
from cryogauge.cli.train import train_app
from cryogauge.cli.validate import validate_app
from cryogauge.cli.watch import watch

OK, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="cryogauge",
    help="Judge cryo-EM and cryo-ET data.",
    rich_markup_mode=MARKUP,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=examples("cryogauge demo --out demo", "cryogauge score tomograms/ --out scores"),
)
app.command(
    rich_help_panel="Judge",
    epilog=examples(
        "cryogauge score tomograms/ --out scores",
        "cryogauge score 'lamella*/*.mrc' --out scores --pixel-size 13.48 --workers 2",
        "cryogauge score copick.json --out scores --json",
        "cryogauge score tomograms/ --out scores --select 'tomoscore > 0.5' --export star --export-from tomograms.star",
        "cryogauge score figure.png --slices --out scores",
        "cryogauge score 'TS_*.mrc' --tilts --out tilts",
    ),
)(score)
app.command(
    rich_help_panel="Judge",
    epilog=examples(
        "cryogauge watch /data/session --out session",
        "cryogauge watch /data/session --out session --webhook https://lab.example/hook --alert-below 0.4",
        "cryogauge watch /data/session --out session --once",
    ),
)(watch)
app.command(
    rich_help_panel="Judge",
    epilog=examples(
        "cryogauge reconstruct TS_01.mrc --out tomograms --voxel-size 10",
        "cryogauge reconstruct tomograms.star --out tomograms --voxel-size 13.5 --thickness 250",
    ),
)(reconstruct)
app.command(
    rich_help_panel="Try it",
    epilog=examples("cryogauge demo --out demo"),
)(demo)
app.command(
    rich_help_panel="Ground truth",
    epilog=examples(
        "cryogauge gather --out portal --dry-run",
        "cryogauge gather --out portal --organism 'Chlamydomonas reinhardtii' --per-eukaryote 5 --whole",
    ),
)(gather)
app.command(rich_help_panel="People", epilog=examples(*SERVE_EXAMPLES))(serve)
app.add_typer(dose_app, name="dose", rich_help_panel="Judge")
app.add_typer(classes_app, name="classes", rich_help_panel="Judge")
app.add_typer(collect_app, name="collect", rich_help_panel="Judge")
app.add_typer(challenge_app, name="challenge", rich_help_panel="Pick")
app.add_typer(pick_app, name="pick", rich_help_panel="Pick")
app.add_typer(project_app, name="project", rich_help_panel="Pick")
app.add_typer(simulate_app, name="simulate", rich_help_panel="Ground truth")
app.add_typer(train_app, name="train", rich_help_panel="Ground truth")
app.add_typer(validate_app, name="validate", rich_help_panel="People")
app.add_typer(label_app, name="label", rich_help_panel="People")


def _print_version(wanted: bool) -> None:
    if wanted:
        from cryogauge import __version__

        print(f"cryogauge {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 when all is well, 1 when something failed, 2 when the call was wrong.

    Parameters
    ----------
    arguments
        What follows the program's name; by default, what the process was called with.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app(arguments, prog_name="cryogauge", standalone_mode=False)
    except typer.TyperException as error:  # the call could not be parsed
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "cryogauge"
        complain(" ".join(error.format_message().split()), f"see `{path} --help`")
        status = WRONG_CALL
    except typer.Abort:
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 the border to the terminal: everything is told in one line
        status = _report(error, debug="--debug" in arguments)
    # CPython keeps in mind that an interrupt cut short code given as a string (as dataclasses make theirs), and under
    # `python -m` then dies of SIGINT whatever the status is; running a string to its end makes it forget.
    eval("None")
    sys.exit(status or OK)


def _report(error: Exception, *, debug: bool) -> int:
    """Print what went wrong and its mend; the exit status it deserves."""
    from cryogauge.jobs import explain
    from cryogauge.records import BadInput

    if debug:
        traceback.print_exception(error)
    failure = explain(error)
    complain(failure.message, failure.hint)
    return WRONG_CALL if isinstance(error, BadInput) else FAILED
