"""``cryogauge train``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.terminal import MARKUP, DebugOption, examples, tell

train_app = typer.Typer(
    help="Make the weights of the networks again, or others.", rich_markup_mode=MARKUP, no_args_is_help=True
)


@train_app.command(
    "compact",
    epilog=examples(
        "cryogauge train compact --out work/compact",
        "cryogauge train compact --recipe mine.yaml --out work/mine --stage-minutes 30",
    ),
)
def train_compact_command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for examples, checkpoints and weights.")],
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME", help="A bundled recipe or a YAML file: what to simulate.")
    ] = "slices",
    stage_minutes: Annotated[
        float, typer.Option("--stage-minutes", metavar="MIN", min=0.1, help="Stop after about this long.")
    ] = 55.0,
    debug: DebugOption = False,
) -> None:
    """Simulate, train and calibrate the slice-quality network, a stage at a time.

    Run again until it says that the weights are written; each stage goes on where the last one stopped.
    """
    from cryogauge.cli.score import make_folder
    from cryogauge.score.training import train_compact
    from cryogauge.simulate import find_recipe

    make_folder(out)
    try:
        train_compact(find_recipe(recipe), out, stage_minutes=stage_minutes, say=tell)
    except KeyboardInterrupt:
        tell("interrupted: run the same command again to go on from the last checkpoint")
        raise typer.Exit(130) from None
