"""From tomograms and picks of one kind to their average."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.imaging.wedge import USUAL_RANGE_DEG, measure_half_range_deg
from cryogauge.io.copick.transforms import angles_of, matrices_of
from cryogauge.pick.average.extract import Boxes, cut_boxes
from cryogauge.pick.average.halves import Halves, average_halves
from cryogauge.pick.average.particles import ParticleBoxes
from cryogauge.records import BadInput, Volume, check_picks

log = logging.getLogger("cryogauge.pick")

ANGLES = ("rot", "tilt", "psi")
#: Fewer averaged particles than this say nothing by their halves' correlation.
FEWEST = 8
#: Edge of a box over the particle's radius, where none is given.
_BOX = 3.0
#: How far two tomograms' voxels may differ.
_VOXELS_ALIKE = 1.01


@dataclass(frozen=True)
class AverageOrder:
    """What is averaged, and how.

    Attributes
    ----------
    object_name
        The kind of particle, as the picks call it.
    radius_A
        Its radius.
    box_px
        Edge of the boxes in voxels, made odd; three radii by default.
    tilt_range_deg
        Tilts reached from minus to plus this; measured in each tomogram by default.
    from_angles
        Start from the picks' own ``rot, tilt, psi``; by default orientations are found from nothing.
    most
        Take no more picks than this, those of highest score.
    seed
        Seeds halves and random starts.
    """

    object_name: str
    radius_A: float
    box_px: int | None = None
    tilt_range_deg: float | None = None
    from_angles: bool = False
    most: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Averaged:
    """An average and what it is of.

    Attributes
    ----------
    order
        What was asked for.
    picks
        ``PICK_COLUMNS`` and ``rot, tilt, psi`` as found, the score being the correlation with the average (−1 to 1);
        ``averaged`` (False of a particle cut by the border, which is aligned alone), ``half`` (1 or 2), ``shift_A``
        from the pick, and ``pick_score``.
    halves
        The average, its halves and their correlation.
    voxel_size_A
        Of the average.
    tilt_ranges_deg
        Half the tilt range used, by tomogram.
    outside, flat
        Picks left out: outside their tomogram, or where it is of one grey value or no number.
    seconds
        What it took.
    """

    order: AverageOrder
    picks: pd.DataFrame
    halves: Halves
    voxel_size_A: float
    tilt_ranges_deg: dict[str, float]
    outside: int
    flat: int
    seconds: float

    @property
    def count(self) -> int:
        """How many particles are averaged."""
        return int(self.picks["averaged"].sum())

    @property
    def resolution_A(self) -> float:
        """By the halves at 0.143; NaN where they agree on nothing, or are of too few particles to say."""
        return self.halves.correlation.resolution_A() if self.count >= FEWEST else float("nan")


@dataclass(frozen=True)
class Comparison:
    """Two sets of picks of the same tomograms, averaged alike.

    Attributes
    ----------
    first, second
        Their averages, whose ``halves.correlation`` is the Fourier shell correlation.
    gain
        By how much the mean of the second's correlation over all shells is above the first's.
    """

    first: Averaged
    second: Averaged
    gain: float


def compare_picks(
    volumes: Mapping[str, Volume], first: pd.DataFrame, second: pd.DataFrame, order: AverageOrder
) -> Comparison:
    """Average two sets of picks and compare what their halves agree on.

    More particles average better, too: ``order.most`` makes numbers alike.

    Parameters
    ----------
    volumes, order
        As of :func:`average_picks`.
    first, second
        Pick tables.

    Raises
    ------
    BadInput
        As :func:`average_picks`.
    """
    one, other = (average_picks(volumes, picks, order) for picks in (first, second))
    gain = other.halves.correlation.area - one.halves.correlation.area
    return Comparison(one, other, gain)


def average_picks(
    volumes: Mapping[str, Volume],
    picks: pd.DataFrame,
    order: AverageOrder,
    *,
    say: Callable[[str], None] = lambda text: None,
) -> Averaged:
    """Cut, align and average the particles of one kind.

    Parameters
    ----------
    volumes
        Tomograms by name; their data may be memory maps or lazy.
    picks
        A pick table; rows of other kinds and of other tomograms play no part.
    order
        What to average.
    say
        Told how far it is.

    Raises
    ------
    BadInput
        When the picks hold none of that kind or of these tomograms, fewer than two particles can be averaged, angles
        are asked for and missing, the box does not fit the tomograms, or their voxel sizes differ.
    """
    began = time.monotonic()
    wanted = _wanted(volumes, picks, order)
    voxel_A = _voxel_size(volumes, wanted)
    radius_px = order.radius_A / voxel_A
    edge = odd_edge(order.box_px or _BOX * radius_px)
    if edge < max(2.2 * radius_px, 9):
        raise BadInput(
            f"a box of {edge} voxels of {voxel_A:g} Å is too small for a particle of {order.radius_A:g} Å radius",
            f"give a --box of {odd_edge(_BOX * radius_px)}",
        )
    parts: list[tuple[Boxes, pd.DataFrame, int]] = []
    ranges: dict[str, float] = {}
    for series, (name, rows) in enumerate(wanted.groupby("tomogram", sort=True)):
        volume = volumes[str(name)]
        boxes = cut_boxes(volume, _centres(rows) / voxel_A, edge, radius_px=radius_px)
        ranges[str(name)] = order.tilt_range_deg or _measured_range(volume, str(name))
        parts.append((boxes, rows.iloc[boxes.rows], series))
    table = pd.concat([rows for _, rows, _ in parts], ignore_index=True)
    joined = ParticleBoxes(
        np.concatenate([boxes.data for boxes, _, _ in parts]),
        np.concatenate([boxes.offsets_px for boxes, _, _ in parts]),
        np.concatenate([boxes.whole for boxes, _, _ in parts]),
        np.concatenate([np.full(len(boxes.data), series) for boxes, _, series in parts]),
        _centres(table),
        tuple((-half, half) for half in ranges.values()),
        voxel_A,
    )
    outside, flat = (sum(getattr(boxes, name) for boxes, _, _ in parts) for name in ("outside", "flat"))
    if joined.whole.sum() < 2:
        raise BadInput(
            f"{int(joined.whole.sum())} of {len(wanted)} picks of {order.object_name} lie wholly within their tomogram",
            "two at least are needed, and some dozens to see something",
        )
    say(f"aligning {len(table)} particles in boxes of {edge} voxels")
    turns = matrices_of(table[list(ANGLES)].to_numpy(float))[:, ::-1, ::-1] if order.from_angles else None
    halves = average_halves(joined, order.radius_A, turns=turns, seed=order.seed)
    return Averaged(
        order, _found(table, joined, halves), halves, voxel_A, ranges, outside, flat, time.monotonic() - began
    )


def odd_edge(edge_px: float) -> int:
    """The least odd number that is no smaller: then a voxel is the middle."""
    return 2 * int(np.ceil((edge_px - 1) / 2)) + 1


def _wanted(volumes: Mapping[str, Volume], picks: pd.DataFrame, order: AverageOrder) -> pd.DataFrame:
    """The picks to average, those of highest score where there are too many."""
    check_picks(picks)
    of_kind = picks[picks["object"] == order.object_name]
    if of_kind.empty:
        names = ", ".join(sorted(set(picks["object"].astype(str)))) or "nothing"
        raise BadInput(f"the picks hold no {order.object_name}", f"they hold {names}")
    wanted = of_kind[of_kind["tomogram"].isin(list(volumes))]
    if wanted.empty:
        raise BadInput(
            f"the picks of {order.object_name} are of none of these tomograms",
            f"they are of {_some(of_kind['tomogram'])}, the tomograms are {_some(volumes)}",
        )
    if len(wanted) < len(of_kind):
        log.warning("%d of %d picks are of other tomograms", len(of_kind) - len(wanted), len(of_kind))
    if not np.isfinite(_centres(wanted)).all():
        raise BadInput("a pick has a position that is no number", "take it out")
    repeated = wanted.duplicated(["tomogram", "x_A", "y_A", "z_A"])
    if repeated.any():
        log.warning("%d of %d picks are given twice and taken once", repeated.sum(), len(wanted))
        wanted = wanted[~repeated]
    if order.from_angles:
        missing = [name for name in ANGLES if name not in wanted.columns]
        if missing or not np.isfinite(wanted[list(ANGLES)].to_numpy(float)).all():
            raise BadInput(
                f"not all picks of {order.object_name} have angles to start from",
                "leave --from-angles away: orientations are then found from nothing",
            )
    if order.most is not None and len(wanted) > order.most:
        wanted = wanted.sort_values("score", ascending=False, kind="stable", na_position="last").head(order.most)
    return wanted.sort_index().reset_index(drop=True)


def _some(names: object) -> str:
    known = sorted({str(name) for name in names})  # type: ignore[attr-defined] any iterable of names
    return ", ".join(known[:4]) + (" …" if len(known) > 4 else "")


def _voxel_size(volumes: Mapping[str, Volume], picks: pd.DataFrame) -> float:
    sizes = [volumes[name].voxel_size_A for name in set(picks["tomogram"].astype(str))]
    if max(sizes) > _VOXELS_ALIKE * min(sizes):
        raise BadInput(
            f"the tomograms have voxels of {min(sizes):g} to {max(sizes):g} Å", "average one voxel size at a time"
        )
    return float(np.median(sizes))


def _measured_range(volume: Volume, name: str) -> float:
    found = measure_half_range_deg(volume.data)
    if np.isfinite(found):
        return float(np.clip(round(found), 20, 80))
    log.warning("%s: no missing wedge stands out, tilts are taken to have reached %g°", name, USUAL_RANGE_DEG)
    return USUAL_RANGE_DEG


def _centres(picks: pd.DataFrame) -> NDArray[np.float64]:
    return picks[["z_A", "y_A", "x_A"]].to_numpy(float)


def _found(picks: pd.DataFrame, boxes: ParticleBoxes, halves: Halves) -> pd.DataFrame:
    """The picks as they were found to lie."""
    poses = halves.poses
    moved = (poses.shifts_px - boxes.offsets_px) * boxes.voxel_size_A
    places = _centres(picks) + moved
    angles = angles_of(poses.turns[:, ::-1, ::-1])
    return pd.DataFrame(
        {
            "tomogram": picks["tomogram"].astype(str),
            "object": picks["object"].astype(str),
            **dict(zip(("x_A", "y_A", "z_A"), places[:, ::-1].T, strict=True)),
            "score": poses.scores,
            **dict(zip(ANGLES, angles.T, strict=True)),
            "averaged": boxes.whole,
            "half": halves.half + 1,
            "shift_A": np.linalg.norm(moved, axis=1),
            "pick_score": picks["score"].to_numpy(float),
        }
    )
