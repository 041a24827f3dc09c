"""Looking a grid over: its atlas and squares, and the holes of a square."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.collect.screen.log import LOAD
from cryogauge.collect.screen.session import Session, Skipped
from cryogauge.collect.screen.settings import AtlasPlan, Sample
from cryogauge.collect.targets.atlas import Atlas, stitch
from cryogauge.collect.targets.realign import Placement, around
from cryogauge.collect.targets.sampling import choose, natural_groups
from cryogauge.io import read_picture, write_mrc
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, Retryable
from cryogauge.records.microscope import Capability, Exposure, Limits, Mode

_FAR = 0.75  # of a square's edge: holes farther from its middle are its neighbours'
#: Longest edge of an atlas.
ATLAS_PX = 2048


def tile_places(plan: AtlasPlan, mode: Mode, limits: Limits) -> NDArray[np.float64]:
    """Middles (x, y) in µm of the tiles of an atlas, row after row, to and fro, within the limits; shape ``(n, 2)``."""
    high, wide = (edge * (1.0 - plan.overlap) for edge in mode.field_um)
    reach = [max(0, math.ceil((2 * plan.radius_um - edge) / step)) for edge, step in
             zip(mode.field_um, (high, wide), strict=True)]  # fmt: skip
    rows, columns = ((np.arange(n + 1) - n / 2) * step for n, step in zip(reach, (high, wide), strict=True))
    places = []
    for number, y in enumerate(rows):
        for x in columns if number % 2 == 0 else columns[::-1]:
            nearest = math.hypot(max(abs(x) - mode.field_um[1] / 2, 0), max(abs(y) - mode.field_um[0] / 2, 0))
            inside = limits.x_um[0] <= x <= limits.x_um[1] and limits.y_um[0] <= y <= limits.y_um[1]
            if nearest < plan.radius_um and inside:
                places.append((float(x), float(y)))
    return np.array(places).reshape(-1, 2)


def take_atlas(session: Session, slot: int) -> Atlas:
    """The atlas of the loaded grid, by the tiles there are and those that are still to be taken.

    Tiles that were lost to faults are missing, but when all were, they are taken again: a fault that passes costs no
    grid. Those from before the grid was loaded last are taken again too, since it may lie elsewhere.

    Raises
    ------
    Ended
        When it does not pass.
    """
    log, mode = session.log, session.scope.modes[session.settings.modes.atlas]
    places = tile_places(session.settings.atlas, mode, session.scope.limits)
    loaded = log.steps.get((LOAD, str(slot)))
    for number in range(len(places)):
        old = log.steps.get(("tile", f"{slot}/{number}"))
        if loaded is not None and old is not None and old.number < loaded.number:
            log.forget("tile", f"{slot}/{number}")
    tiles, at, turn, again = [], [], 0.0, False
    while not tiles:
        for number, (x, y) in enumerate(places):
            target, path = f"{slot}/{number}", grid_folder(session, slot) / f"tile_{number:03d}.mrc"
            if log.outcome("tile", target) == "failed" and not again:
                continue
            session.orders()

            def take(x: float = x, y: float = y, path: Path = path) -> dict[str, Any]:
                return take_picture(session, mode.name, (x, y), path)

            try:
                taken = log.do("tile", target, take)
            except Retryable as error:
                log.say(f"grid {slot}: a tile of the atlas at {x:.0f}, {y:.0f} µm is missing: {error}")
                session.missed(error)
                continue
            session.lost_in_a_row = 0
            tiles.append(read_picture(path)[0])
            at.append(taken["stage_um"])
            turn = taken["rotation_deg"]
        again = True
    return stitch(tiles, np.array(at), mode.pixel_size_A, rotation_deg=turn, longest_px=ATLAS_PX)


def find_grid_squares(session: Session, slot: int, atlas: Atlas, first: int = 0) -> dict[str, Any]:
    """Squares of an atlas, numbered from ``first``, and which to visit, with their places on the stage; the table goes
    to ``squares.csv``.

    Raises
    ------
    Skipped
        When there are none to visit.
    """
    found = session.eyes.squares(atlas.image, atlas.pixel_size_A)
    table = found.table.copy()
    if table.empty:
        raise Skipped(f"grid {slot} is skipped: {found.note or 'no squares were found.'}")
    table["square"] += first
    table[["x_um", "y_um"]] = atlas.stage_um(table[["x_px", "y_px"]].to_numpy(float))
    folder = grid_folder(session, slot)

    def keep() -> None:
        with replacing(folder / "squares.csv") as temporary:
            table.drop(columns="vertices").to_csv(temporary, index=False, float_format="%.6g")
        write_mrc(folder / "atlas.mrc", atlas.image, atlas.pixel_size_A)

    session.patiently("atlas and squares", keep)
    limits = session.scope.limits
    reachable = table["x_um"].between(*limits.x_um) & table["y_um"].between(*limits.y_um)
    queue = in_order(table[reachable & ~table["partial"].astype(bool)], session.settings.squares, session.settings.seed)
    if queue.empty:
        raise Skipped(f"grid {slot} is skipped: none of its {len(table)} squares is worth a visit.")
    told = ["square", "x_um", "y_um", "x_px", "y_px", "side_px", "score", "kind", "brightness", "area_px", "why",
            "weight", "chosen_because"]  # fmt: skip
    whole = table[~table["partial"].astype(bool)]
    return {
        "found": len(table),
        "usable": len(worth_a_visit(whole, session.settings.squares)) / max(len(whole), 1),
        "pixel_size_A": atlas.pixel_size_A,
        "corner_um": list(atlas.corner_um),
        "to_um": atlas.to_um.tolist(),
        "queue": queue[told].to_dict("records"),
        "all": [
            {"square": row["square"], "score": row["score"], "kind": row["kind"], "why": row["why"],
             "corners_px": [[round(x, 1), round(y, 1)] for x, y in row["vertices"]]}
            for row in table[["square", "score", "kind", "why", "vertices"]].to_dict("records")
        ],
    }  # fmt: skip


def look_at_square(session: Session, slot: int, square: dict[str, Any]) -> dict[str, Any]:
    """Go to a square, find its height, picture it and find its holes.

    Raises
    ------
    Skipped
        When it has no holes to expose.
    Retryable
        When a fault stayed.
    """
    name, lies = f"{slot}/{square['square']}", session.placement(str(slot))
    path = grid_folder(session, slot) / f"square_{square['square']:04d}.mrc"
    z_um, taken = picture_of_square(session, square, lies, path)
    image, _ = read_picture(path)
    lying = around(image, taken["stage_um"], taken["to_um"])
    try:
        found = session.eyes.holes(image, taken["pixel_size_A"])
    except BadInput as error:
        raise Skipped(f"square {name} is skipped: {error}") from error
    table = found.table.copy()
    side_um = square["side_px"] * session.log.result("squares", str(slot))["pixel_size_A"] * 1e-4
    if len(table):
        at_um = lying.stage_um(table[["x_px", "y_px"]].to_numpy(float))
        table[["x_um", "y_um"]] = lies.before_um(at_um)
        table = table[np.hypot(*(at_um - np.array(taken["stage_um"])).T) < _FAR * side_um]
    if table.empty or not table["target"].any():
        why = found.note or (f"none of its {len(table)} holes is a target" if len(table) else "no holes were found")
        raise Skipped(f"square {name} is skipped: {why}.")
    targets, limits = table[table["target"].astype(bool)], session.scope.limits
    now_um = lies.now_um(targets[["x_um", "y_um"]].to_numpy(float))
    lowest, highest = np.transpose([limits.x_um, limits.y_um])
    reached = targets[((lowest <= now_um) & (now_um <= highest)).all(axis=1)]
    if reached.empty:
        raise Skipped(f"square {name} is skipped: its {len(targets)} targets lie outside the limits of the stage.")
    queue = in_order(reached, session.settings.holes, session.settings.seed + int(square["square"]))
    told = ["hole", "x_um", "y_um", "x_px", "y_px", "diameter_px", "score", "brightness", "bright", "why",
            "weight", "chosen_because"]  # fmt: skip
    return {
        "z_um": z_um,
        "holes": len(table),
        "targets": len(targets),
        "target_share": len(targets) / len(table),
        "pixel_size_A": taken["pixel_size_A"],
        "corner_um": lies.before_um(lying.corner_um).tolist(),
        "to_um": (lies.turn.T @ lying.to_um).tolist(),
        "pitch_px": found.pitch_px,
        "targets_brightness": np.quantile(targets["brightness"], np.linspace(0.025, 0.975, 20)).tolist(),
        "queue": queue[told].to_dict("records"),
        "left": [
            {"hole": row["hole"], "x_px": round(row["x_px"], 1), "y_px": round(row["y_px"], 1), "why": row["why"]}
            for row in table[~table["hole"].isin(queue["hole"])].to_dict("records")
        ],
        "picture": path.name,
    }


def picture_of_square(
    session: Session, square: dict[str, Any], lies: Placement, path: Path
) -> tuple[float | None, dict[str, Any]]:
    """Go to a square as the grid lies, find its height, and picture it: the height, and how the picture lies."""
    mode = session.settings.modes.square
    session.patiently("mode", lambda: session.scope.set_mode(mode))
    x_um, y_um = lies.now_um((square["x_um"], square["y_um"])).tolist()
    session.move(x_um, y_um)
    z_um = None
    if session.can(Capability.EUCENTRICITY):
        z_um = session.patiently("eucentric height", session.scope.find_eucentricity)
    return z_um, take_picture(session, mode, None, path)


def worth_a_visit(table: pd.DataFrame, sample: Sample) -> pd.DataFrame:
    """The rows that may be chosen."""
    return table[(table["score"] > 0) & (table["score"] >= sample.least_score)]


def in_order(table: pd.DataFrame, sample: Sample, seed: int) -> pd.DataFrame:
    """The chosen, then the rest by score: it stands in for those that are lost.

    ``weight`` is the share of the cluster or group that a row stands for, 1 where there are none: what clusters sample
    evenly is weighed by what they hold.
    """
    usable = worth_a_visit(table, sample)
    if usable.empty:
        return usable.assign(chosen_because="", weight=1.0)
    weight = np.ones(len(usable))
    if sample.strategy == "clusters":
        cluster = natural_groups(usable[sample.by].to_numpy(float), sample.groups)
        weight = (np.bincount(cluster) / len(cluster))[cluster]
    usable = usable.assign(weight=weight)
    chosen = choose(
        usable, sample.strategy, sample.count, by=sample.by, groups=sample.groups, seed=seed,
        least_score=sample.least_score,
    )  # fmt: skip
    key = "square" if "square" in table else "hole"
    rest = usable[~usable[key].isin(chosen[key])]
    rest = rest.sort_values("score", ascending=False, kind="stable").assign(chosen_because="")
    return pd.concat([chosen, rest], ignore_index=True) if len(rest) else chosen


def take_picture(session: Session, mode: str, at_um: tuple[float, float] | None, path: Path) -> dict[str, Any]:
    """Take a faint picture and keep it; how it lies on the stage."""

    def take() -> Exposure:
        session.scope.set_mode(mode)
        return session.scope.record()

    if at_um is not None:
        session.move(*at_um)
    exposure = session.patiently(f"picture {path.stem}", take)
    image, turn, way = upright(exposure)
    session.patiently(path.name, lambda: write_mrc(path, image, exposure.pixel_size_A))
    x_um, y_um = (exposure.stage.x_um + exposure.image_shift_um[0], exposure.stage.y_um + exposure.image_shift_um[1])
    return {"pixel_size_A": exposure.pixel_size_A, "stage_um": [x_um, y_um], "rotation_deg": turn, "to_um": way}


def upright(exposure: Exposure) -> tuple[NDArray[np.generic], float, list[list[float]]]:
    """A picture turned over where its rows run against the stage, the direction of its columns' axis on the stage in
    degrees, and the stage's way of a pixel along both axes.
    """
    if exposure.pixel_to_stage_um is None:
        raise BadInput("the pictures have no calibration to stage positions", "calibrate the microscope program")
    way = np.array(exposure.pixel_to_stage_um)
    image = exposure.data
    if np.linalg.det(way) < 0:
        image, way = image[::-1], way * [1.0, -1.0]
    return image, float(np.rad2deg(np.arctan2(way[1, 0], way[0, 0]))), way.tolist()


def grid_folder(session: Session, slot: int) -> Path:
    """Where the pictures of a grid are."""
    folder = session.folder / "grids" / f"{slot:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
