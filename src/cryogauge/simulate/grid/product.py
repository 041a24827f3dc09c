"""One simulated grid as files: pictures at every magnification, what is true of it, and a page to look at."""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge import __version__
from cryogauge.io import content_key, write_mrc
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.mrc import map_mrc
from cryogauge.io.replace import write_csv
from cryogauge.jobs import Ledger, LedgerKey
from cryogauge.records import BadInput
from cryogauge.simulate.grid.layout import SimulatedGrid, make_grid
from cryogauge.simulate.grid.molecules import grid_particles
from cryogauge.simulate.grid.recording import GridOptics, grid_image
from cryogauge.simulate.grid.settings import GRID_RADIUS_UM, GridSettings, settings_from
from cryogauge.simulate.grid.sheet import write_grid_sheet
from cryogauge.simulate.grid.view import View

SETTINGS, LEDGER = "settings.json", "ledger.sqlite"
#: Electrons in a pixel of the images at low and medium magnification.
_COUNTS = 90.0
_ATLAS_PX = 1024
_HOLE_VIEWS_A, _EXPOSURE_A, _TILT_SERIES_A = 90.0, 1.06, 3.0


@dataclass(frozen=True)
class Shot:
    """An image that is taken of a grid.

    Attributes
    ----------
    name
        Of its file, without suffix.
    level
        ``atlas``, ``square``, ``hole``, ``exposure`` or ``lamella``.
    view
        Where.
    defocus_A, dose_e_A2
        How.
    what
        In words.
    """

    name: str
    level: str
    view: View
    defocus_A: float
    dose_e_A2: float
    what: str


def simulate_grid(
    out: Path,
    settings: GridSettings | None = None,
    seed: int = 0,
    *,
    squares: int = 4,
    holes: int = 4,
    exposures: int = 6,
    exposure_px: int = 2048,
    optics: GridOptics | None = None,
) -> dict[str, Path]:
    """Write a grid. Images that an earlier call with the same arguments finished are kept.

    Parameters
    ----------
    out
        Folder of the files; made when missing.
    settings, seed
        The grid.
    squares, holes, exposures
        How many images of each magnification; every kind of square and hole has its turn.
    exposure_px
        Edge of an exposure.
    optics
        The microscope.

    Returns
    -------
    dict
        ``settings``; ``atlas`` and the other images by their names; ``images``, a table of where and how each was
        taken; ``squares``, ``holes``, and ``lamellae`` where there are any: what is true; ``particles``: those in the
        exposures, with their places in pixels; ``sheet``: a page.

    Raises
    ------
    BadInput
        When the particle's map cannot be read, or the folder not written.
    Retryable
        When the disk is full.
    """
    grid = make_grid(settings, seed)
    optics = optics or GridOptics()
    out.mkdir(parents=True, exist_ok=True)
    shots = planned(grid, squares=squares, holes=holes, exposures=exposures, exposure_px=exposure_px)
    written: dict[str, Path] = {}
    pictures: list[tuple[Shot, NDArray[np.float32]]] = []
    with Ledger(out / LEDGER) as ledger:
        for number, shot in enumerate(shots):
            written[shot.name] = out / f"{shot.name}.mrc"
            image = _taken(grid, shot, seed * 1000 + number, optics, written[shot.name], ledger)
            pictures.append((shot, _reduced(image)))
    tables = {"images": _images(shots), "squares": grid.squares, "holes": grid.holes, "particles": _seen(grid, shots)}
    if len(grid.lamellae):
        tables["lamellae"] = grid.lamellae
    for name, table in tables.items():
        written[name] = out / f"{name}.csv"
        write_csv(written[name], table)
    written["settings"] = out / SETTINGS
    write_json_file(written["settings"], {"version": __version__, "seed": seed, **asdict(grid.settings)})
    written["sheet"] = write_grid_sheet(out / "grid.html", grid, [(s.name, s.what, p) for s, p in pictures])
    return written


def _taken(
    grid: SimulatedGrid, shot: Shot, seed: int, optics: GridOptics, path: Path, ledger: Ledger
) -> NDArray[np.float32]:
    """The image, from its file if that is what the ledger says of it, or else made and written."""
    settings = grid.settings
    molecule = "" if settings.particle_map is None else content_key(settings.particle_map)
    fingerprint = hashlib.sha256(repr((settings, grid.seed, seed, shot, optics)).encode()).hexdigest()
    key = LedgerKey(shot.name, f"{fingerprint}{molecule}", "", __version__)
    row = ledger.get(key)
    if row is not None and path.is_file() and content_key(path) == row["content"]:  # not another run's of that name
        return np.array(map_mrc(path)[1][0])
    image = grid_image(
        grid, shot.view.center_um, shot.view.pixel_size_A, shot.view.shape_px, defocus_A=shot.defocus_A,
        dose_e_A2=shot.dose_e_A2, seed=seed, optics=optics,
    )  # fmt: skip
    write_mrc(path, image, shot.view.pixel_size_A)
    ledger.put(key, {"content": content_key(path)}, [path.name])
    return image


def planned(grid: SimulatedGrid, *, squares: int, holes: int, exposures: int, exposure_px: int) -> list[Shot]:
    """Images to take: the atlas, then squares, holes and exposures in which every kind has its turn."""
    pixel_A = 2.06e4 * GRID_RADIUS_UM / _ATLAS_PX
    all_of_it = View((0.0, 0.0), pixel_A, (_ATLAS_PX, _ATLAS_PX))
    shots = [Shot("atlas", "atlas", all_of_it, 1e6, _COUNTS / pixel_A**2, "the grid")]
    whole = grid.squares[grid.squares["whole"]]
    for k, row in enumerate(_in_turn(whole, squares), 1):
        pixel_A = row["width_um"] * 1.9e4 / 1024
        what = f"square {row['square']}: {row['kind']}, ice {row['thickness_nm']:.0f} nm, quality {row['quality']:.2f}"
        shots.append(_shot(f"square_{k:02d}", "square", row, pixel_A, 1024, 1e6, _COUNTS / pixel_A**2, what))
    inside = grid.holes[grid.holes["edge_um"] > 0]
    for k, row in enumerate(_in_turn(inside, holes), 1):
        what = f"about hole {row['hole']}: {row['kind']}, ice {row['thickness_nm']:.0f} nm"
        shots.append(_shot(f"hole_{k:02d}", "hole", row, _HOLE_VIEWS_A, 1024, 5e5, _COUNTS / _HOLE_VIEWS_A**2, what))
    rng = np.random.default_rng([grid.seed, 41])
    for k, row in enumerate(_in_turn(inside, exposures), 1):
        defocus_A = float(rng.uniform(8_000, 22_000))
        what = (
            f"hole {row['hole']}: {row['kind']}, ice {row['thickness_nm']:.0f} nm, quality {row['quality']:.2f}\n"
            f"defocus {defocus_A:.0f} A, {row['particles_um2']:.0f} particles per square um"
        )
        shots.append(_shot(f"exposure_{k:02d}", "exposure", row, _EXPOSURE_A, exposure_px, defocus_A, 50.0, what))
    for k, row in enumerate(grid.lamellae.head(2).to_dict("records"), 1):
        what = f"lamella {row['lamella']}: {row['kind']}, {row['thickness_nm']:.0f} nm, quality {row['quality']:.2f}"
        shots.append(_shot(f"lamella_{k:02d}", "lamella", row, 250.0, 1024, 5e5, _COUNTS / 250.0**2, what))
        shots.append(
            _shot(f"lamella_{k:02d}_inside", "lamella", row, _TILT_SERIES_A, exposure_px, 4e4, 3.0, f"within {what}")
        )
    return shots


def _shot(
    name: str, level: str, row: dict, pixel_A: float, edge_px: int, defocus_A: float, dose_e_A2: float, what: str
) -> Shot:
    view = View((float(row["stage_x_um"]), float(row["stage_y_um"])), pixel_A, (edge_px, edge_px))
    return Shot(name, level, view, defocus_A, dose_e_A2, what)


def _in_turn(table: pd.DataFrame, count: int) -> list[dict]:
    """Rows such that kinds take turns, the most frequent first; of each, the one of middling quality, then others."""
    table = table.sort_values("quality", kind="stable")
    by_kind = {kind: table[table["kind"] == kind] for kind in table["kind"].value_counts().index}
    chosen = []
    for turn in range(count):
        for rows in by_kind.values():
            if len(rows) > turn and len(chosen) < count:
                share = (0.5, 0.95, 0.2, 0.75, 0.05)[turn % 5]
                chosen.append(rows.iloc[int(share * (len(rows) - 1))].to_dict())
    return chosen


def _images(shots: list[Shot]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "image": [shot.name for shot in shots],
            "level": [shot.level for shot in shots],
            "stage_x_um": [shot.view.center_um[0] for shot in shots],
            "stage_y_um": [shot.view.center_um[1] for shot in shots],
            "pixel_size_A": [shot.view.pixel_size_A for shot in shots],
            "defocus_A": [shot.defocus_A for shot in shots],
            "dose_e_A2": [shot.dose_e_A2 for shot in shots],
        }
    )


def _seen(grid: SimulatedGrid, shots: list[Shot]) -> pd.DataFrame:
    parts = []
    for shot in shots:
        if shot.level == "exposure":
            table = grid_particles(grid, shot.view.bounds_um)
            column, row = shot.view.to_pixel(table["stage_x_um"], table["stage_y_um"])
            table.insert(0, "image", shot.name)
            parts.append(table.assign(column_px=column, row_px=row))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"image": []})


def _reduced(image: NDArray[np.float32], edge_px: int = 512) -> NDArray[np.float32]:
    times = max(1, image.shape[0] // edge_px)
    kept = image[: image.shape[0] // times * times, : image.shape[1] // times * times]
    return kept.reshape(kept.shape[0] // times, times, kept.shape[1] // times, times).mean(axis=(1, 3))


def read_grid_settings(path: str | Path) -> tuple[GridSettings, int]:
    """Settings and seed from a ``settings.json`` that :func:`simulate_grid` wrote, or from part of one.

    Raises
    ------
    BadInput
        When the file cannot be read, or has an unknown key or a value that cannot be.
    """
    given = read_json_file(path, "give a settings.json that simulate grid wrote")
    if not isinstance(given, dict):
        raise BadInput(f"{path} is not a mapping of settings", "give a settings.json that simulate grid wrote")
    given.pop("version", None)
    seed = given.pop("seed", 0)
    try:
        return settings_from(given), int(seed)
    except (TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{path} has a value of the wrong kind: {error}") from error
