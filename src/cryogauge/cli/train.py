"""``cryogauge train``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.options import DeviceOption, StageMinutesOption, make_folder
from cryogauge.cli.terminal import MARKUP, DebugOption, examples, tell
from cryogauge.cli.train_classes import EXAMPLES as CLASSES_EXAMPLES
from cryogauge.cli.train_classes import train_class_grader

train_app = typer.Typer(
    help="Make the weights of the networks again, or others.", rich_markup_mode=MARKUP, no_args_is_help=True
)


train_app.command("class-grader", epilog=examples(*CLASSES_EXAMPLES))(train_class_grader)


@train_app.callback()
def _group() -> None:
    """A command a network."""


@train_app.command(
    "slice-quality",
    epilog=examples(
        "cryogauge train slice-quality --labels labels.csv --out mine",
        "cryogauge train slice-quality --out work/compact",
        "cryogauge train slice-quality --labels labels.sqlite --simulate --recipe mine.yaml --count 200 --out both",
        "cryogauge train slice-quality --preset paper --labels labels.csv --start resnet101.safetensors --out paper",
    ),
)
def train_slice_quality(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for examples, checkpoints, weights and the report.")
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            metavar="LABELS",
            help="People's labels (.csv, a store or its URL), or a folder that `cryogauge simulate dataset` wrote; "
            "without it, simulation alone.",
        ),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Learn from simulated tomograms beside the labels, too.")
    ] = False,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="NAME", help="A bundled recipe or a YAML file: what to simulate.")
    ] = "slices",
    count: Annotated[
        int | None,
        typer.Option("--count", metavar="N", min=1, help="How many tomograms to simulate, in place of the recipe's."),
    ] = None,
    preset: Annotated[
        Literal["default", "paper"],
        typer.Option("--preset", help="default: compact, ours. paper: ResNet101, prepared and trained as published."),
    ] = "default",
    start: Annotated[
        Path | None,
        typer.Option(
            "--start",
            metavar="FILE",
            help="Weights (.safetensors) to go on from: compact's for labels (the shipped ones by default), ours of "
            "resnet101 or torchvision's of ImageNet for the paper's preset (random by default).",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option("--epochs", metavar="N", min=1, help="Passes of the paper's preset, in place of 200.")
    ] = None,
    per_category: Annotated[
        int | None,
        typer.Option(
            "--per-category", metavar="N", min=1, help="Slices of each category, in place of the paper's 2500."
        ),
    ] = None,
    stage_minutes: StageMinutesOption = 55.0,
    debug: DebugOption = False,
) -> None:
    """Train a slice-quality network from people's labels, from simulation, or from both, a stage at a time.

    Run again until it says that the weights are written; each stage goes on where the last one stopped. Score with them
    by `cryogauge score --model DIR/compact.safetensors` (or resnet101.safetensors). `--preset` chooses the network.
    """
    from cryogauge.cli.progress import resumable
    from cryogauge.records import BadInput
    from cryogauge.score.train import Order, train_slice_quality
    from cryogauge.simulate import find_recipe

    if preset == "default" and (epochs or per_category):
        raise BadInput(
            "--epochs and --per-category belong to the paper's preset", "add --preset paper, or leave them out"
        )
    if labels is None and preset == "default" and start is not None:
        raise BadInput("training from simulation alone starts anew", "give --labels to go on from weights")
    order = Order(labels, find_recipe(recipe), simulate or labels is None, count, start, epochs, per_category)
    make_folder(out)
    with resumable("run the same command again to go on from the last checkpoint"):
        train_slice_quality(preset, order, out, stage_minutes=stage_minutes, say=tell)


@train_app.command(
    "picker",
    epilog=examples(
        "cryogauge train picker copick.json --type denoised --out ribosomes",
        "cryogauge train picker copick.json --object ribosome --object apo-ferritin --minutes 30 --out quick",
        "cryogauge train picker copick.json --start czii --run TS_01 --out few",
        "cryogauge train picker copick.json --preset deepfindet --maps maps/ --out shapes",
        "cryogauge train picker copick.json --preset robpicker --user matching --clean TS_01 --clean-user me --out rob",
    ),
)
def train_picker(
    project: Annotated[
        str,
        typer.Argument(metavar="COPICK", help="copick configuration of the labelled tomograms.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for checkpoints, weights and the report.")],
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="fast (ours), deepfinder, deepfindet, or monai:NAME such as monai:SegResNet; for labels with errors "
            "robpicker (ours), robpicker-paper or robpicker-voxelwise.",
        ),
    ] = "fast",
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="MIN", min=0.1, help="How long to learn; 60 unless --steps is given."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", min=1, help="How many steps to learn, in place of minutes.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Type of the tomograms, where there are several.")
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option("--voxel-size", metavar="A", help="Voxel size, where there are several.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option("--user", metavar="ID", help="Whose picks to learn, where several have picked a kind in a run."),
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Session of the picks; all by default.")
    ] = None,
    objects: Annotated[
        list[str] | None,
        typer.Option("--object", metavar="NAME", help="Kind of particle to learn; repeatable, all by default."),
    ] = None,
    runs: Annotated[
        list[str] | None,
        typer.Option("--run", metavar="RUN", help="Run to use; repeatable, by default all that have picks."),
    ] = None,
    keep_out: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-out", metavar="RUN", help="Run to choose thresholds on and not to learn from; repeatable."
        ),
    ] = None,
    clean: Annotated[
        list[str] | None,
        typer.Option(
            "--clean",
            metavar="RUN",
            help="Run whose labels are trusted: thresholds are chosen on it, and robpicker presets judge by it; "
            "repeatable.",
        ),
    ] = None,
    clean_user: Annotated[
        str | None, typer.Option("--clean-user", metavar="ID", help="Whose picks are trusted there, if not --user's.")
    ] = None,
    clean_session: Annotated[
        str | None, typer.Option("--clean-session", metavar="ID", help="Session of the trusted picks.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="NAME", help="Weights (.safetensors) of a picker to go on from, or czii."),
    ] = None,
    maps: Annotated[
        Path | None,
        typer.Option("--maps", metavar="DIR", help="Maps named as the kinds: learn shapes in place of spheres."),
    ] = None,
    loss: Annotated[
        Literal["peaks", "tversky", "focal-tversky", "dice", "cross-entropy"] | None,
        typer.Option("--loss", help="What is learned by, in place of the preset's."),
    ] = None,
    find: Annotated[
        Literal["peaks", "components", "watershed", "dbscan"] | None,
        typer.Option("--find", help="How picks are found in what the network says, in place of the preset's."),
    ] = None,
    size: Annotated[
        float | None,
        typer.Option("--target-size", metavar="PART", help="Spheres or peaks as a part of the particle's radius."),
    ] = None,
    mirrors: Annotated[
        bool, typer.Option("--mirrors", help="Show mirrored copies too: the hand hardly matters at 10 Å a voxel.")
    ] = False,
    noise: Annotated[
        float, typer.Option("--noise", metavar="SD", min=0, help="Add noise of up to this to what is learned from.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed draws the same patches.")] = 0,
    device: DeviceOption = "auto",
    stage_minutes: StageMinutesOption = 55.0,
    debug: DebugOption = False,
) -> None:
    """Train a network to find particles, from picks that can be trusted, a stage at a time.

    Run again until it says that the weights are written. Of three tomograms and more, one in seven is not learned from:
    the score from which a pick is kept is chosen on it. Pick with the weights by `cryogauge pick predict`.
    """
    from cryogauge.cli.progress import resumable
    from cryogauge.pick.labelled import LabelledSource
    from cryogauge.pick.presets import find_preset, varied
    from cryogauge.pick.shipped import picker_weights
    from cryogauge.pick.train import Order, train_picker
    from cryogauge.records import BadInput

    if minutes is not None and steps is not None:
        raise BadInput("--minutes and --steps both say how long to learn", "give one of them")
    source = LabelledSource(project, kind, voxel_size, user, session, tuple(objects or ()), tuple(runs or ()))
    chosen = varied(find_preset(preset), loss=loss, find=find, size=size, mirrors=mirrors, noise=noise)
    weights = None if start is None else picker_weights(start)
    trusted = None
    if clean:
        maker = (user, session) if clean_user is clean_session is None else (clean_user, clean_session)
        trusted = LabelledSource(project, kind, voxel_size, *maker, runs=tuple(clean))
    order = Order(
        source, chosen, None if steps else minutes or 60.0, steps, weights, maps, tuple(keep_out or ()), seed, device,
        trusted,
    )  # fmt: skip
    make_folder(out)
    with resumable("run the same command again to go on from the last checkpoint"):
        train_picker(order, out, stage_minutes=stage_minutes, say=tell)
