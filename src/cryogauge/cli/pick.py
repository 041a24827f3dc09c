"""``cryogauge pick``."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from cryogauge.cli.audit import APPLY_EXAMPLES, AUDIT_EXAMPLES, audit, audit_apply
from cryogauge.cli.average import EXAMPLES as AVERAGE_EXAMPLES
from cryogauge.cli.average import average
from cryogauge.cli.options import (
    DeviceOption,
    PathsArgument,
    PixelSizeOption,
    TomogramWorkersOption,
    TurnsOption,
    make_folder,
    parse_place,
    parse_size,
)
from cryogauge.cli.terminal import MARKUP, DebugOption, JsonOption, examples, help_alone, print_json, tell

pick_app = typer.Typer(
    help="Particles in tomograms: where they are, in whose file.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge pick convert particles.star --out picks.csv --tomograms tomograms.star"),
)

pick_app.command("audit", epilog=examples(*AUDIT_EXAMPLES))(audit)
pick_app.command("audit-apply", epilog=examples(*APPLY_EXAMPLES))(audit_apply)
pick_app.command("average", epilog=examples(*AVERAGE_EXAMPLES))(average)

_BY_ENDING = {
    ".tbl": "dynamo",
    ".mod": "imod",
    ".em": "em",
    ".xml": "deepfinder",
    ".json": "eman2",
    ".cmm": "chimerax",
    ".csv": "cryogauge",
}
pick_app.callback(invoke_without_command=True)(help_alone)


def _objects(texts: list[str]) -> dict[int, str]:
    """``ribosome`` or ``3=ribosome`` as names by class number, 0 for those without one."""
    names: dict[int, str] = {}
    for text in texts:
        label, equals, name = text.rpartition("=")
        if not name.strip() or (equals and not label.strip().isdigit()):
            raise typer.BadParameter(f"'{text}' is neither a name nor N=NAME", param_hint="--object")
        names[int(label) if equals else 0] = name.strip()
    return names


@pick_app.command(
    "convert",
    epilog=examples(
        "cryogauge pick convert particles.star --out picks.csv --tomograms tomograms.star",
        "cryogauge pick convert picks.csv --out picks.star --to relion5 --size 184,630,630 --voxel-size 10.012",
        "cryogauge pick convert picks.csv --out picks.star --to warp --voxel-size 10",
        "cryogauge pick convert TS_01.mod TS_02.mod --out picks.csv --voxel-size 13.48",
        "cryogauge pick convert motl.em --out picks.tbl --voxel-size 7.8 --tomograms tomograms.vll --object 1=capsid",
    ),
)
def convert(
    sources: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="Files of picks; what kind they are, their content tells.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.")],
    to: Annotated[
        Literal[
            "cryogauge",
            "kaggle",
            "napari",
            "relion5",
            "relion4",
            "relion3",
            "warp",
            "imod",
            "em",
            "deepfinder",
            "chimerax",
            "eman2",
            "dynamo",
        ]
        | None,
        typer.Option("--to", help="Kind to write; by default what the ending of --out says."),
    ] = None,
    voxel_size: Annotated[
        float | None,
        typer.Option(
            "--voxel-size", metavar="A", help="Voxel that positions are counted in; of RELION 4 the tilt series' pixel."
        ),
    ] = None,
    size: Annotated[
        tuple | None,
        typer.Option(
            "--size",
            metavar="Z,Y,X",
            help="Size of the tomograms in voxels; picks are then checked.",
            parser=parse_size,
        ),
    ] = None,
    tomograms: Annotated[
        Path | None,
        typer.Option(
            "--tomograms",
            metavar="FILE",
            help="RELION's tomograms.star, Dynamo's .vll, or lines of a number and a name.",
        ),
    ] = None,
    tomogram: Annotated[
        str | None,
        typer.Option("--tomogram", metavar="NAME", help="Name of the tomogram, where a file does not say it."),
    ] = None,
    object_: Annotated[
        list[str] | None,
        typer.Option("--object", metavar="[N=]NAME", help="Name of the particles, or of those of class N; repeatable."),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Convert picks between programs: units, origins, axes and angles.

    What a kind cannot hold is left out and said; picks outside the tomogram, in voxels for Å, or given twice too.
    """  # fmt: skip
    import pandas as pd

    from cryogauge.io.picks import read_picks_as, write_picks_as

    kind = to or _kind(out)
    objects = _objects(object_ or [])
    tables = [
        read_picks_as(
            source, voxel_size_A=voxel_size, shape=size, tomogram=tomogram, tomograms=tomograms, objects=objects
        )
        for source in sources
    ]
    table = pd.concat(tables, ignore_index=True)
    if voxel_size is None:  # voxels of the same tomograms, if all the files were of one size and said so
        sizes = {each.attrs.get("voxel_size_A") for each in tables}
        voxel_size = sizes.pop() if len(sizes) == 1 else None
    written = write_picks_as(
        out, table, kind, voxel_size_A=voxel_size, shape=size, tomograms=tomograms, objects=objects
    )
    counts = table["object"].value_counts(sort=False).to_dict()
    if as_json:
        print_json({"files": list(written), "picks": counts, "tomograms": table["tomogram"].nunique()})
        return
    for path in written:
        print(path)
    kinds = ", ".join(f"{count} {name}" for name, count in counts.items())
    count = table["tomogram"].nunique()
    tell(f"{len(table)} picks in {count} tomogram{'' if count == 1 else 's'}: {kinds}")
    if kind == "warp":
        tell(f"WarpTools ts_export_particles takes them with --coords_angpix {voxel_size:g}")


def _kind(out: Path) -> str:
    from cryogauge.records import BadInput

    kind = _BY_ENDING.get(out.suffix.lower())
    if kind is None:
        raise BadInput(
            f"the ending of {out} does not say what to write",
            "say it with --to relion5, relion4, relion3 or warp" if out.suffix == ".star" else "say it with --to",
        )
    return kind


@pick_app.command(
    "predict",
    epilog=examples(
        "cryogauge pick predict tomograms/ --out picked",
        "cryogauge pick predict tomograms/ --model picker.safetensors --out picked",
        "cryogauge pick predict copick.json --type denoised --model a.safetensors --model b.safetensors --out picked",
        "cryogauge pick predict copick.json --model picker.safetensors --out picked --save-as cryogauge/1",
    ),
)
def predict(
    paths: PathsArgument,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder for the picks; run again, it does only what is missing."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Weights (.safetensors) of `cryogauge train picker`, several are averaged; by default czii, the "
            "challenge's six species at 10 Å, learned from simulation.",
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Type of a copick project's tomograms to pick.")
    ] = None,
    pixel_size: PixelSizeOption = None,
    all_turns: TurnsOption = False,
    keep_all: Annotated[
        bool, typer.Option("--all", help="Keep picks below their kind's threshold too, to choose thresholds later.")
    ] = False,
    save_as: Annotated[
        str | None,
        typer.Option("--save-as", metavar="USER/SESSION", help="Write the picks into the copick project too."),
    ] = None,
    workers: TomogramWorkersOption = 1,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find particles by a trained network.

    Writes picks.csv (Å from the corner, scores), a file a tomogram that no threshold has cut, and report.html;
    `cryogauge pick convert` makes of them what others read. Exits with 1 when some tomograms could not be picked.
    """
    from cryogauge.cli.progress import run_shown
    from cryogauge.cli.score import find_sources
    from cryogauge.cli.tables import write_failures
    from cryogauge.pick.batch import PickSettings, choose, collect, pick_batch
    from cryogauge.pick.model import load_picker
    from cryogauge.pick.page import write_picked
    from cryogauge.pick.shipped import SHIPPED, picker_weights

    project, user, session = save_place(paths, save_as)
    sources = choose(find_sources(paths, out), kind)
    weights = [picker_weights(each).absolute() for each in model or [SHIPPED]]
    picker = load_picker(weights)
    names = [each.name for each in picker.objects]
    if project is not None:
        from cryogauge.io.copick import check_saving, open_project

        check_saving(open_project(project), [each.name for each in sources], names, user=user, session=session)
    if picker.uncut and not keep_all:
        tell(f"no threshold was chosen for {', '.join(picker.uncut)}: all of their picks are kept")
    make_folder(out)
    settings = PickSettings(tuple(map(str, weights)), pixel_size, all_turns, device)
    outcomes = pick_batch(sources, out.absolute(), settings, workers=workers)
    done, failures = run_shown(outcomes, len(sources), "tomograms", name=lambda item: item.source.name, debug=debug)
    found = {each.item.source.name: each.row for each in done}
    rows = {source.name: found[source.name] for source in sources if source.name in found}
    picks = collect(out, [row["file"] for row in rows.values()], picker, keep_all=keep_all)
    write_failures(out / "failed.csv", failures)
    pictures = {
        name: ((out / row["picture"]).read_bytes(), tuple(row["shape"]), row["voxel_size_A"])
        for name, row in rows.items()
    }
    used = {
        "weights": ", ".join(path.name for path in weights),
        "preset": picker.preset.network.name,
        "turns": all_turns,
    }
    report = write_picked(out / "report.html", picks, picker, pictures, failures, used)
    if project is not None:
        from cryogauge.io.copick import open_project, write_project_picks

        written = write_project_picks(
            open_project(project), picks, user=user, session=session, runs=rows, objects=names
        )
        tell(f"{written} files of picks written into {project}")
    counts = {name: int((picks["object"] == name).sum()) for name in names}
    if as_json:
        failed = [{"tomogram": each.tomogram, "message": each.message} for each in failures]
        print_json({"picks": counts, "tomograms": len(rows), "failed": failed, "out": out, "report": report})
    else:
        for name, count in counts.items():
            print(f"{name}: {count}")
    tell(f"{len(picks)} picks in {len(rows)} tomograms, {len(failures)} failed; report: {report}")
    if failures:
        raise typer.Exit(1)


def save_place(paths: list[str], save_as: str | None) -> tuple[str | None, str, str]:
    """Which copick project to write into, and as whose picks; raises ``BadInput`` for none."""
    from cryogauge.io.copick import PREFIX, is_config
    from cryogauge.records import BadInput

    if save_as is None:
        return None, "", ""
    config = paths[0].removeprefix(PREFIX).partition("#")[0]
    if len(paths) != 1 or not is_config(Path(config)):
        raise BadInput("--save-as writes into a copick project", "give one copick configuration as PATHS")
    return config, *parse_place(save_as, "cryogauge/1")
