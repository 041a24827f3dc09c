"""``cryogauge train class-grader``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.options import DeviceOption, StageMinutesOption, make_folder
from cryogauge.cli.terminal import DebugOption, tell

EXAMPLES = (
    "cryogauge train class-grader simulated/ --out grader",
    "cryogauge train class-grader simulated/ labels.csv --out grader --steps 12000",
    "cryogauge train class-grader simulated/ --preset cryosift --out published",
)


def train_class_grader(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="LABELLED...",
            help="Folders that `cryogauge simulate classes` wrote, and averages that people graded.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for checkpoints, weights and the report.")],
    preset: Annotated[
        Literal["grader", "cryosift"],
        typer.Option("--preset", help="grader: ours. cryosift: network and recipe as published."),
    ] = "grader",
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", min=1, help="How many steps to learn, in place of the preset's."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", metavar="MIN", min=0.1, help="How long to learn, in place of steps.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="FILE", help="Weights (.safetensors) of the same network to go on from."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Draws what is kept out, and the start.")] = 0,
    device: DeviceOption = "auto",
    stage_minutes: StageMinutesOption = 55.0,
    debug: DebugOption = False,
) -> None:
    """Train a network to grade class averages, a stage at a time.

    Run again until it says that the weights are written. One structure or job in eight is not learned from: how good
    the grades are, and how sure, is measured on it. Grade with the weights by `cryogauge classes grade --model`.
    """
    from cryogauge.classes.train import Order, train_grader
    from cryogauge.cli.progress import resumable
    from cryogauge.records import BadInput

    if minutes is not None and steps is not None:
        raise BadInput("--minutes and --steps both say how long to learn", "give one of them")
    order = Order(tuple(sources), preset, steps, minutes, start, seed, device)
    make_folder(out)
    with resumable("run the same command again to go on from the last checkpoint"):
        train_grader(order, out, stage_minutes=stage_minutes, say=tell)
