"""``cryogauge collect screen``."""

import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cryogauge.cli.options import make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, output_console, print_json, tell

EXAMPLES = (
    "cryogauge collect screen session.yaml --out screened",
    "cryogauge collect screen session.yaml --out screened --json",
)


def screen(
    session: Annotated[Path, typer.Argument(metavar="SESSION", help="YAML file of the session.", show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder of the session; one that is there goes on.")
    ],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Screen grids unattended: atlas, squares, holes, exposures, each judged; then rank the grids.

    Run it again after a stop, a crash or a kill: it goes on where it was, and exposes no place twice. It writes
    grids.csv, exposures.csv, classes.csv, report.html and session.log, whose last line says why it ended. Exits with 1
    when the session stopped before it was finished. Ctrl-C, a kill (SIGTERM) and the end of the terminal (SIGHUP,
    unless started by nohup) leave the microscope safe, say why, and exit with 130.
    """
    from cryogauge.classes.on_the_fly import class_eye
    from cryogauge.collect.screen.page import GRIDS
    from cryogauge.collect.screen.run import screen as run
    from cryogauge.collect.screen.session import Eyes
    from cryogauge.collect.screen.settings import read_session

    settings = read_session(session)
    eyes = Eyes(classes=class_eye(settings.classes.reference_map, settings.classes.symmetry))
    make_folder(out)
    _end_as_by_ctrl_c()
    ending = run(settings, out, eyes=eyes, tell=_say)
    _show(out / GRIDS, ending.why, as_json)
    _say(f"report: {ending.report}")
    if not ending.finished:
        raise typer.Exit(1)


def _end_as_by_ctrl_c() -> None:
    """A system that shuts down and a connection that breaks must not leave a beam on the specimen."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, interrupt)


def _say(text: str) -> None:
    """Tell whoever is still there: no session ends because the terminal or pipe that showed it is gone."""
    with suppress(OSError, ValueError):
        tell(text)


def _show(grids: Path, why: str, as_json: bool) -> None:
    import pandas as pd
    from rich.table import Table

    ranked = pd.read_csv(grids)
    if as_json:
        print_json({"ended": why, "grids": ranked.to_dict("records")})
        return
    table = Table("slot", "grid", "score", "squares", "holes", "exposures", "taken")
    for row in ranked.to_dict("records"):
        scores = (row[f"{part}score"] for part in ("", "squares_", "holes_", "exposures_"))
        cells = ["–" if value != value else f"{value:.2f}" for value in scores]
        table.add_row(str(row["slot"]), str(row["grid"]), *cells, str(row["exposures"]))
    output_console().print(table)
