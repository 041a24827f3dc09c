"""Where the squares and holes of a grid are that was taken out since, or may have been."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from cryogauge.collect.screen.log import PLACED
from cryogauge.collect.screen.look import (
    ATLAS_PX,
    find_grid_squares,
    grid_folder,
    picture_of_square,
    take_picture,
    tile_places,
)
from cryogauge.collect.screen.session import Ended, Session, Skipped
from cryogauge.collect.targets.atlas import Atlas, stitch
from cryogauge.collect.targets.realign import Lying, Placement, Realigned, around, realign
from cryogauge.io import read_picture
from cryogauge.records import BadInput, Retryable

#: Edge in µm of the part of a grid that is looked at first.
_FIRST_LOOK_UM = 600.0
#: A grid whose points are nearer than this to where they were lies as it did.
_SAME_UM = 2.0
#: How far from where the atlas has it a square is looked for.
_SQUARE_UM, _SQUARE_DEG = 15.0, 3.0


def place_grid(session: Session, slot: int, found: dict[str, Any]) -> dict[str, Any]:
    """Tell how a grid lies whose squares are known from an earlier run; its squares, anew where that is not clear.

    A few tiles of the atlas are taken and matched with it; all of them where these do not tell. Where even they do not,
    they are the atlas from now on.

    Parameters
    ----------
    session
        With the grid loaded.
    slot
        Of the grid.
    found
        Its squares, as :func:`find_grid_squares` gave them.

    Raises
    ------
    Ended
        When the microscope takes none of the pictures.
    Skipped
        When there are no squares to visit.
    """
    name, log = str(slot), session.log
    if "to_um" not in found:  # of a session that did not keep it
        session.placed[name] = Placement()
        return found
    image, _ = read_picture(grid_folder(session, slot) / "atlas.mrc")
    kept = Lying(image, tuple(found["corner_um"]), np.array(found["to_um"]))
    mode = session.scope.modes[session.settings.modes.atlas]
    places = tile_places(session.settings.atlas, mode, session.scope.limits)
    places = places[np.argsort(np.hypot(*places.T), kind="stable")]
    first = min(math.ceil(_FIRST_LOOK_UM**2 / math.prod(mode.field_um)), len(places))
    view, looked = None, Realigned(Placement(), 0.0, 0.0, clear=False)
    for count in dict.fromkeys((first, len(places))):
        view = _view(session, slot, places[:count]) or view
        if view is not None:
            looked = realign(kept, Lying(view.image, view.corner_um, view.to_um))
        if looked.clear and view is not None:
            lies = _rounded(looked.placement, view)
            session.placed[name] = lies
            log.say(_said(slot, lies))
            log.renew(PLACED, name, _told(looked))
            return found
    if view is None:
        raise Ended(f"no picture tells how grid {slot} lies now", "see to the microscope, then run again")
    visited = [target for step, target in log.steps if step == "visited" and target.startswith(f"{slot}/")]
    log.say(
        f"grid {slot}: how it lies now is not clear (its pictures correlate by {looked.correlation:.2f} with the "
        f"atlas, and by {looked.elsewhere:.2f} elsewhere): the atlas is taken anew, its squares get new numbers; the "
        f"{len(visited)} that were visited are not known among them and may be exposed again"
    )
    again = find_grid_squares(session, slot, view, first=1 + max(each["square"] for each in found["all"]))
    session.placed[name] = Placement()
    log.renew("squares", name, again)
    return again


def place_square(session: Session, slot: int, square: dict[str, Any], seen: dict[str, Any]) -> dict[str, Any]:
    """What was seen of a square before its grid was loaded again, with its height now; how it lies is kept.

    Raises
    ------
    Skipped
        When its picture does not tell how it lies.
    Retryable
        When a fault stayed.
    """
    target, about = f"{slot}/{square['square']}", session.placement(str(slot))
    if about == Placement():
        return seen
    path = grid_folder(session, slot) / f"square_{square['square']:04d}_again.mrc"
    z_um, taken = picture_of_square(session, square, about, path)
    kept = Lying(_picture(path.with_name(seen["picture"])), tuple(seen["corner_um"]), np.array(seen["to_um"]))
    view = around(_picture(path), taken["stage_um"], taken["to_um"])
    looked = realign(kept, view, about=about, most_um=_SQUARE_UM, most_deg=_SQUARE_DEG)
    session.log.renew(PLACED, target, _told(looked))
    if not looked.clear:
        raise Skipped(
            f"the rest of square {target} is skipped: since the grid was loaded again its picture does not tell where "
            f"its holes are (it correlates by {looked.correlation:.2f}, and by {looked.elsewhere:.2f} elsewhere)."
        )
    session.placed[target] = looked.placement
    return {**seen, "z_um": z_um}


def _view(session: Session, slot: int, places: np.ndarray) -> Atlas | None:
    """Tiles at some places in one picture; ``None`` when faults took all."""
    mode = session.scope.modes[session.settings.modes.atlas]
    tiles, at, turn = [], [], 0.0
    for number, (x, y) in enumerate(places):
        session.orders()
        path = grid_folder(session, slot) / f"again_{number:03d}.mrc"
        try:
            taken = take_picture(session, mode.name, (float(x), float(y)), path)
        except Retryable as error:
            session.log.say(f"grid {slot}: a picture of how it lies, at {x:.0f}, {y:.0f} µm, is missing: {error}")
            session.missed(error)
            continue
        session.lost_in_a_row = 0
        tiles.append(_picture(path))
        at.append(taken["stage_um"])
        turn = taken["rotation_deg"]
    if not tiles:
        return None
    return stitch(tiles, np.array(at), mode.pixel_size_A, rotation_deg=turn, longest_px=ATLAS_PX)


def _rounded(lies: Placement, view: Atlas) -> Placement:
    """No placement at all for one that moves nothing in a picture by more than can be told."""
    edge_px = np.array(view.image.shape[::-1]) - 1
    corners = view.stage_um(np.array([(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)]) * edge_px)
    moved_um = np.hypot(*(lies.now_um(corners) - corners).T)
    return Placement() if moved_um[-1] < _SAME_UM and moved_um.max() < 2 * _SAME_UM else lies


def _said(slot: int, lies: Placement) -> str:
    if lies == Placement():
        return f"grid {slot} lies as it did"
    x_um, y_um = lies.shift_um
    return (
        f"grid {slot} lies elsewhere than before: turned by {lies.rotation_deg:.2f}° and shifted by {x_um:.1f}, "
        f"{y_um:.1f} µm; its squares and holes are looked for there"
    )


def _told(looked: Realigned) -> dict[str, Any]:
    lies = looked.placement
    return {
        "rotation_deg": lies.rotation_deg, "shift_um": list(lies.shift_um), "clear": looked.clear,
        "correlation": looked.correlation, "elsewhere": looked.elsewhere,
    }  # fmt: skip


def _picture(path: Path) -> Any:
    try:
        return read_picture(path)[0]
    except BadInput as error:
        raise Skipped(f"a picture that tells how it lies is skipped: {error}") from error
