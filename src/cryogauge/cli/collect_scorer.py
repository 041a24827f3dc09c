"""``cryogauge collect train-scorer``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

EXAMPLES = (
    "cryogauge collect train-scorer squares grid*/squares.csv --out mine.json",
    "cryogauge collect train-scorer squares monday.nav tuesday.nav --out mine.json",
    "cryogauge collect train-scorer holes smartscope/square --good good --out mine.json",
)


def train_scorer(
    what: Annotated[Literal["squares", "holes"], typer.Argument(help="What is scored.", show_default=False)],
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCES...",
            help="Tables of squares or holes with a column chosen, collection data sets, .nav files, SmartScope's "
            "exports.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The scorer, a small JSON file.")],
    good: Annotated[
        list[str] | None,
        typer.Option(
            "--good", metavar="WORD", help="A class that means selected, of labels in words; may be repeated."
        ),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Learn to score squares or holes from what a person selected and left.

    Says how it does on grids kept out of learning, beside the score that the finders give anyway. Refuses what is too
    little to learn from. Use it with: collect squares IMAGE --scorer FILE.
    """
    from cryogauge import __version__
    from cryogauge.collect.scorers.labels import read_labelled
    from cryogauge.collect.scorers.model import write_scorer
    from cryogauge.collect.scorers.training import train_scorer as train
    from cryogauge.records import BadInput

    if out.suffix != ".json":
        raise BadInput(f"{out} does not end in .json", "a scorer is a JSON file, and is known by its ending")
    labelled = read_labelled(sources, what, good or ())
    for note in labelled.notes:
        tell(note)
    scorer = train(labelled.table, what)
    write_scorer(out, scorer, __version__)
    kept, told = scorer.kept_out, scorer.learned_from
    if as_json:
        print_json({"out": out, "learned_from": told, "kept_out": kept})
    else:
        among = "" if told["ratings"] else f", {told['selected']} of them selected"
        print(f"learned from {told['targets']} {what} of {told['grids']} grids{among}")
        span = "" if kept["auc_low"] is None else f" ({kept['auc_low']:.2f} to {kept['auc_high']:.2f})"
        print(f"on grids kept out: AUC {kept['auc']:.2f}{span}, Spearman {kept['spearman']:.2f}")
        print(f"the finder's own score: AUC {kept['default_auc']:.2f}, Spearman {kept['default_spearman']:.2f}")
    if not kept["auc"] > kept["default_auc"]:
        tell("it orders no better than the finder's own score: more selections may help")
    tell(f"written: {out}")
