"""``cryogauge classes iterate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cryogauge.cli.options import DeviceOption, torch_device
from cryogauge.cli.terminal import DebugOption, JsonOption, complain, print_json, tell

if TYPE_CHECKING:
    import pandas as pd

    from cryogauge.classes.iterate.engine import Engine
    from cryogauge.classes.iterate.results import Selection
    from cryogauge.records import ClassStack

EXAMPLES = (
    "cryogauge classes iterate Extract/job012/particles.star --engine relion --diameter 110 --out selection",
    "cryogauge classes iterate particles.star --engine relion --diameter 110 --unbinned full.star --threads 8 "
    "--out selection",
    "cryogauge classes iterate particles.star --engine relion --diameter 110 --slurm gpu.sh --relion-args '--gpu' "
    "--out selection",
    "cryogauge classes iterate P3/W1/J42:particles --engine cryosparc --diameter 110 --lane gpu --out selection",
    "cryogauge classes iterate particles.star --engine builtin --diameter 110 --dry-run --out selection",
)


def iterate(
    particles: Annotated[
        str,
        typer.Argument(
            metavar="PARTICLES",
            help="A particles.star; for cryoSPARC an output, such as P3/W1/J42:particles.",
            show_default=False,
        ),
    ],
    engine: Annotated[Literal["relion", "cryosparc", "builtin"], typer.Option("--engine", help="What classifies.")],
    diameter: Annotated[float, typer.Option("--diameter", metavar="A", min=1.0, help="Of the particle.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for everything; a run there goes on.")],
    classes: Annotated[
        int | None,
        typer.Option("--classes", metavar="K", min=1, help="Of each classification; by default by the number."),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", metavar="N", min=0, help="Before the last classification; by default by the box."),
    ] = None,
    cutoffs: Annotated[
        str | None, typer.Option("--cutoffs", metavar="GRADES", help="Of the batches, such as 2.5,3.5,4.5.")
    ] = None,
    box: Annotated[
        int | None,
        typer.Option("--box", metavar="PX", min=16, help="Of the unbinned extraction, where the files do not say."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", min=0, help="By default 0.")] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="A plan.json, or part of one; options given go before it."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", metavar="FILE", help="Weights of a grader; by default the shipped ones.")
    ] = None,
    device: DeviceOption = "cpu",
    unbinned: Annotated[
        Path | None,
        typer.Option("--unbinned", metavar="FILE", help="RELION: the same picks extracted without binning."),
    ] = None,
    micrographs: Annotated[
        str | None,
        typer.Option(
            "--micrographs",
            metavar="WHAT",
            help="To extract from anew: RELION's micrographs_ctf.star, or an output such as J10:micrographs.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="RELION: of each process.")] = 1,
    mpi: Annotated[int, typer.Option("--mpi", metavar="N", min=1, help="RELION: processes.")] = 1,
    relion_args: Annotated[
        str, typer.Option("--relion-args", metavar="TEXT", help="Further arguments of relion_refine, such as '--gpu'.")
    ] = "",
    relion_version: Annotated[
        int | None, typer.Option("--relion-version", min=3, max=5, help="Of a RELION that only the cluster has.")
    ] = None,
    slurm: Annotated[
        Path | None,
        typer.Option("--slurm", metavar="FILE", help="RELION: submit each step by this batch script of the site."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            envvar="CRYOSPARC_BASE_URL",
            help="cryoSPARC's address; e-mail and password are read from CRYOSPARC_EMAIL and CRYOSPARC_PASSWORD.",
            show_default=False,
        ),
    ] = None,
    lane: Annotated[str | None, typer.Option("--lane", help="cryoSPARC: lane of its queue.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write plan.json to read and edit, and do nothing else.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Select particles unattended: classify, grade, set aside the well sorted, drop the bad, again and again.

    What is left is sorted once more and parted by grade into batches, each extracted without binning where that can be
    had and made into a first model. Every decision is in plan.json, every round on report.html. Interrupted, the same
    command goes on where it was.
    """
    import shlex

    from cryogauge.classes.iterate.plan import make_plan, read_settings, write_plan
    from cryogauge.classes.iterate.workflow import iterate as run
    from cryogauge.classes.iterate.workflow import steps_of
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.records import BadInput, Retryable

    relion = {"threads": threads, "mpi": mpi, "extra": shlex.split(relion_args), "version": relion_version}
    _refuse_strangers(
        engine,
        relion={"--unbinned": unbinned, "--slurm": slurm, "--relion-args": relion_args or None},
        cryosparc={"--lane": lane},
        models={"--micrographs": micrographs},
    )
    if engine == "cryosparc":
        working: Engine = _cryosparc(particles, url, lane, micrographs, box)
    else:
        working = _local(engine, particles, unbinned, micrographs, slurm, relion)
    given = working.particles()
    written = out / "plan.json"
    decided = read_settings(settings or written) if settings or written.is_file() else {}
    decided |= {
        name: value
        for name, value in {
            "classes": classes, "rounds": rounds, "seed": seed, "cutoffs": _grades(cutoffs),
        }.items()
        if value is not None
    }  # fmt: skip
    decided["diameter_A"] = diameter
    decided["box_px"] = box or decided.get("box_px") or given.extraction_box_px
    plan = make_plan(len(given.ids), decided.pop("box_px"), decided.pop("diameter_A"), **decided)
    if dry_run:
        out.mkdir(parents=True, exist_ok=True)
        write_plan(written, plan)
        tell("edit it, then run the same command without --dry-run")
        print(written)
        return
    tell(
        f"{len(given.ids)} particles of {given.box_px} px; boxes of {plan.box_px} px count as {plan.size}: "
        f"{plan.rounds} rounds of {plan.classes} classes, mask {plan.mask_diameter_A:g} Å"
    )

    def grade(stack: "ClassStack") -> "pd.DataFrame":
        from cryogauge.classes.grade import grade_classes

        return grade_classes(stack, model=model, device=torch_device(device))

    with resumable(), show_progress(len(steps_of(working, plan)), "steps") as progress:
        try:
            found = run(working, plan, grade, out, say=progress.say, done=lambda step: progress.advance())
        except Retryable as error:
            if debug:
                raise
            complain(error.message, error.hint)
            tell(f"what was done is kept in {out}; run the same command again to go on")
            raise typer.Exit(1) from None
    if not found.rounds:
        raise BadInput("nothing was classified", "look at the plan")
    _tell(found, as_json)
    if found.failed:
        raise typer.Exit(1)


def _tell(found: "Selection", as_json: bool) -> None:
    if as_json:
        batches = [
            {
                "cutoff": batch.cutoff,
                "particles": len(batch.ids),
                "file": batch.extracted.source if batch.extracted else None,
                "note": batch.extracted.note if batch.extracted else None,
                "model": str(batch.model) if batch.model else None,
                "failure": batch.failure or None,
            }
            for batch in found.batches
        ]
        total = len(found.particles.ids)
        print_json({
            "page": str(found.page), "particles": total, "rounds": found.counts(), "batches": batches,
            "notes": found.notes,
        })  # fmt: skip
    else:
        for batch in found.batches:
            if batch.extracted:
                print(batch.extracted.source)
        print(found.page)
    for each in found.counts():
        split = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in list(each.items())[3:])
        classes = "1 class" if each["classes"] == 1 else f"{each['classes']} classes"
        tell(f"{each['round']}: {each['particles']} particles, {classes}{': ' if split else ''}{split}")
    for batch in found.batches:
        tell(f"{batch.cutoff:g} or better: {len(batch.ids)} particles")
        if batch.failure:
            complain(f"batch {batch.cutoff:g}: {batch.failure}")


def _local(
    engine: str, particles: str, unbinned: Path | None, micrographs: str | None, slurm: Path | None,
    relion: dict[str, Any],
) -> "Engine":  # fmt: skip
    from cryogauge.classes.iterate.builtin import BuiltinEngine
    from cryogauge.classes.iterate.particle_star import read_particle_star
    from cryogauge.classes.iterate.relion import RelionEngine
    from cryogauge.classes.iterate.relion_commands import find_relion
    from cryogauge.classes.iterate.running import run_here, slurm_runner
    from cryogauge.jobs.slurm import read_template

    star = read_particle_star(particles)
    if engine == "builtin":
        return BuiltinEngine(star)
    runner = slurm_runner(read_template(slurm)) if slurm else run_here
    full = read_particle_star(unbinned) if unbinned else None
    return RelionEngine(star, find_relion(**relion), full, Path(micrographs) if micrographs else None, runner)


def _cryosparc(particles: str, url: str | None, lane: str | None, micrographs: str | None, box: int | None) -> "Engine":
    from cryogauge.classes.iterate.cryosparc import connect

    return connect(particles, url=url, lane=lane, micrographs=micrographs, extraction_box_px=box)


def _refuse_strangers(engine: str, **owners: dict[str, object]) -> None:
    """Raise ``BadInput`` for an option that the engine has no use for."""
    from cryogauge.records import BadInput

    for owner, options in owners.items():
        for name, value in options.items():
            fits = engine != "builtin" if owner == "models" else engine == owner
            if value is not None and not fits:
                raise BadInput(f"{name} is of no use to --engine {engine}", "leave it out")


def _grades(text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not grades such as 2.5,3.5,4.5") from None
