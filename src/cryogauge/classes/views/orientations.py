"""From where averages see the specimen: projection matching to a map, and what the views cover.

Penczek, Grassucci & Frank (Ultramicroscopy 53, 251, 1994) for the matching, with averages in place of particles.
An average cannot tell a map from its mirror image: the views are those of the map given, and of the wrong hand they
cover as much. Where the program averaged particles with their mirror images, as EMAN2 may, a view and the one from the
other side are one; what is said of coverage takes them for one in any case, since they sample the same plane.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.views.decoys import DECOYS, MATCHES_FROM, beyond_decoys, fisher, scrambled_structure
from cryogauge.classes.views.directions import (
    angle_between,
    angles_of,
    directions_of,
    even_directions,
    fourier_sampling,
    sampling_compensation,
    symmetry_turns,
    view_grid,
)
from cryogauge.classes.views.frames import (
    Images,
    Scale,
    centred,
    comparable,
    filtered,
    flattening,
    laid_on,
    moved,
    reach_A,
    scale_for,
    shares_of,
    usable_classes,
)
from cryogauge.classes.views.projections import beads_of_map, projections
from cryogauge.imaging.class2d import align_to, polar_correlation
from cryogauge.records import BadInput, ClassStack, Volume
from cryogauge.simulate.classes.structure import Structure

ORIENTATION_COLUMNS = (
    "class",
    "share",  # of the particles in the classes looked at
    "rot_deg",
    "tilt_deg",
    "psi_deg",  # RELION's angles of the map in this view
    "offset_y_A",
    "offset_x_A",  # of the particle from the middle of the box
    "correlation",  # with the best view
    "z",  # over decoys of the map, in their standard deviations
    "runner_up_deg",  # from the best to the second best view that is another
    "margin",  # over that, in standard deviations of decoys
    "matches",
    "flags",
)

#: Standard deviation of the views in a class about it, and from where on a view counts as seen, degrees.
CLASS_WIDTH_DEG, SEEN_WITHIN_DEG = 10.0, 20.0
#: Sampling compensation factor below which views are uneven, short of that of side views alone, which does little harm
#: (Baldwin & Lyumkis 2020); least part of Fourier space.
EVEN_FROM, SIDE_VIEWS, SAMPLED_FROM = 0.7, 0.81, 0.95
_OTHER_VIEW_DEG = 25.0
_MAX_SHIFT_PX = 3.0
_DECOY_STEP_DEG = 15.0
_CROWD_DEG = 30.0
_AT = 3000  # directions at which coverage is summed up
_MOST_MISSING = 6
#: A map this much wider or narrower than what the averages show has another pixel size, or is something else.
_TOO_WIDE, _TOO_NARROW = 1.8, 0.5
_FRAME_ROOM = 1.35  # of framing, over the radius of what is shown


@dataclass(frozen=True)
class Orientations:
    """Views of averages on a map, and what they cover.

    Attributes
    ----------
    table
        A row a class: :data:`ORIENTATION_COLUMNS`.
    scf
        Sampling compensation factor: 1 for even views.
    fourier_covered, views_covered
        Parts of Fourier space, and of all directions of view, that are seen at all.
    crowd_share, crowd_even
        Part of the particles that are seen within 30 degrees of the most crowded direction, and what it would be were
        the views even.
    crowd
        Rot and tilt of that direction, degrees.
    missing
        The largest gaps: ``rot_deg``, ``tilt_deg``, and degrees ``away_deg`` to the nearest view.
    preferred
        Whether the views are so uneven that a map from them suffers.
    sentences
        The same in words.
    averages, matches
        Averages as they were compared, and the best view of each, turned and moved onto it, ``(row, y, x)``.
    directions, sampling, density
        Directions ``(n, 3)``, and how densely Fourier space and views are sampled there, 1 being the mean.
    """

    table: pd.DataFrame
    scf: float
    fourier_covered: float
    views_covered: float
    crowd_share: float
    crowd_even: float
    crowd: tuple[float, float]
    missing: pd.DataFrame
    preferred: bool
    sentences: tuple[str, ...]
    averages: Images
    matches: Images
    directions: NDArray[np.float64]
    sampling: NDArray[np.float64]
    density: NDArray[np.float64]


def find_orientations(
    stack: ClassStack,
    volume: Volume,
    *,
    symmetry: str = "C1",
    grades: pd.DataFrame | None = None,
    cutoff: float | None = None,
    step_deg: float = 7.5,
    finest_A: float = 12.0,
    seed: int = 0,
) -> Orientations:
    """Match averages to projections of a map, and sum up from where the specimen is seen.

    About 4 s for 50 classes of 128 px on one core; a finer step takes longer by the square.

    Parameters
    ----------
    stack
        The averages; contrast of either sign.
    volume
        A map with bright protein, of any box and voxel size: an ab initio map will do.
    symmetry
        Of the map: ``C1``, ``C4``, ``D2`` …, ``O``, its axes as RELION has them.
    grades, cutoff
        Classes up to this grade alone, see :func:`cryogauge.classes.grade.grade_classes`.
    step_deg
        Between views that are tried.
    finest_A
        Finest detail that is compared; coarser for a large field.
    seed
        Of the decoys.

    Raises
    ------
    BadInput
        When averages or map cannot be used, are not of one size, or no average fits the map better than decoys.
    """
    rows, framing = usable_classes(stack, grades, cutoff)
    structure = beads_of_map(volume, finest_A)
    assert stack.pixel_size_A is not None
    shown_A = float(np.quantile(framing.frame_px[rows], 0.9)) * stack.pixel_size_A / _FRAME_ROOM
    radius_A = float(np.quantile(np.linalg.norm(structure.points_A, axis=1), 0.97))
    check_widths(radius_A, shown_A, volume.source or "the map")
    scale = scale_for(max(reach_A(stack, framing, rows), _FRAME_ROOM * radius_A), finest_A)
    views = view_grid(step_deg, symmetry)
    references = projections(structure, views, scale.edge_px, scale.pixel_size_A)
    averages, offset_px = centred(comparable(stack, framing, rows, scale))
    factors = flattening(references)
    found = _matched(filtered(averages, factors), filtered(references, factors), views, scale.rings, symmetry)
    rng = np.random.default_rng(seed)
    against = _against_decoys(structure, averages, scale, rng)
    z, spread = beyond_decoys(found.correlation, against)
    margin = (fisher(found.correlation) - fisher(found.runner_up)) / spread
    fits = z >= MATCHES_FROM
    offsets_A = (offset_px + found.shift_px) * scale.pixel_size_A
    table = pd.DataFrame(
        {
            "class": stack.table["class"].to_numpy()[rows],
            "share": shares_of(stack, rows),
            **dict(zip(("rot_deg", "tilt_deg", "psi_deg"), angles_of(found.views).T, strict=True)),
            "offset_y_A": offsets_A[:, 0],
            "offset_x_A": offsets_A[:, 1],
            "correlation": found.correlation,
            "z": z,
            "runner_up_deg": found.runner_up_deg,
            "margin": margin,
            "matches": fits,
            "flags": [
                "matches nothing" if not fit else "ambiguous" if m < 1 else ""
                for fit, m in zip(fits, margin, strict=True)
            ],
        }
    )
    if not fits.any():
        raise BadInput(
            f"no average fits {volume.source or 'the map'} better than decoys of it (best z {z.max():.1f})",
            "check the pixel sizes, that protein is bright in the map, and that it is of this specimen",
        )
    matches = laid_on(references, found.aligned)
    return _summed_up(table, found.views, symmetry, averages, matches)


def check_widths(radius_A: float, shown_A: float, name: str) -> None:
    """Raise ``BadInput`` where a map cannot be of what averages show, going by its width."""
    if not _TOO_NARROW <= radius_A / shown_A <= _TOO_WIDE:
        raise BadInput(
            f"{name} is {2 * radius_A:.0f} Å wide, but the averages show something of {2 * shown_A:.0f} Å",
            "one of the pixel sizes is wrong: give --map-pixel-size or --pixel-size",
        )


@dataclass(frozen=True)
class _Found:
    aligned: pd.DataFrame
    views: NDArray[np.float64]  # (image, 3, 3)
    shift_px: NDArray[np.float64]
    correlation: NDArray[np.float64]
    runner_up: NDArray[np.float64]
    runner_up_deg: NDArray[np.float64]


def _matched(images: Images, references: Images, views: NDArray[np.float64], rings: int, symmetry: str) -> _Found:
    aligned = align_to(images, references, max_shift_px=_MAX_SHIFT_PX, rings=rings)
    shift = aligned[["shift_y_px", "shift_x_px"]].to_numpy(dtype=float)
    best = views[aligned["reference"].to_numpy()]
    mirrored = aligned["mirrored"].to_numpy(dtype=bool)
    # the mirror image of a projection is that from the other side, turned half about y
    best = np.where(mirrored[:, None, None], np.diag([-1.0, 1.0, -1.0]) @ best, best)
    best = _in_plane(aligned["angle_deg"].to_numpy(dtype=float)) @ best
    still = moved(images, -shift)
    _, straight, _ = polar_correlation(still, references, mirror=False, rings=rings)
    _, flipped, _ = polar_correlation(_left_to_right(still), references, mirror=False, rings=rings)
    both = np.concatenate([straight, flipped], axis=1)
    tried = directions_of(views)
    away = angle_between(directions_of(best), np.concatenate([tried, -tried]), symmetry)
    others = np.where(away > _OTHER_VIEW_DEG, both, -1.0)
    second = others.argmax(axis=1)
    each = np.arange(len(images))
    return _Found(
        aligned, best, shift, aligned["correlation"].to_numpy(dtype=float), others[each, second], away[each, second]
    )  # fmt: skip


def _in_plane(angle_deg: NDArray[np.floating]) -> NDArray[np.float64]:
    """Turns ``(n, 3, 3)`` of an image from +x towards +y."""
    angle = np.deg2rad(angle_deg)
    turns = np.zeros((len(angle), 3, 3))
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(angle)
    turns[:, 1, 0] = np.sin(angle)
    turns[:, 0, 1] = -turns[:, 1, 0]
    turns[:, 2, 2] = 1.0
    return turns


def _left_to_right(images: Images) -> Images:
    """Mirror images about pixel ``n // 2``."""
    flipped = images[:, :, ::-1]
    return np.roll(flipped, 1, axis=2) if images.shape[-1] % 2 == 0 else flipped


def _against_decoys(
    structure: Structure, averages: Images, scale: Scale, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Correlations ``(decoy, image)`` with the best view of each decoy."""
    views = view_grid(_DECOY_STEP_DEG)
    found = []
    for _ in range(DECOYS):
        decoy = scrambled_structure(structure, 2 * scale.half_A / scale.rings, rng)
        seen = projections(decoy, views, scale.edge_px, scale.pixel_size_A)
        factors = flattening(seen)
        aligned = align_to(
            filtered(averages, factors), filtered(seen, factors), max_shift_px=_MAX_SHIFT_PX, rings=scale.rings
        )
        found.append(aligned["correlation"].to_numpy(dtype=float))
    return np.array(found)


def _summed_up(
    table: pd.DataFrame, views: NDArray[np.float64], symmetry: str, averages: Images, matches: Images
) -> Orientations:
    fits = table["matches"].to_numpy()
    turns = symmetry_turns(symmetry)
    seen, weights = directions_of(views)[fits], table["share"].to_numpy()[fits]
    weights = weights / weights.sum()
    copies = np.einsum("gij,nj->gni", turns, seen).reshape(-1, 3)
    shares = np.tile(weights, len(turns)) / len(turns)
    at = even_directions(_AT)
    sampling = fourier_sampling(copies, shares, CLASS_WIDTH_DEG, at)
    scf, fourier_covered = sampling_compensation(sampling)
    degrees = np.rad2deg(np.arccos(np.clip(np.abs(at @ copies.T), 0, 1)))
    away = degrees.min(axis=1)
    crowds = (degrees <= _CROWD_DEG) @ shares
    crowd = int(np.argmax(crowds))
    crowd_even = 1 - float(np.cos(np.deg2rad(_CROWD_DEG)))
    density = np.exp(-0.5 * (degrees / CLASS_WIDTH_DEG) ** 2) @ shares
    rot, tilt = _rot_tilt(at[crowd])
    missing = _missing(at, away, symmetry)
    preferred = scf < EVEN_FROM or fourier_covered < SAMPLED_FROM
    made = Orientations(
        table, scf, fourier_covered, float((away <= SEEN_WITHIN_DEG).mean()), float(crowds[crowd]), crowd_even,
        (rot, tilt), missing, preferred, (), averages, matches, at, sampling, density / density.mean(),
    )  # fmt: skip
    return Orientations(**{**made.__dict__, "sentences": tuple(_in_words(made))})


def _rot_tilt(direction: NDArray[np.float64]) -> tuple[float, float]:
    """Rot and tilt of a direction or the opposite one, whichever is above."""
    x, y, z = direction if direction[2] >= 0 else -direction
    return float(np.rad2deg(np.arctan2(y, x))), float(np.rad2deg(np.arccos(min(z, 1.0))))


def _missing(at: NDArray[np.float64], away: NDArray[np.float64], symmetry: str) -> pd.DataFrame:
    """Directions farthest from any view, each gap once."""
    turns = symmetry_turns(symmetry)
    left, gaps = away.copy(), []
    while left.max() > SEEN_WITHIN_DEG and len(gaps) < _MOST_MISSING:
        place = int(left.argmax())
        gaps.append((*_rot_tilt(at[place]), float(away[place])))
        near = np.abs(np.einsum("gij,j,ni->gn", turns, at[place], at)).max(axis=0)
        left[near > np.cos(np.deg2rad(2 * SEEN_WITHIN_DEG))] = 0.0
    return pd.DataFrame(gaps, columns=pd.Index(["rot_deg", "tilt_deg", "away_deg"]))


def _in_words(found: Orientations) -> list[str]:
    table = found.table
    number, fits = len(table), int(table["matches"].sum())
    said = []
    factor = (
        f"sampling compensation factor {found.scf:.2f}, {100 * found.fourier_covered:.0f} % of Fourier space sampled"
    )
    crowd = (
        f"{100 * found.crowd_share:.0f} % of the particles are seen within {_CROWD_DEG:.0f}° of rot"
        f" {found.crowd[0]:.0f}°, tilt {found.crowd[1]:.0f}°, where even views would put {100 * found.crowd_even:.0f} %"
    )
    if found.preferred:
        said.append(f"Preferred orientation: {crowd} ({factor}).")
    else:
        said.append(f"The views are even enough: {factor}; 1 is even, side views alone give {SIDE_VIEWS}.")
    if len(found.missing):
        places = ", ".join(f"rot {r:.0f}° tilt {t:.0f}°" for r, t, _ in found.missing.itertuples(index=False))
        part = 100 * (1 - found.views_covered)
        said.append(
            f"No class is within {SEEN_WITHIN_DEG:.0f}° of {part:.0f} % of all views; the largest gaps are about"
            f" {places}."
        )
    if fits < number:
        lost = table[~table["matches"]]
        said.append(
            f"{number - fits} of {number} classes match no view better than decoys of the map do, with"
            f" {100 * lost['share'].sum():.0f} % of the particles: {', '.join(str(c) for c in lost['class'][:12])}"
            f"{' …' if len(lost) > 12 else ''}. They are left out."
        )
    doubtful = int((table["flags"] == "ambiguous").sum())
    if doubtful:
        said.append(f"{doubtful} classes fit a second, different view nearly as well; their directions are a guess.")
    return said
