"""``cryogauge challenge shrec``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.options import make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, output_console, print_json, tell

if TYPE_CHECKING:
    from cryogauge.pick.shrec import ShrecScore

EXAMPLES = (
    "cryogauge challenge shrec shrec2020/model_9 submission.txt",
    "cryogauge challenge shrec shrec2020/model_9 picks.csv --out score",
    "cryogauge challenge shrec shrec2020/model_9 copick.json --user unet --session 1 --json",
)


def shrec(
    truth: Annotated[
        Path,
        typer.Argument(
            metavar="TRUTH", help="Folder of a tomogram with its truth, or of a track: its last.", show_default=False
        ),
    ],
    picks: Annotated[
        Path,
        typer.Argument(
            metavar="PICKS", help="Lines of CLASS X Y Z; or our CSV of picks; or a copick.json.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for shrec.json, classes.csv and confusion.csv.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Whose picks of a copick project.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Which session of a copick project.")
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score picks by the rules of the SHREC tracks *Classification in cryo-electron tomograms*.

    A pick counts for the particle whose voxel it lies in: localisation first, then the class. Rules follow the truth's
    year.
    """
    from cryogauge.io.shrec import find_shrec, read_shrec
    from cryogauge.pick.shrec import score_shrec
    from cryogauge.pick.shrec_picks import read_shrec_picks

    model = read_shrec(find_shrec(truth)[-1])
    found = score_shrec(model, read_shrec_picks(picks, model, user=user, session=session))
    tell(f"{model.volume.parent}, by the rules of {model.year}")
    if out is not None:
        _write(out, found, {"truth": str(truth), "picks": str(picks), "tomogram": model.name, "year": model.year})
        tell(f"{out / 'shrec.json'}")
    if as_json:
        print_json(found.plain())
        return
    where = found.localisation
    print(f"macro F1 {found.macro_f1:.4f}; localisation F1 {where.f1:.4f}")
    print(
        f"{where.picks} picks, {where.particles} particles: TP {where.tp}, FP {where.fp}, FN {where.fn}; "
        f"{where.multiple} hit more than once, {where.outside} picks outside"
    )
    print(f"recall {where.recall:.5f}, precision {where.precision:.5f}, mean distance {where.distance_px:.3f} voxels")
    output_console().print(_classes_table(found))
    print("; ".join(f"{row['group']} {row['f1']:.4f}" for row in found.groups.to_dict("records")))


def _classes_table(found: "ShrecScore"):
    from rich.table import Table

    shown = Table("class", "group", "particles", "called", "TP", "FP", "FN", "precision", "recall", "F1")
    for each in found.classes.to_dict("records"):
        counts = (str(each[name]) for name in ("particles", "called", "tp", "fp", "fn"))
        shares = (f"{each[name]:.4f}" for name in ("precision", "recall", "f1"))
        shown.add_row(str(each["object"]), str(each["group"]), *counts, *shares)
    return shown


def _write(out: Path, found: "ShrecScore", settings: dict[str, object]) -> None:
    from cryogauge import __version__
    from cryogauge.io.json_file import write_json_file
    from cryogauge.io.replace import replacing

    make_folder(out)
    for name, table, index in (("classes", found.classes, False), ("confusion", found.confusion, True)):
        with replacing(out / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=index)
    write_json_file(out / "shrec.json", {"version": __version__, **settings, **found.plain()})
