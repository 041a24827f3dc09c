"""``cryogauge gather``."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import ResultsOption, make_folder
from cryogauge.cli.terminal import DebugOption, JsonOption, output_console, print_json, tell

if TYPE_CHECKING:
    from cryogauge.cli.progress import Progress
    from cryogauge.io.portal import PortalTomogram
    from cryogauge.jobs import Outcome
    from cryogauge.report import Failure
    from cryogauge.score.choice import Choice


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not two numbers of Å such as 5,50") from None
    return low, high


def gather(
    out: ResultsOption,
    per_eukaryote: Annotated[
        int, typer.Option("--per-eukaryote", metavar="N", min=0, help="Tomograms of each eukaryotic species.")
    ] = 15,
    per_prokaryote: Annotated[
        int, typer.Option("--per-prokaryote", metavar="N", min=0, help="Tomograms of each prokaryotic species.")
    ] = 3,
    min_size: Annotated[
        int, typer.Option("--min-size", metavar="PX", min=0, help="Width and height must be larger.")
    ] = 800,
    pixel_size_range: Annotated[
        tuple,
        typer.Option("--pixel-size-range", metavar="A,A", help="The pixel size must lie in between.", parser=_range),
    ] = "5,50",  # type: ignore[assignment] the parser makes a tuple of it
    organism: Annotated[
        list[str] | None,
        typer.Option("--organism", metavar="NAME", help="Only this species, as the portal writes it; repeatable."),
    ] = None,
    domains: Annotated[
        Path | None,
        typer.Option("--domains", metavar="FILE", help="CSV (organism,domain) of what the shipped table lacks."),
    ] = None,
    slices: Annotated[
        int, typer.Option("--slices", metavar="N", min=1, help="Slices of each tomogram, spread evenly over z.")
    ] = 40,
    whole: Annotated[bool, typer.Option("--whole", help="All slices, written as a tomogram.")] = False,
    crop: Annotated[
        int, typer.Option("--crop", metavar="PX", min=0, help="Square about the centre; 0 for no cropping.")
    ] = 960,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The same seed draws the same.")] = 0,
    portal: Annotated[
        str | None, typer.Option("--portal", metavar="URL", help="GraphQL address of another portal.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Choose and write the table; take no slices.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Gather slices of real tomograms from the CryoET Data Portal, for people to label.

    Writes chosen.csv (a row a tomogram: chosen or not, and why), then streams the slices of those chosen; no volume is
    downloaded that is not asked for. Exits with 1 when some failed (failed.csv says why), with 2 when the call was
    wrong.
    """
    from cryogauge.cli.progress import resumable, show_progress
    from cryogauge.cli.tables import write_failures
    from cryogauge.score.choice import Selection
    from cryogauge.score.excerpt import Part
    from cryogauge.score.gather import GatherSettings, expected_bytes, plan
    from cryogauge.score.gather import gather as gather_all

    settings = GatherSettings(
        Selection(per_eukaryote, per_prokaryote, min_size, pixel_size_range, tuple(organism or ()), seed),
        Part(slices, whole, crop),
        portal,
        None if domains is None else str(domains),
    )
    make_folder(out)
    done, failures = Counter(), []
    with resumable():
        choices = plan(settings, out, say=tell)
        total = sum(choice.verdict == "chosen" for choice in choices)
        travel, written = expected_bytes(choices, settings.part)
        tell(f"{total} of {len(choices)} tomograms chosen; {out / 'chosen.csv'} says why each")
        if total:
            tell(f"for all of them about {_size(travel)} travel and {_size(written)} are written")
        _tell_unknown(choices)
        if total and not dry_run:
            with show_progress(total, "tomograms") as progress:

                def advance(outcome: "Outcome[PortalTomogram]") -> None:
                    done[outcome.state] += 1
                    _tell_outcome(progress, outcome, failures, debug=debug)

                gather_all(choices, settings.part, out, on_outcome=advance)
            write_failures(out / "failed.csv", failures)
    _show(out, choices, done, failures, as_json=as_json, dry_run=dry_run)
    if failures:
        raise typer.Exit(1)


def _tell_unknown(choices: "Sequence[Choice]") -> None:
    unknown = sorted({each.tomogram.organism for each in choices if each.domain == "unknown" and _fits(each)})
    if unknown:
        tell(f"note: taken for eukaryotes: {', '.join(unknown)}; --domains FILE can say otherwise")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _fits(choice: "Choice") -> bool:
    """Whether a tomogram was in the draw."""
    return choice.verdict in ("chosen", "surplus")


def _tell_outcome(
    progress: "Progress", outcome: "Outcome[PortalTomogram]", failures: "list[Failure]", *, debug: bool
) -> None:
    from cryogauge.report import Failure
    from cryogauge.score.choice import output_name

    name = output_name(outcome.item)
    progress.count(name, outcome, debug=debug)
    if outcome.failure is not None:
        failures.append(Failure(name, outcome.failure.message, outcome.failure.hint))


def _show(
    out: Path,
    choices: "Sequence[Choice]",
    done: "Counter[str]",
    failures: "Sequence[Failure]",
    *,
    as_json: bool,
    dry_run: bool,
) -> None:
    """Print a row a species, or all of it as JSON; what was done goes to stderr."""
    rows = _by_species(choices)
    if as_json:
        verdicts = Counter(choice.verdict for choice in choices)
        failed = [asdict(failure) for failure in failures]
        print_json({"species": rows, "verdicts": verdicts, "failed": failed, "out": out})
    else:
        from rich.table import Table

        table = Table("organism", "domain", *(_right(name) for name in ("tomograms", "in the draw", "chosen")))
        for row in rows:
            table.add_row(*map(str, row.values()))
        output_console().print(table)
    if not any(row["chosen"] for row in rows):
        return
    if dry_run:
        tell("nothing was taken; run again without --dry-run for the slices")
        return
    parts = [f"{done['done']} gathered"]
    parts += [f"{done[state]} {state.replace('_', ' ')}" for state in ("already_done", "failed") if done[state]]
    tell(f"{', '.join(parts)}; slices: {out / 'slices.csv'}")


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


def _by_species(choices: "Sequence[Choice]") -> list[dict[str, Any]]:
    """How many tomograms of each species there are, were in the draw, and were chosen; the most chosen first."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for choice in choices:
        start = {"organism": choice.tomogram.organism, "domain": choice.domain, "tomograms": 0, "drawn": 0, "chosen": 0}
        row = rows.setdefault((choice.tomogram.organism, choice.domain), start)
        row["tomograms"] += 1
        row["drawn"] += _fits(choice)
        row["chosen"] += choice.verdict == "chosen"
    return sorted(rows.values(), key=lambda row: (-row["chosen"], -row["tomograms"], row["organism"]))
