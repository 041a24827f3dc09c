"""Dose splits and dose studies of many tilt series, each done once."""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from cryogauge.imaging.outside import Alignment, align, relion_motion
from cryogauge.imaging.reconstruction import Filter
from cryogauge.jobs import Ledger, LedgerKey, Outcome, run_batch
from cryogauge.jobs.ledger import settings_digest
from cryogauge.records import PREVIEW, BadInput, TiltSeries, Volume
from cryogauge.score.batch import artefacts, result_folder, whole_folder
from cryogauge.score.dose.plan import WHOLE, Subset, halvings, parts
from cryogauge.score.dose.split import Exposures, Reconstruction, Sizes, split_tomograms

if TYPE_CHECKING:
    from cryogauge.score.dose.study import SeriesStudy

Motion = Literal["auto", "own", "relion", "none"]

#: Table of the tomograms in the folder of a split series.
SUBSETS = "subsets.csv"
#: Of the paper: 400 → 13 e⁻/Å².
_HALVINGS = 5
_TABLES = ("tomograms", "pairs", "frc", "slices")


@dataclass(frozen=True)
class DoseSettings:
    """Which parts of the dose are wanted, and how their tomograms are made and scored.

    Attributes
    ----------
    halvings
        How often the dose fractions are halved into even and odd ones; 0 for not at all, None for up to five times, as
        far as there are fractions.
    doses_e_A2, cumulative_e_A2
        Doses of evenly spaced fractions, and of the first fractions.
    voxel_size_A, thickness_nm, filter
        See :class:`cryogauge.score.dose.split.Reconstruction`.
    motion
        Drift within movies: ``own`` registers whole frames, ``relion`` lets RELION do so, ``none`` takes the frames as
        they are; ``auto`` takes over what RELION's STAR names, and else is ``own``.
    align
        What aligns a series that is not; see :func:`cryogauge.imaging.outside.align`.
    gain
        Path of the gain reference; None for movies that are corrected.
    alignment
        Path of the alignment, where more than one lies beside a tilt series.
    total_e_A2
        Dose of the whole series, shared evenly among the tilts, where the files do not say.
    scratch
        Folder for intermediate sums.
    model, weights, device, threads
        See :class:`cryogauge.score.ScoreSettings`; a split needs none of them.
    """

    halvings: int | None = None
    doses_e_A2: tuple[float, ...] = ()
    cumulative_e_A2: tuple[float, ...] = ()
    voxel_size_A: float | None = None
    thickness_nm: float = 300.0
    filter: Filter = "ramp"
    motion: Motion = "auto"
    align: Alignment = "auto"
    gain: str | None = None
    alignment: str | None = None
    total_e_A2: float | None = None
    scratch: str | None = None
    model: str = "compact"
    weights: str | None = None
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        if self.halvings == 0 and not (self.doses_e_A2 or self.cumulative_e_A2):
            raise BadInput("no part of the dose is asked for", "give --halvings, --doses or --cumulative")
        if not 0 < self.thickness_nm < 10_000:
            raise BadInput(f"a volume {self.thickness_nm:g} nm thick cannot be reconstructed", "300 nm is usual")

    def subsets(self, total_e_A2: float, fractions: int) -> list[Subset]:
        """What is wanted of a series of so much dose, in so many fractions a tilt or more, the whole first.

        Raises ``BadInput`` where it has too little dose.
        """
        if not total_e_A2 > 0:
            raise BadInput("the dose of the series is not known", "give that of the whole series with --dose")
        depth = min(_HALVINGS, int(math.log2(max(fractions, 1)))) if self.halvings is None else self.halvings
        wanted = [WHOLE, *(halvings(depth) if depth else [])]
        if self.doses_e_A2:
            wanted += parts("even", self.doses_e_A2, total_e_A2)
        if self.cumulative_e_A2:
            wanted += parts("cumulative", self.cumulative_e_A2, total_e_A2)
        return wanted

    @property
    def reconstruction(self) -> Reconstruction:
        """How the tomograms are made."""
        return Reconstruction(self.voxel_size_A, self.thickness_nm, self.filter, self.motion in ("auto", "own"))

    @property
    def digest(self) -> str:
        """Hash of what can change a result: all but where and how fast it is made."""
        apart = ("scratch", "threads", "device", "weights")
        return settings_digest({name: value for name, value in asdict(self).items() if name not in apart})


@dataclass(frozen=True)
class DoseItem:
    """One tilt series, or the folder of one that was split: ``name``, ``uri``, the output folder, the settings."""

    name: str
    uri: str
    out: Path
    settings: DoseSettings


def open_exposures(uri: str, settings: DoseSettings) -> Exposures:
    """Open a tilt series and the movies that its files name, and align what is not aligned.

    Movies of finer sampling than the tilt images are taken with their own pixel size.

    Parameters
    ----------
    uri
        As :func:`cryogauge.io.read_tilt_series` takes it.
    settings
        ``alignment``, ``align``, ``motion``, ``gain``, ``total_e_A2`` and ``thickness_nm`` are used.

    Raises
    ------
    BadInput
        When the series has no movies, or they, the gain and the images do not fit together.
    """
    from cryogauge.io import open_movie, read_gain, read_tilt_series
    from cryogauge.io.tilts.movies import eer_groups

    series = read_tilt_series(uri, alignment=settings.alignment)
    if settings.gain is not None and not series.alignment and _are_movie_sums(series):
        series = read_tilt_series(uri, alignment=settings.alignment, gain=settings.gain)
    if "movie" not in series.table.columns:
        raise BadInput(
            f"{uri} names no movies, so that its dose cannot be divided",
            "give the .mdoc or STAR whose SubFramePath or rlnMicrographMovieName names the dose fractions",
        )
    paths = _movie_paths(series)
    groups = eer_groups(series.table)
    movies = [open_movie(path, eer_group=group) for path, group in zip(paths, groups, strict=True)]
    if not series.alignment:
        with tempfile.TemporaryDirectory(prefix="cryogauge-align-", dir=settings.scratch) as folder:
            series = align(series, settings.align, Path(folder), thickness_nm=0.6 * settings.thickness_nm)
    size, images = movies[0].shape[1:], series.images.shape[1:]
    if tuple(size) != tuple(images):
        series = _at_movie_sampling(series, tuple(size))
    gain = None if settings.gain is None else read_gain(settings.gain, tuple(size))
    if settings.total_e_A2 is not None:
        share = np.where(series.used, settings.total_e_A2 / max(int(series.used.sum()), 1), 0.0)
        series = replace(series, table=series.table.assign(dose_e_A2=share))
    return Exposures(series, movies, gain, _known_drift(series, paths, movies, settings))


def _known_drift(
    series: TiltSeries, paths: list[Path], movies: list[Any], settings: DoseSettings
) -> list[np.ndarray] | None:
    """Drift by RELION: as it left it beside the series, or as it finds it now; None for neither."""
    from cryogauge.io import read_motion
    from cryogauge.io.tilts.movies import eer_groups

    if settings.motion == "relion":
        with tempfile.TemporaryDirectory(prefix="cryogauge-motion-", dir=settings.scratch) as folder:
            gain = None if settings.gain is None else Path(settings.gain)
            groups = eer_groups(series.table)
            stars = relion_motion(paths, series.pixel_size_A, Path(folder), gain=gain, eer_groups=groups)
            return [read_motion(star, movie.shape[0]) for star, movie in zip(stars, movies, strict=True)]
    if settings.motion == "auto" and "motion" in series.table.columns:
        found = [Path(path) for path in series.table["motion"]]
        if all(path.is_file() for path in found):
            return [read_motion(path, movie.shape[0]) for path, movie in zip(found, movies, strict=True)]
    return None


def _are_movie_sums(series: TiltSeries) -> bool:
    """Whether the images are the unaligned sums of the movies themselves: then they have no gain correction either."""
    if not {"movie", "image"} <= set(series.table.columns):
        return False
    return all(Path(str(movie)).name == image for movie, image in series.table[["movie", "image"]].to_numpy())


def _movie_paths(series: TiltSeries) -> list[Path]:
    """Where the movies lie that a series names: beside its files, or below the folder of its project."""
    from cryogauge.io.tilts.images import each_found, find_below_ancestor, find_beside

    source = Path(series.source.split("::")[0])

    def find(name: str) -> Path | None:
        return find_beside(name, source.parent) or find_below_ancestor(name, source.parent)

    return each_found(list(series.table["movie"]), find, source, "movies")


def _at_movie_sampling(series: TiltSeries, size: tuple[int, int]) -> TiltSeries:
    """The geometry of binned images as that of the movies they came from; lengths are in Å and stay."""
    (ny, nx), (my, mx) = series.images.shape[1:], size
    if abs(my / ny - mx / nx) > 0.02 * mx / nx:
        raise BadInput(
            f"movies of {mx} × {my} pixels are not those of images of {nx} × {ny}",
            "a stack that was trimmed or turned cannot be matched with its movies",
        )
    return replace(series, images=Sizes((len(series.table), my, mx)), pixel_size_A=series.pixel_size_A * nx / mx)


def split_to_folder(item: DoseItem, folder: Path) -> dict[str, Any]:
    """Write the tomogram of every subset, ``whole.mrc`` and so on, and ``subsets.csv`` with what they are.

    Where the alignment is our own coarse one, names of tomograms end in ``_preview``.
    """
    from cryogauge.io import write_mrc
    from cryogauge.io.replace import write_csv

    exposures = open_exposures(item.uri, item.settings)
    alignment = exposures.series.alignment
    rows = []
    for subset, dose, volume in _split(exposures, item.settings):
        file = f"{subset.name}_{PREVIEW}.mrc" if alignment == PREVIEW else f"{subset.name}.mrc"
        write_mrc(folder / file, volume.data, volume.voxel_size_A)
        rows.append({
            "series": item.name, "subset": subset.name, "kind": subset.kind, "path": subset.path,
            "share": subset.share, "asked_e_A2": subset.asked_e_A2, "dose_e_A2": dose, "alignment": alignment,
            "file": file,
        })  # fmt: skip
    write_csv(folder / SUBSETS, pd.DataFrame(rows))
    return {"tomograms": len(rows), "total_e_A2": rows[0]["dose_e_A2"], "alignment": alignment}


def _split(exposures: Exposures, settings: DoseSettings) -> Iterator[tuple[Subset, float, Volume]]:
    scratch = None if settings.scratch is None else Path(settings.scratch)
    fewest = min(movie.shape[0] for movie in exposures.movies)
    subsets = settings.subsets(exposures.total_e_A2, fewest)
    return split_tomograms(exposures, subsets, settings.reconstruction, scratch=scratch)


def study_to_folder(item: DoseItem, folder: Path) -> dict[str, Any]:
    """Study one tilt series, or one that was split before, and keep its tables in a folder."""
    from cryogauge.score.dose.study import study_series
    from cryogauge.score.quality import load_quality, shipped_weights

    settings = item.settings
    weights = Path(settings.weights) if settings.weights else shipped_weights(settings.model)
    quality = load_quality(settings.model, weights, threads=settings.threads, device=settings.device)
    if Path(item.uri, SUBSETS).is_file():
        tomograms = read_split(Path(item.uri))
        alignment = str(_split_table(Path(item.uri))["alignment"].iloc[0])
    else:
        exposures = open_exposures(item.uri, settings)
        tomograms, alignment = _split(exposures, settings), exposures.series.alignment
    flags = (PREVIEW,) if alignment == PREVIEW else ()
    study = study_series(item.name, tomograms, quality, flags=flags)
    for name in _TABLES:
        getattr(study, name).to_csv(folder / f"{name}.csv", index=False)
    return {"tomograms": len(study.tomograms)}


def read_split(folder: Path) -> Iterator[tuple[Subset, float, Volume]]:
    """The tomograms that a split left in a folder, one at a time, with their subsets and doses.

    Raises
    ------
    BadInput
        When the table or a tomogram is missing or damaged.
    """
    from cryogauge.io import open_volume

    rows = [
        (
            Subset(row["kind"], row["path"], float(row["share"]), float(row["asked_e_A2"])),
            float(row["dose_e_A2"]),
            str(row["file"]),
        )
        for row in _split_table(folder).to_dict("records")
    ]
    for subset, dose, file in rows:
        if Path(file).name != file:
            raise BadInput(f"{folder / SUBSETS} names a file outside its folder: {file}")
        yield subset, dose, open_volume(folder / file)


def _split_table(folder: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(folder / SUBSETS, dtype={"path": str, "alignment": str}, keep_default_na=False)
        return table.astype({"share": float, "asked_e_A2": float, "dose_e_A2": float})[
            ["subset", "kind", "path", "share", "asked_e_A2", "dose_e_A2", "alignment", "file"]
        ]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{folder / SUBSETS} cannot be read: {error}", "split the series again") from error


def load_study(folder: Path) -> "SeriesStudy":
    """Read back the tables of one series; raises ``BadInput`` when one is missing."""
    from cryogauge.score.dose.study import SeriesStudy

    kinds = {"series": str, "subset": str, "parent": str, "flags": str}
    try:
        tables = {name: pd.read_csv(folder / f"{name}.csv", dtype=kinds) for name in _TABLES}
    except (OSError, ValueError) as error:
        raise BadInput(f"the study in {folder} is incomplete: {error}", "delete the folder and run again") from error
    text = {"parent", "flags"}
    return SeriesStudy(**{
        name: table.assign(**{column: table[column].fillna("") for column in text & set(table.columns)})
        for name, table in tables.items()
    })  # fmt: skip


def dose_batch(
    items: Sequence[DoseItem], out: Path, *, study: bool, weights_checksum: str = "", workers: int = 1
) -> Iterator[Outcome[DoseItem]]:
    """Split or study every series that the ledger in ``out`` does not know yet.

    Yields
    ------
    One outcome a series; its row holds ``folder``, relative to ``out``.

    Raises
    ------
    BadInput
        When the ledger cannot be used.
    """

    def key(item: DoseItem) -> LedgerKey:
        return LedgerKey(item.name, _content(item), weights_checksum, item.settings.digest)

    with Ledger(out / "ledger.sqlite") as ledger:
        yield from run_batch(
            _study if study else _split_one,
            items,
            key=key,
            ledger=ledger,
            artefacts=lambda item, key: artefacts(item.out, result_folder(key)),
            workers=workers,
            threads_per_worker=max(item.settings.threads for item in items) if items else None,
        )


def _content(item: DoseItem) -> str:
    """Fingerprint of what a series is made of, or of the table of a split."""
    from cryogauge.io import content_key, tilt_series_key

    table = Path(item.uri, SUBSETS)
    return content_key(table) if table.is_file() else tilt_series_key(item.uri, item.settings.alignment)


def _study(item: DoseItem, key: LedgerKey) -> dict[str, Any]:
    folder = result_folder(key)
    return {"folder": folder, **whole_folder(item.out / folder, lambda partial: study_to_folder(item, partial))}


def _split_one(item: DoseItem, key: LedgerKey) -> dict[str, Any]:
    folder = result_folder(key)
    return {"folder": folder, **whole_folder(item.out / folder, lambda partial: split_to_folder(item, partial))}
