"""Squares and holes of simulated grids of all kinds, found without parameters, against where they are.

Of each grid one picture of many squares and one of one square are taken, both at low magnification, the objective lens
nearly off, at a place, a pixel size, a dose and a defocus that its seed draws; no seed chose anything in the finders. A
square must be found when it lies in the picture whole and was not cut by the rim of the grid; a hole when it lies whole
in picture and square and its film is there. What is cut may be found. Squares whose ice nothing is seen through are
found as squares, but holes are not looked for in them. Precision and recall are of the same set, all that is
found, also near bars and borders, but for sites of a lattice that the finder calls torn: these, it says, are no holes.
Of the holes that are called targets, which are those that a session exposes, both are told apart:
the sought ones whose ice is intact are to be targets, but a target keeps away from bars, so that some never are.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
import pandas as pd

from cryogauge.collect.targets.holes import find_holes
from cryogauge.collect.targets.squares import find_squares
from cryogauge.imaging.threads import thread_count
from cryogauge.simulate.grid import GridSettings, SimulatedGrid, View, grid_image, make_grid
from validation.targets import Count, count

FIGURES = (
    "square_precision_recall", "square_precision", "square_recall", "hole_precision_recall", "hole_precision",
    "hole_recall", "hole_target_precision", "hole_target_recall", "hole_position_error_px", "lacey_refused",
)  # fmt: skip
_GRIDS, _FEW = 220, 12
_PATTERNS = (
    "R1.2/1.3",
    "R2/1",
    "R2/2",
    "R1/4",
    "R0.6/1",
    "R3.5/1",
    "H1.2/1.3",
    "H0.6/0.6",
    "H2/2",
    "R1.2/1.3",
    "lacey",
)
_SEEN_INTO = ("intact", "broken", "dry", "cracked", "contaminated")


def run(small: bool = False) -> dict[str, float]:
    """Measure the figures; ``small`` takes few grids."""
    squares, holes, targets, errors, lacey = Count(), Count(), Count(), [], []
    with ProcessPoolExecutor(thread_count(), mp_context=get_context("spawn")) as pool:
        for seed, looked in enumerate(pool.map(_look, range(_FEW if small else _GRIDS))):
            of_squares, of_holes = looked
            squares += of_squares
            if isinstance(of_holes, bool):
                lacey.append(of_holes)
                continue
            one, as_targets, error = of_holes
            holes += one
            targets += as_targets
            errors.append(error)
            if one.smaller < 0.9:
                print(f"     grid {seed} ({_grid(seed).settings.pattern}): {one}")
    return {
        "square_precision_recall": squares.smaller, "square_precision": squares.precision,
        "square_recall": squares.recall, "squares_sought": squares.sought,
        "hole_precision_recall": holes.smaller, "hole_precision": holes.precision, "hole_recall": holes.recall,
        "holes_sought": holes.sought, "hole_target_precision": targets.precision, "hole_target_recall": targets.recall,
        "hole_position_error_px": float(np.nanmedian(errors)),
        "lacey_refused": float(np.mean(lacey)),
    }  # fmt: skip


def _rng(seed: int, use: int) -> np.random.Generator:
    return np.random.default_rng([11, seed, use])


def _grid(seed: int) -> SimulatedGrid:
    rng = _rng(seed, 0)
    settings = GridSettings(
        mesh=int(rng.choice([200, 300, 400])),
        pattern=_PATTERNS[seed % len(_PATTERNS)],
        foil="gold" if rng.random() < 0.4 else "carbon",
        ice_nm=float(rng.uniform(20, 70)),
        broken=float(rng.uniform(0, 0.15)), dry=float(rng.uniform(0, 0.1)), thick=float(rng.uniform(0, 0.15)),
        empty=float(rng.uniform(0, 0.05)), cracked=0.06, contaminated=0.06,
        contamination=float(rng.uniform(0.3, 1.5)),
    )  # fmt: skip
    return make_grid(settings, 1000 + seed)


@dataclass(frozen=True)
class _Picture:
    view: View
    image: np.ndarray

    def places(self, table: pd.DataFrame) -> np.ndarray:
        return np.column_stack(self.view.to_pixel(table["stage_x_um"], table["stage_y_um"]))


def _picture(
    grid: SimulatedGrid, rng: np.random.Generator, centre: tuple[float, float], pixel_size_A: float, pixels: int
) -> _Picture:
    view = View(centre, pixel_size_A, (pixels, pixels))
    image = grid_image(
        grid, centre, pixel_size_A, (pixels, pixels), defocus_A=float(rng.uniform(5e4, 1e6)),
        dose_e_A2=float(rng.uniform(150, 1500)) / pixel_size_A**2, seed=int(rng.integers(1000)),
        slit=bool(rng.random() < 0.3),
    )  # fmt: skip
    return _Picture(view, image)


def _look(seed: int) -> tuple[Count, tuple[Count, Count, float] | bool]:
    """What is found of a grid's squares, and of its holes; of a lacey film, whether it is refused a lattice."""
    grid = _grid(seed)
    lacey = grid.pattern.lattice == "lacey"
    return _squares(grid, seed), _refused(grid, seed) if lacey else _holes(grid, seed)


def _squares(grid: SimulatedGrid, seed: int) -> Count:
    rng = _rng(seed, 1)
    pixel_size_A = grid.settings.mesh_pitch_um * 1e4 / rng.uniform(45, 140)
    heading, way = rng.uniform(0, 2 * np.pi), rng.uniform(0, 800)
    centre = (float(way * np.cos(heading)), float(way * np.sin(heading)))
    picture = _picture(grid, rng, centre, float(pixel_size_A), 640)
    table = grid.squares
    edges = [(f"corner{k}_x_um", f"corner{k}_y_um") for k in range(4)]
    corners = np.stack([np.column_stack(picture.view.to_pixel(table[x], table[y])) for x, y in edges])
    inside = ((corners >= 0) & (corners <= 639)).all((0, 2)) & table["whole"].to_numpy()
    at = picture.places(table)
    found = find_squares(picture.image, pixel_size_A).table
    clear = found[~found["partial"].astype(bool)]
    width_px = float(table["width_um"].iloc[0]) * 1e4 / pixel_size_A
    rim = at[~table["whole"].to_numpy()]
    xy = clear[["x_px", "y_px"]].to_numpy(float)
    fraction = np.linalg.norm(xy[:, None] - rim[None], axis=2).min(1) < 0.6 * width_px if len(rim) and len(xy) else []
    xy = xy[~np.asarray(fraction, bool)] if len(xy) else xy  # the visible middle of a cut square lies anywhere in it
    return count(xy, at[inside], at[~inside], 0.25 * width_px)


def _medium(grid: SimulatedGrid, seed: int) -> tuple[_Picture, pd.DataFrame] | None:
    rng = _rng(seed, 2)
    squares = grid.squares
    good = squares[squares["whole"] & squares["kind"].isin(_SEEN_INTO)]
    if good.empty:
        return None
    square = good.iloc[int(rng.integers(len(good)))]
    pitch = grid.pattern.pitch_um
    shown = min(float(square["width_um"]) * rng.uniform(0.6, 1.4), 28 * pitch)  # holes of some pixels, as people use
    off = rng.uniform(-0.25, 0.25, 2) * square["width_um"]
    centre = (float(square["stage_x_um"] + off[0]), float(square["stage_y_um"] + off[1]))
    picture = _picture(grid, rng, centre, shown * 1e4 / 640, 640)
    low_x, high_x, low_y, high_y = picture.view.bounds_um
    holes = grid.holes
    x, y, radius = holes["stage_x_um"], holes["stage_y_um"], holes["diameter_um"] / 2
    near = (x > low_x - 5) & (x < high_x + 5) & (y > low_y - 5) & (y < high_y + 5)
    whole = (x - radius > low_x) & (x + radius < high_x) & (y - radius > low_y) & (y + radius < high_y)
    thick = holes["square"].isin(squares.loc[squares["kind"] == "thick", "square"])
    there = holes["kind"] != "broken"
    return picture, holes.assign(sought=whole & (holes["edge_um"] > 0) & there & ~thick)[near & there]


def _holes(grid: SimulatedGrid, seed: int) -> tuple[Count, Count, float]:
    made = _medium(grid, seed)
    if made is None:
        return Count(), Count(), float("nan")
    picture, holes = made
    found = find_holes(picture.image).table
    at, sought = picture.places(holes), holes["sought"].to_numpy(bool)
    found = found[np.array(["torn" not in flags for flags in found["flags"].tolist()], dtype=bool)]
    every = found[["x_px", "y_px"]].to_numpy(float)
    within = 0.25 * grid.pattern.hole_um * 1e4 / picture.view.pixel_size_A
    if len(every) and sought.any():
        apart = np.linalg.norm(at[sought][:, None] - every[None], axis=2).min(1)
        error = float(np.median(apart[apart < within])) if (apart < within).any() else float("nan")
    else:
        error = float("nan")
    targets = every[found["target"].to_numpy(bool)]
    intact = sought & (holes["kind"] == "intact").to_numpy()
    return count(every, at[sought], at[~sought], within), count(targets, at[intact], at[~intact], within), error


def _refused(grid: SimulatedGrid, seed: int) -> bool:
    made = _medium(grid, seed)
    return made is None or find_holes(made[0].image).lattice is None
