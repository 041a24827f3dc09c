"""``cryogauge simulate label-noise``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import make_folder, parse_place, parse_size
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

EXAMPLES = (
    "cryogauge simulate label-noise phantoms/copick.json --miss-rate 0.2 --false-rate 0.1",
    "cryogauge simulate label-noise copick.json --user curation --miss-rate 0.1 --miss-rate ribosome=0.5 --seed 3",
    "cryogauge simulate label-noise copick.json --keep thyroglobulin=0.1 --save-as rare/1",
    "cryogauge simulate label-noise picks.csv --false-rate 0.3 --size 184,630,630 --voxel-size 10.012 --out noisy",
)


def label_noise(
    source: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="True picks: a copick configuration, or a file of picks.")
    ],
    miss_rate: Annotated[
        list[str] | None,
        typer.Option(
            "--miss-rate", metavar="[KIND=]RATE", help="Part of the true picks to leave out; repeatable for kinds."
        ),
    ] = None,
    false_rate: Annotated[
        list[str] | None,
        typer.Option(
            "--false-rate", metavar="[KIND=]RATE", help="Part of the labels in the end that stand at no particle."
        ),
    ] = None,
    swap_rate: Annotated[
        list[str] | None,
        typer.Option(
            "--swap-rate", metavar="[KIND=]RATE", help="Part of the remaining picks that get another kind's name."
        ),
    ] = None,
    shift: Annotated[
        float, typer.Option("--shift", metavar="A", help="Standard deviation of labels' shifts along each axis, Å.")
    ] = 0.0,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="KIND=PART", help="Label only a part of a kind at all; repeatable."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Whose picks of a project are true.")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="ID", help="Session of the true picks.")] = None,
    save_as: Annotated[
        str | None,
        typer.Option(
            "--save-as", metavar="USER/SESSION", help="Where in the project to write; by default noisy and the seed."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for the tables; by default in label-noise/ beside the true picks."
        ),
    ] = None,
    size: Annotated[
        tuple | None,
        typer.Option(
            "--size", metavar="Z,Y,X", help="Size in voxels of tomograms that are not at hand.", parser=parse_size
        ),
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option("--voxel-size", metavar="A", help="Edge of such a voxel in Å.")
    ] = None,
    objects: Annotated[
        Path | None,
        typer.Option(
            "--objects",
            metavar="FILE",
            help="Kinds with radius, for a file of picks: a JSON list of {name, radius_A}, or a copick.json; by "
            "default those of the CZII challenge.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed gives the same noise.")] = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add noise to true picks: some left out, moved, misnamed, and false ones.

    Writes the labels into the copick project under another user, and labels.csv, removed.csv and noise.json, which say
    what was done to each. The true picks stay as they are.
    """
    from cryogauge.io.copick import is_config, open_project
    from cryogauge.io.picks import read_picks_as
    from cryogauge.records import CZII_OBJECTS, BadInput
    from cryogauge.simulate.label_noise import LabelNoise, noisy_picks
    from cryogauge.simulate.noisy_project import (
        NOISY_USER,
        check_place,
        counts_of,
        extents_A,
        true_picks,
        write_into,
        write_tables,
    )

    noise = LabelNoise(
        shift_A=shift,
        keep=_by_kind("--keep", keep, alone=False)[1],
        **_rates({"miss_rate": miss_rate, "false_rate": false_rate, "swap_rate": swap_rate}),
    )
    if (size is None) != (voxel_size is None):
        raise BadInput("--size and --voxel-size are given together or not at all", "give both")
    project = open_project(source) if source.is_file() and is_config(source) else None
    if project is None:
        if user or session or save_as:
            raise BadInput(f"{source} is no copick project", "--user, --session and --save-as are about projects")
        truth = read_picks_as(source, voxel_size_A=voxel_size, shape=size)
        kinds = CZII_OBJECTS
        name, place = f"{source.stem}-{seed}", ("", "")
    else:
        place = parse_place(save_as or f"{NOISY_USER}/{seed}", "noisy/1")
        truth = true_picks(project, user=user, session=session, into=place)
        kinds = project.objects
        name = f"{place[0]}-{place[1]}"
    if objects is not None:
        from cryogauge.pick.challenge.rules import read_objects

        kinds = read_objects(objects)
    folder = out or source.parent / "label-noise" / name
    runs = sorted(set(truth["tomogram"]))
    if size is not None and voxel_size is not None:
        z, y, x = ((count - 1) * voxel_size for count in size)
        reach = dict.fromkeys(runs, (z, y, x))
    else:
        reach = extents_A(project, runs) if project is not None and noise.needs_sizes else {}
    if project is not None:
        check_place(project, truth, folder, user=place[0], session=place[1])
    bare = truth.drop(columns=["user", "session"], errors="ignore")
    made = noisy_picks(bare, noise, seed=seed, shapes_A=reach, objects=kinds)
    make_folder(folder)
    into = None if project is None else (project, *place)
    written = write_tables(folder, str(source), bare, made, noise, seed=seed, into=into)
    files = 0 if project is None else write_into(project, bare, made, user=place[0], session=place[1])
    counts = counts_of(bare, made)
    if as_json:
        saved = None if project is None else "/".join(place)
        print_json({**written, "saved_as": saved, "files": files, "counts": counts})
        return
    for what, path in written.items():
        print(f"{what}: {path}")
    for kind, row in counts.items():
        tell(f"{kind}: " + ", ".join(f"{number} {what}" for what, number in row.items()))
    if project is not None:
        tell(f"{files} files of picks written into {source} as {'/'.join(place)}")


def _by_kind(option: str, texts: list[str] | None, *, alone: bool) -> tuple[float | None, dict[str, float]]:
    """``0.2`` and ``ribosome=0.5`` as the rate of all and those of kinds."""
    everyone, kinds = None, {}
    for text in texts or ():
        kind, equals, number = text.rpartition("=")
        try:
            rate = float(number)
        except ValueError:
            rate = None
        if rate is None or bool(equals) != bool(kind) or not (kind or alone):
            wanted = "a number or KIND=NUMBER" if alone else "KIND=NUMBER"
            raise typer.BadParameter(f"'{text}' is not {wanted}", param_hint=option)
        if kind:
            kinds[kind] = rate
        else:
            everyone = rate
    return everyone, kinds


def _rates(given: dict[str, list[str] | None]) -> dict:
    """Rates of all and of kinds, as ``LabelNoise`` takes them."""
    rates: dict = {}
    kinds: dict[str, dict[str, float]] = {}
    for name, texts in given.items():
        everyone, own = _by_kind(f"--{name.replace('_', '-')}", texts, alone=True)
        if everyone is not None:
            rates[name] = everyone
        for kind, rate in own.items():
            kinds.setdefault(kind, {})[name] = rate
    return rates | {"kinds": kinds}
