"""A data set for human labels from the CryoET Data Portal: chosen once, streamed tomogram by tomogram, resumable."""

import csv
import json
import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from cryogauge import __version__
from cryogauge.io.formats import open_volume
from cryogauge.io.portal import PortalTomogram, list_tomograms
from cryogauge.io.replace import replacing
from cryogauge.jobs import Ledger, LedgerKey, Outcome, explain
from cryogauge.records import BadInput, Retryable
from cryogauge.score.choice import Choice, Selection, choose, output_name
from cryogauge.score.excerpt import Part, chunk_voxels, excerpt_of, write_excerpt
from cryogauge.score.organisms import read_domains

TABLE, SETTINGS, SLICES, LEDGER = "chosen.csv", "settings.json", "slices.csv", "ledger.sqlite"
_LEAD = ("verdict", "reason", "tomogram", "domain")
_FIELDS = tuple(each.name for each in fields(PortalTomogram) if each.name != "shape")
_COLUMNS = (*_LEAD, *_FIELDS, "size_x", "size_y", "size_z")
_SLICE_COLUMNS = ("tomogram", "file", "row", "z", "y0", "x0", "pixel_size_A", "organism", "uri")
_TELL = "take it out of chosen.csv, or tell the portal"
_TOLERANCE = 0.01  # of a voxel size; the portal rounds
#: The portal writes chunks of this shape, of four bytes a voxel, in scales of which the finest is 7/8.
_PORTAL_CHUNK, _VOXEL_BYTES, _FINEST = (256, 256, 256), 4, 7 / 8


@dataclass(frozen=True)
class GatherSettings:
    """What to gather.

    Attributes
    ----------
    selection
        Which tomograms.
    part
        What of each.
    portal
        GraphQL address; the public portal where it is None.
    domains
        CSV file of domains that the shipped table does not know; see ``organisms.read_domains``.
    """

    selection: Selection = field(default_factory=Selection)
    part: Part = field(default_factory=Part)
    portal: str | None = None
    domains: str | None = None


def plan(settings: GatherSettings, out: Path, *, say: Callable[[str], None] = lambda text: None) -> list[Choice]:
    """The choices of a folder: those of its ``chosen.csv``, or new ones, which are written there.

    The table is kept as long as the settings that chose it are the same, so that what an interrupted run began is
    ended, and rows taken out by hand stay out. Delete it to look at the portal again.

    Parameters
    ----------
    settings
        What to gather.
    out
        The folder, which exists.
    say
        Told what is done.

    Raises
    ------
    BadInput
        When the folder holds other parts of tomograms, its tables cannot be used, or the portal's address is wrong.
    Retryable
        When the portal cannot be reached.
    """
    domains = None if settings.domains is None else read_domains(Path(settings.domains))
    used = json.loads(json.dumps({"version": __version__, **asdict(settings), "domains": domains}))
    before = _settings_of(out)
    if before and before.get("part") != used["part"] and (out / LEDGER).exists():
        raise BadInput(f"{out} holds other parts of tomograms (--slices, --whole or --crop)", "choose another folder")
    table = out / TABLE
    if table.exists() and before and all(before.get(name) == used[name] for name in ("selection", "portal", "domains")):
        say(f"the choice is that of {table}; delete it to look at the portal again")
        choices = read_choices(table)
    else:
        say("asking the portal for its tomograms")
        organisms = settings.selection.organisms
        tomograms = list(list_tomograms(settings.portal, organisms=organisms))
        lacking = sorted(set(organisms) - {each.organism for each in tomograms})
        if lacking or not tomograms:
            message = f"the portal has no tomogram{' of ' if lacking else ''}{', '.join(lacking)}"
            raise BadInput(message, "write species as the portal does, such as --organism 'Homo sapiens'")
        choices = choose(tomograms, settings.selection, domains)
        write_choices(table, choices)
    with replacing(out / SETTINGS) as temporary:
        temporary.write_text(json.dumps(used, indent=2) + "\n", encoding="utf-8")
    return choices


def _settings_of(out: Path) -> dict[str, Any]:
    """What an earlier run left in a folder; empty where none did."""
    path = out / SETTINGS
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict) or (found and "selection" not in found):
        raise BadInput(f"{path} was not written by cryogauge gather", "choose another folder")
    return found


def gather(
    choices: Sequence[Choice],
    part: Part,
    out: Path,
    *,
    on_outcome: Callable[[Outcome[PortalTomogram]], None] = lambda outcome: None,
) -> Path:
    """Stream what is wanted of the chosen tomograms into a folder, one at a time.

    A tomogram that was done by an earlier run is passed over. One that fails does not end the others, and is tried
    again by the next run.

    Parameters
    ----------
    choices
        What :func:`plan` returned.
    part
        What to take of each.
    out
        The folder: ``slices/NAME.mrc`` (``tomograms/NAME.mrc`` when they are whole) and ``slices.csv``.
    on_outcome
        Told of each tomogram.

    Returns
    -------
    Path
        ``slices.csv``: a row a slice of all that is there.

    Raises
    ------
    BadInput
        When another run is using the folder, or its ledger cannot be used.
    Retryable
        When the disk is full.
    """
    chosen = [choice.tomogram for choice in choices if choice.verdict == "chosen"]
    with Ledger(out / LEDGER) as ledger:
        try:
            for tomogram in chosen:
                on_outcome(_gather_one(tomogram, part, out, ledger))
        finally:  # an interrupted run, too, leaves a table of what is there
            rows = ((tomogram, ledger.get(_key(tomogram, part))) for tomogram in chosen)
            _write_slices(out / SLICES, ((tomogram, row) for tomogram, row in rows if row is not None))
    return out / SLICES


def _key(tomogram: PortalTomogram, part: Part) -> LedgerKey:
    content = f"{tomogram.uri} {tomogram.shape} {tomogram.voxel_size_A}"
    return LedgerKey(output_name(tomogram), content, "", json.dumps(asdict(part), sort_keys=True))


def _gather_one(tomogram: PortalTomogram, part: Part, out: Path, ledger: Ledger) -> Outcome[PortalTomogram]:
    key = _key(tomogram, part)
    row = ledger.get(key)
    if row is not None:
        return Outcome(tomogram, "already_done", row)
    try:
        row = _fetch(tomogram, part, out)
    except Exception as error:  # noqa: BLE001 the border of a batch: whatever one item does, the others go on
        return Outcome(tomogram, "failed", {}, explain(error))
    ledger.put(key, row, (row["file"],))
    return Outcome(tomogram, "done", row)


def _fetch(tomogram: PortalTomogram, part: Part, out: Path) -> dict[str, Any]:
    """Write the part of one tomogram; what is to be known of it."""
    if not tomogram.uri.startswith(("https://", "http://")):  # a table changed by hand must not make us read files
        raise BadInput(f"{tomogram.uri or 'nothing'} is no address of an OME-Zarr image", "give one with https://")
    try:
        volume = open_volume(tomogram.uri)
    except BadInput as error:
        raise BadInput(error.message, _TELL) from error
    if volume.shape != tomogram.shape:
        shapes = " and ".join(" × ".join(map(str, shape)) for shape in (tomogram.shape, volume.shape))
        raise BadInput(f"the portal and the image at {tomogram.uri} differ in shape: {shapes}", _TELL)
    if abs(volume.voxel_size_A - tomogram.voxel_size_A) > _TOLERANCE * tomogram.voxel_size_A:
        sizes = f"{tomogram.voxel_size_A:g} and {volume.voxel_size_A:g} Å"
        raise BadInput(f"the portal and the image at {tomogram.uri} differ in pixel size: {sizes}", _TELL)
    excerpt = excerpt_of(volume.shape, part)
    folder = out / ("tomograms" if part.whole else "slices")
    folder.mkdir(exist_ok=True)
    path = folder / f"{output_name(tomogram)}.mrc"
    size = math.prod(excerpt.shape) * volume.data.dtype.itemsize
    if shutil.disk_usage(folder).free < 2 * size:  # the slices, and a layer of them on its way
        raise Retryable(
            f"no space left in {folder}: {2 * size:,} bytes are needed", "free some, or choose another disk"
        )
    write_excerpt(volume, excerpt, path, stack=not part.whole)
    return {
        "file": path.relative_to(out).as_posix(),
        "z": list(excerpt.z),
        "y0": excerpt.y.start,
        "x0": excerpt.x.start,
        "pixel_size_A": volume.voxel_size_A,
    }


def expected_bytes(choices: Iterable[Choice], part: Part) -> tuple[int, int]:
    """About how many bytes travel for the chosen tomograms, and how many are written.

    What travels is the chunks that the slices cut, taken to be as the portal writes them and as compressed as the size
    that it states.
    """
    travel = written = 0.0
    for choice in choices:
        if choice.verdict != "chosen":
            continue
        shape = choice.tomogram.shape
        excerpt = excerpt_of(shape, part)
        everything = chunk_voxels(excerpt_of(shape, Part(whole=True, crop_px=0)), shape, _PORTAL_CHUNK)
        stated = choice.tomogram.zarr_bytes * _FINEST or everything * _VOXEL_BYTES
        travel += stated * chunk_voxels(excerpt, shape, _PORTAL_CHUNK) / everything
        slices, height, width = excerpt.shape
        written += slices * height * width * _VOXEL_BYTES
    return int(travel), int(written)


def write_choices(path: Path, choices: Iterable[Choice]) -> None:
    """Write ``chosen.csv``: a row a tomogram, with the verdict and why."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for choice in choices:
            tomogram = choice.tomogram
            name = output_name(tomogram)
            lead = (choice.verdict, choice.reason, name, choice.domain)
            table.writerow((*lead, *(getattr(tomogram, each) for each in _FIELDS), *reversed(tomogram.shape)))


def read_choices(path: Path) -> list[Choice]:
    """Read ``chosen.csv``; rows may have been taken out or verdicts changed by hand.

    Raises
    ------
    BadInput
        When it cannot be read, or a row cannot be understood.
    """
    hint = "delete it to choose anew"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            lacking = sorted(set(_COLUMNS) - set(table.fieldnames or ()))
            if lacking:
                raise BadInput(f"{path} lacks the columns {', '.join(lacking)}", hint)
            return [_choice(row) for row in table]
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {(error.strerror or 'refused').lower()}", hint) from error
    except (ValueError, TypeError, csv.Error) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} cannot be understood: {error}", hint) from error


def _choice(row: dict[str, Any]) -> Choice:
    if None in row or None in row.values():
        raise ValueError(f"the row of {row['tomogram']} has not as many cells as the first line")
    values: dict[str, Any] = {name: row[name] for name in _FIELDS}
    for name in ("id", "dataset_id", "taxid", "zarr_bytes", "deposition_id"):
        values[name] = int(values[name])
    values["voxel_size_A"] = float(values["voxel_size_A"])
    values["is_author_submitted"] = values["is_author_submitted"] == "True"
    shape = int(row["size_z"]), int(row["size_y"]), int(row["size_x"])
    return Choice(PortalTomogram(shape=shape, **values), row["domain"], row["verdict"].strip(), row["reason"])


def _write_slices(path: Path, done: Iterable[tuple[PortalTomogram, dict[str, Any]]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(_SLICE_COLUMNS)
        for tomogram, row in done:
            name, rest = output_name(tomogram), (row["y0"], row["x0"], row["pixel_size_A"])
            for place, z in enumerate(row["z"]):
                table.writerow((name, row["file"], place, z, *rest, tomogram.organism, tomogram.uri))
