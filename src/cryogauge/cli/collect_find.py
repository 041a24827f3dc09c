"""``cryogauge collect squares`` and ``cryogauge collect holes``."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cryogauge.cli.options import PixelSizeOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, complain, print_json, tell

if TYPE_CHECKING:
    import pandas as pd

    from cryogauge.collect.scorers.apply import Rescore
    from cryogauge.collect.targets.batch import Searched

SQUARES_EXAMPLES = (
    "cryogauge collect squares atlas.mrc",
    "cryogauge collect squares atlas.mrc --choose groups --count 3 --groups 4 --by area_px --out squares",
    "cryogauge collect squares atlas.mrc --ptolemy > squares.json",
)
HOLES_EXAMPLES = (
    "cryogauge collect holes square.mrc --out holes",
    "cryogauge collect holes square.mrc --by-shift 8 --out holes",
    "cryogauge collect holes square.mrc --vacuum 812 --mean-free-path 320 --choose clusters --count 10 --by ice_nm",
)

ImagesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="IMAGES...", help="Pictures: MRC, TIFF, PNG or JPEG, one image each.", show_default=False),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Folder for the tables; none writes none.")
]
PtolemyOption = Annotated[
    bool, typer.Option("--ptolemy", help="Print the JSON list that Ptolemy prints; takes one image.")
]
ChooseOption = Annotated[
    Literal["best", "spread", "together", "clusters", "groups"] | None,
    typer.Option("--choose", help="Choose among those found, image by image, and say why.", show_default=False),
]
CountOption = Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many; of groups, from each.")]
ByOption = Annotated[str, typer.Option("--by", metavar="COLUMN", help="What clusters and groups are made by.")]
GroupsOption = Annotated[int, typer.Option("--groups", metavar="N", min=1, help="How many clusters or groups.")]
ScorerOption = Annotated[
    str | None,
    typer.Option(
        "--scorer", metavar="FILE", help="Score by what collect train-scorer wrote, or by a plug-in of this name."
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Decides what is left to chance.")]


def squares(
    images: ImagesArgument,
    out: OutOption = None,
    pixel_size: PixelSizeOption = None,
    choose: ChooseOption = None,
    count: CountOption = 10,
    by: ByOption = "area_px",
    groups: GroupsOption = 5,
    seed: SeedOption = 0,
    scorer: ScorerOption = None,
    ptolemy: PtolemyOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the squares of low-magnification images or atlases, without parameters.

    Each is outlined, measured and called intact, cracked, broken, contaminated, thick, dry, small, a fraction or empty.
    """
    from cryogauge.collect.targets.batch import search

    found = search(images, "squares", pixel_size_A=pixel_size, rescore=_rescoring(scorer, "squares"))
    _run("squares", found, images, out, (choose, count, by, groups, seed), ptolemy=ptolemy, as_json=as_json)


def holes(
    images: ImagesArgument,
    out: OutOption = None,
    pixel_size: PixelSizeOption = None,
    vacuum: Annotated[
        float | None, typer.Option("--vacuum", metavar="GREY", help="Grey value of the bare beam, for the ice.")
    ] = None,
    mean_free_path: Annotated[
        float, typer.Option("--mean-free-path", metavar="NM", help="Of the ice, as this microscope images it.")
    ] = 320.0,
    choose: ChooseOption = None,
    count: CountOption = 10,
    by: ByOption = "brightness",
    groups: GroupsOption = 5,
    seed: SeedOption = 0,
    scorer: ScorerOption = None,
    by_shift: Annotated[
        float | None,
        typer.Option("--by-shift", metavar="UM", help="Group targets that image shift reaches from one stage place."),
    ] = None,
    ptolemy: PtolemyOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the holes of support films in medium-magnification images, without parameters.

    Pitch, angle and diameter come from the image, of square and hexagonal lattices, bright holes and dark; what is no
    target says why.
    """
    import math

    from cryogauge.collect.targets.batch import search
    from cryogauge.records import BadInput

    for name, value in (("--vacuum", vacuum), ("--mean-free-path", mean_free_path), ("--by-shift", by_shift)):
        if value is not None and not 0 < value < math.inf:
            raise BadInput(f"{name} is {value:g}", "give a positive number")
    found = search(
        images, "holes", pixel_size_A=pixel_size, vacuum=vacuum, mean_free_path_nm=mean_free_path,
        rescore=_rescoring(scorer, "holes"),
    )  # fmt: skip
    if by_shift is not None:
        found = _grouped(found, by_shift)
    _run("holes", found, images, out, (choose, count, by, groups, seed), ptolemy=ptolemy, as_json=as_json)


def _grouped(found: "Iterator[Searched]", reach_um: float) -> "Iterator[Searched]":
    from dataclasses import replace

    from cryogauge.collect.targets.shift_groups import with_shift_groups
    from cryogauge.records import BadInput

    for one in found:
        if one.found is None:
            yield one
            continue
        try:
            table = with_shift_groups(one.found.table, reach_um, one.pixel_size_A)
            yield replace(one, found=replace(one.found, table=table))
        except BadInput as error:
            yield replace(one, found=None, error=error)


def _rescoring(scorer: str | None, what: Literal["squares", "holes"]) -> "Rescore | None":
    from cryogauge.collect.scorers.apply import rescoring

    return None if scorer is None else rescoring(scorer, what)


def _run(
    what: Literal["squares", "holes"],
    found: "Iterator[Searched]",
    images: list[Path],
    out: Path | None,
    choice: tuple[Literal["best", "spread", "together", "clusters", "groups"] | None, int, str, int, int],
    *,
    ptolemy: bool,
    as_json: bool,
) -> None:
    from cryogauge.collect.targets.batch import write_found
    from cryogauge.collect.targets.ptolemy import ptolemy_holes, ptolemy_squares
    from cryogauge.records import BadInput

    if ptolemy and len(images) != 1:
        raise BadInput(f"--ptolemy takes one image, not {len(images)}", "call the command for each")
    if out is not None:
        make_folder(out)
    searched = []
    for one in found:
        searched.append(one)
        if one.error is not None:
            told = one.error.message
            complain(told if str(one.path) in told else f"{one.path}: {told}", one.error.hint)
        elif not (ptolemy or as_json):
            _print_line(one)
    chosen = _choose(searched, choice)
    if ptolemy and searched[0].found is not None:
        entries = ptolemy_squares if what == "squares" else ptolemy_holes
        print_json(entries(searched[0].found.table))
    elif as_json:
        print_json(
            [
                one.summary() | {what: [] if one.found is None else one.found.table.to_dict("records")}
                for one in searched
            ]
            if chosen is None
            else {"images": [one.summary() for one in searched], "chosen": chosen.to_dict("records")}
        )
    elif chosen is not None:
        for row in chosen.to_dict("records"):
            print(f"{row['image']}  {row['x_px']:8.1f} {row['y_px']:8.1f}  {row['score']:.2f}  {row['chosen_because']}")
    if out is not None:
        for path in write_found(out, what, searched, chosen):
            tell(f"written: {path}")
    if any(one.error is not None for one in searched):
        sys.exit(1)


def _print_line(one: "Searched") -> None:
    told = one.summary()
    words = [f"{told['found']} found"]
    if told.get("lattice") not in (None, "none"):
        words.append(f"{told['lattice']} lattice at {told['angle_deg']:.1f}°")
    words += [f"{name[:-3].replace('_', ' ')} {told[name]:.1f} px" for name in ("pitch_px", "side_px", "diameter_px")
              if told.get(name, float("nan")) == told.get(name, float("nan")) and name in told]  # fmt: skip
    if "targets" in told:
        words.append(f"{told['targets']} targets")
    if "groups" in told:
        words.append(f"{told['groups']} groups")
    print(f"{one.path}: " + ", ".join([*words, *([told["note"]] if told["note"] else [])]))


def _choose(
    searched: "list[Searched]",
    choice: tuple[Literal["best", "spread", "together", "clusters", "groups"] | None, int, str, int, int],
) -> "pd.DataFrame | None":
    import pandas as pd

    from cryogauge.collect.targets.sampling import choose

    strategy, count, by, groups, seed = choice
    if strategy is None:
        return None
    tables = [one.table for one in searched if len(one.table)]
    chosen = [choose(table, strategy, count, by=by, groups=groups, seed=seed) for table in tables]
    return pd.concat(chosen, ignore_index=True) if chosen else pd.DataFrame()
