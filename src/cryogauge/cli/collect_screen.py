"""``cryogauge collect screen``."""

from pathlib import Path
from typing import Annotated

import typer

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
    grids.csv, exposures.csv, report.html and session.log, whose last line says why it ended. Exits with 1 when the
    session stopped before it was finished.
    """
    from cryogauge.cli.score import make_folder
    from cryogauge.collect.screen.page import GRIDS
    from cryogauge.collect.screen.run import screen as run
    from cryogauge.collect.screen.settings import read_session

    settings = read_session(session)
    make_folder(out)
    ending = run(settings, out, tell=tell)
    _show(out / GRIDS, ending.why, as_json)
    tell(f"report: {ending.report}")
    if not ending.finished:
        raise typer.Exit(1)


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
