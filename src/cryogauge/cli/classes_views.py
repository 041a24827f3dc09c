"""``cryogauge classes orientations``, ``duplicates``, ``composition`` and ``compare``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import DeviceOption, MassOption, PixelSizeOption, make_folder, torch_device
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from cryogauge.records import ClassStack

ORIENTATIONS_EXAMPLES = (
    "cryogauge classes orientations Class2D/job012 --map ab_initio.mrc --out views",
    "cryogauge classes orientations graded --cutoff 3.5 --map ab_initio.mrc --symmetry D2 --out views",
)
DUPLICATES_EXAMPLES = ("cryogauge classes duplicates Class2D/job012 --out twice",)
COMPOSITION_EXAMPLES = ("cryogauge classes composition graded --cutoff 3.5 --out species",)
COMPARE_EXAMPLES = (
    "cryogauge classes compare Class2D/job012 --reference 6qzp.cif --reference emd_3883.map --out known",
    "cryogauge classes compare graded --reference negative_stain.hdf --reference-pixel-size 4.3 --out known",
)

SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="PATH",
        help="Job folder of RELION or cryoSPARC, a stack of averages, or the folder of `classes grade`.",
        show_default=False,
    ),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables and page.")]
CutoffOption = Annotated[
    float | None,
    typer.Option("--cutoff", metavar="GRADE", help="Only classes up to this grade; what is not graded is, first."),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of decoys and resampling.")]


def orientations(
    source: SourceArgument,
    density: Annotated[Path, typer.Option("--map", metavar="FILE", help="Map with bright protein: ab initio will do.")],
    out: OutOption,
    symmetry: Annotated[
        str, typer.Option("--symmetry", metavar="GROUP", help="Of the map: C1, C4, D2 … about z, or O.")
    ] = "C1",
    step: Annotated[
        float, typer.Option("--step", metavar="DEG", min=3, max=20, help="Between views that are tried.")
    ] = 7.5,
    map_pixel_size: Annotated[
        float | None, typer.Option("--map-pixel-size", metavar="A", help="Of the map, in place of its header's.")
    ] = None,
    cutoff: CutoffOption = None,
    pixel_size: PixelSizeOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find from where class averages see the specimen, and warn of preferred orientation.

    Writes orientations.csv with RELION's angles a class, missing_views.csv, orientations.html with the sphere of views,
    and orientations.json.
    """
    from cryogauge.classes.views.orientations import find_orientations
    from cryogauge.classes.views.projections import load_map
    from cryogauge.classes.views.write import write_orientations

    stack, grades, settings = _opened(source, out, pixel_size, cutoff, device)
    found = find_orientations(
        stack, load_map(density, map_pixel_size), symmetry=symmetry, grades=grades, cutoff=cutoff, step_deg=step,
        seed=seed,
    )  # fmt: skip
    settings |= {"map": str(density), "symmetry": symmetry, "step_deg": step, "seed": seed}
    _report(
        write_orientations(out, found, settings), found.sentences, as_json, scf=found.scf, preferred=found.preferred
    )


def duplicates(
    source: SourceArgument,
    out: OutOption,
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Count mirror images, the view from behind, as the same.")
    ] = (False),
    alike: Annotated[
        float, typer.Option("--alike", metavar="C", min=0.5, max=0.99, help="Correlation of what is the same.")
    ] = 0.9,
    cutoff: CutoffOption = None,
    pixel_size: PixelSizeOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find classes that show the same view of the same thing, and classes that draw in what fits nowhere else.

    Writes duplicates.csv, duplicates.html and duplicates.json.
    """
    from cryogauge.classes.views.duplicates import find_duplicates
    from cryogauge.classes.views.write import write_duplicates

    stack, grades, settings = _opened(source, out, pixel_size, cutoff, device)
    found = find_duplicates(stack, grades=grades, cutoff=cutoff, mirror=mirror, alike=alike)
    settings |= {"mirror": mirror, "alike": alike}
    numbers = _numbers_of(found.table, "attractor")
    _report(write_duplicates(out, found, settings), found.sentences, as_json, attractors=numbers)


def composition(
    source: SourceArgument,
    out: OutOption,
    cutoff: CutoffOption = None,
    pixel_size: PixelSizeOption = None,
    mass: MassOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Group classes that look like different species or oligomers, by mass and by shape.

    Writes composition.csv, species.csv, composition.html and composition.json. Give --cutoff: junk has a mass as well.
    """
    from cryogauge.classes.mass import PUBLISHED_FACTOR, read_mass_factor
    from cryogauge.classes.views.composition import find_composition
    from cryogauge.classes.views.write import write_composition

    factor = PUBLISHED_FACTOR if mass is None else read_mass_factor(mass)
    stack, grades, settings = _opened(source, out, pixel_size, cutoff, device)
    found = find_composition(stack, grades=grades, cutoff=cutoff, mass_factor=factor, seed=seed)
    settings |= {"mass_factor": factor, "seed": seed}
    _report(
        write_composition(out, found, settings), found.sentences, as_json, groups=len(found.species),
        certainty=found.certainty,
    )  # fmt: skip


def compare(
    source: SourceArgument,
    references: Annotated[
        list[Path],
        typer.Option("--reference", metavar="FILE", help="A map, PDB or mmCIF model, or averages; may be given again."),
    ],
    out: OutOption,
    reference_pixel_size: Annotated[
        float | None,
        typer.Option("--reference-pixel-size", metavar="A", help="Of maps and averages whose files do not say."),
    ] = None,
    finest: Annotated[
        float, typer.Option("--finest", metavar="A", min=4, max=60, help="Finest detail that is compared.")
    ] = 15.0,
    cutoff: CutoffOption = None,
    pixel_size: PixelSizeOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the reference that each class is most like, with decoys beside it that say what that means.

    Writes comparison.csv, correlations.csv, comparison.html and comparison.json.
    """
    from cryogauge.classes.views.compare import compare_classes, load_reference
    from cryogauge.classes.views.write import write_comparison

    known = [load_reference(path, reference_pixel_size, finest) for path in references]
    stack, grades, settings = _opened(source, out, pixel_size, cutoff, device)
    found = compare_classes(stack, known, grades=grades, cutoff=cutoff, finest_A=finest, seed=seed)
    settings |= {"references": ", ".join(map(str, references)), "finest_A": finest, "seed": seed}
    matched = {row["reference"]: row["classes"] for row in found.references.to_dict("records")}
    _report(write_comparison(out, found, settings), found.sentences, as_json, classes=matched)


def _numbers_of(table: "pd.DataFrame", column: str) -> list[int]:
    """Numbers of the classes for which a column is true."""
    return [int(number) for number in table.loc[table[column], "class"]]


def _opened(
    source: str, out: Path, pixel_size_A: float | None, cutoff: float | None, device: str
) -> "tuple[ClassStack, pd.DataFrame | None, dict[str, Any]]":
    """Averages, their grades if there are any or a cut-off needs them, and what was used."""
    from cryogauge import __version__
    from cryogauge.classes.grade import grade_classes
    from cryogauge.classes.select import GRADES, read_graded
    from cryogauge.io.classes import open_classes
    from cryogauge.records import BadInput

    graded = Path(source).parent if Path(source).name == GRADES else Path(source)
    grades = None
    if (graded / GRADES).is_file():
        if pixel_size_A is not None:
            raise BadInput(f"{graded} is graded already", "leave --pixel-size out, or give the job itself")
        held = read_graded(graded)
        stack, grades = held.stack, held.grades
    else:
        stack = open_classes(source, pixel_size_A=pixel_size_A)
        if cutoff is not None:
            grades = grade_classes(stack, device=torch_device(device))
    make_folder(out)
    for note in stack.notes:
        tell(note)
    used = {"source": stack.source or source, "classes": len(stack.images), "cutoff": cutoff, "version": __version__}
    return stack, grades, used


def _report(files: "Mapping[str, Path]", sentences: "Sequence[str]", as_json: bool, **numbers: Any) -> None:
    if as_json:
        print_json(
            {**numbers, "sentences": list(sentences), "files": {name: str(file) for name, file in files.items()}}
        )
    else:
        for file in files.values():
            print(file)
    for sentence in sentences:
        tell(sentence)
