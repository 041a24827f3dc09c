"""Exposing a hole: centred, focused, settled, recorded once, kept, judged."""

import hashlib
import json
import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from cryogauge import __version__
from cryogauge.collect.judge.judge import INDICATORS, PARTS
from cryogauge.collect.screen.log import JUDGED
from cryogauge.collect.screen.pace import Focus
from cryogauge.collect.screen.particles import centres_path, keep_centres
from cryogauge.collect.screen.session import Lost, Session
from cryogauge.collect.targets.circles import disc_response, peaks
from cryogauge.collect.targets.realign import Placement
from cryogauge.io import read_picture, write_mrc
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.jobs.ledger import LedgerKey
from cryogauge.records import BadInput, Retryable
from cryogauge.records.faults import Unsafe
from cryogauge.records.microscope import Capability, Exposure, Mode

EXPOSURES = "exposures"
#: What the report wants to know of an exposure.
KEPT = ("score", "kind", "flags", "said", *(f"part_{part}" for part in PARTS), *INDICATORS)
_STEPS = (0.0, 2 / 3, 1 / 3, 1.0)  # of the range of defocus, far apart from one exposure to the next
_RING = 0.25  # of a hole's diameter
_PLAIN = 0.35  # correlation from which a disc is taken for the hole
_LEAST_PX = 4.0  # radius in pixels below which holes are not centred


def expose_hole(
    session: Session,
    slot: int,
    square: dict[str, Any],
    seen: dict[str, Any],
    hole: dict[str, Any],
    centre: dict[str, Any] | None = None,
) -> int:
    """Expose a hole as often as is planned and fits in, but no place twice; how many exposures there are of it now.

    Parameters
    ----------
    session
        With the grid loaded.
    slot, square, seen, hole
        Which: rows of the queues, and what was seen of the square.
    centre
        The hole that the stage goes to, when image shift is to reach this one from there.

    Raises
    ------
    Lost
        When a fault took one of its exposures.
    Ended
        When the session must stop.
    """
    plan = session.settings.exposures
    target = f"{slot}/{square['square']}/{hole['hole']}"
    shots = shots_that_fit(
        plan.per_hole, _diameter_um(seen, hole), session.scope.modes[session.settings.modes.exposure]
    )
    names = [f"{target}/{shot}" for shot in range(shots)]
    for name in names:
        recover(session, name)
    missing = [(shot, name) for shot, name in enumerate(names) if not session.log.begun("expose", name)]
    if missing:
        if shots < plan.per_hole and not any(session.log.results("expose")):
            session.log.say(f"{shots} of {plan.per_hole} exposures fit in hole {target} without one on another")
        try:
            lies = session.placement(f"{slot}/{square['square']}")
            for shot, name in missing:
                session.orders()  # whatever was set before a pause is set anew behind it
                shift_um = _go(session, seen, _now(lies, hole), _now(lies, centre or hole))
                _expose(session, name, shift_um + _offset_um(shot, shots, seen, hole), square, hole)
        except (Retryable, Unsafe) as error:
            raise Lost(f"hole {target} is given up: {error}") from error
    return sum(session.log.result("expose", name) is not None for name in names)


def recover(session: Session, name: str) -> None:
    """An exposure that was kept, but whose end a kill kept from being written down, is taken as done."""
    log, (path, told) = session.log, _files(session, name)
    if log.begun("expose", name) and log.result("expose", name) is None and path.exists() and told.exists():
        log.settle("expose", name, read_json_file(told, "delete it to do without the exposure"))
        log.say(f"exposure {name} was complete when the session was cut off")


def judge_exposures(session: Session, target: str) -> list[dict[str, Any]]:
    """Rows of the exposures whose names begin with ``target``, those judged that were not yet; they steer focus."""
    rows = []
    for name, taken in list(session.log.results("expose")):
        if f"{name}/".startswith(f"{target}/"):
            rows.append(_row(session, name, taken))
    return rows


def _row(session: Session, name: str, taken: dict[str, Any]) -> dict[str, Any]:
    key = LedgerKey(name, str(taken["recorded_at_s"]), session.weights, _digest(session))
    row = session.ledger.get(key)
    if row is not None:
        return row
    path, _ = _files(session, name)
    try:
        image, _ = read_picture(path)
        judged = session.eyes.judge(image, taken["pixel_size_A"], session.settings.judge)
        keep_centres(centres_path(path), judged)
    except BadInput as error:
        session.log.say(f"exposure {name} cannot be judged: {error}")
        judged = {"score": 0.0, "said": f"It cannot be judged: {error}."}
    row = {"exposure": name, **taken, **{column: judged.get(column, math.nan) for column in KEPT}}
    session.log.renew(JUDGED, name, row)
    session.ledger.put(key, row, [f"{EXPOSURES}/{path.name}"])
    session.focus = session.focus.learned(
        taken["wanted_A"], float(row["defocus_A"]), session.settings.pace.focus_within_A
    )
    return row


def _digest(session: Session) -> str:
    used = {"version": __version__, **asdict(session.settings.judge)}
    return hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()


def _go(session: Session, seen: dict[str, Any], hole: dict[str, Any], centre: dict[str, Any]) -> np.ndarray:
    """Go to a hole, or stay at the hole from which image shift reaches it, focused and settled; the image shift (x, y)
    that brings it to the middle.
    """
    at_um, scope, pace = (centre["x_um"], centre["y_um"]), session.scope, session.settings.pace
    aside_um = session.aside_um
    if session.at_um != at_um or aside_um is None:
        aside_um = session.aside_um = _arrive(session, seen, centre)
    else:
        session.patiently("mode", lambda: scope.set_mode(session.settings.modes.exposure))
    shift_um = aside_um + np.subtract((hole["x_um"], hole["y_um"]), at_um)
    most_um = scope.limits.image_shift_um - _ring_um(session, seen, hole)
    if hole["hole"] != centre["hole"] and math.hypot(*shift_um) > most_um:
        session.log.say(f"hole {hole['hole']} is {math.hypot(*shift_um):.1f} µm away: the stage goes there")
        return _go(session, seen, hole, hole)
    why = session.focus.why(at_um, pace.focus_every_um)
    if why and session.can(Capability.AUTOFOCUS):
        wanted_A = _wanted_A(session)
        session.patiently("autofocus", lambda: scope.autofocus(wanted_A))
        session.focus = Focus(math.nan, at_um, wanted_A)
    return shift_um


def _now(lies: Placement, hole: dict[str, Any]) -> dict[str, Any]:
    """A hole with its place on the stage as the grid lies now."""
    x_um, y_um = lies.now_um((hole["x_um"], hole["y_um"])).tolist()
    return {**hole, "x_um": x_um, "y_um": y_um}


def _arrive(session: Session, seen: dict[str, Any], centre: dict[str, Any]) -> np.ndarray:
    """Move the stage to a hole and settle; the image shift (x, y) that brings the hole to the middle."""
    scope, modes = session.scope, session.settings.modes
    session.move(centre["x_um"], centre["y_um"], seen["z_um"])
    aside_um = np.zeros(2)
    if modes.hole and session.can(Capability.IMAGE_SHIFT):
        session.patiently("mode", lambda: scope.set_mode(modes.hole))
        aside_um = _aside_um(session.patiently("picture of the hole", scope.record), seen, centre)
    session.patiently("mode", lambda: scope.set_mode(modes.exposure))
    _settle(session)
    return aside_um


def _aside_um(exposure: Exposure, seen: dict[str, Any], hole: dict[str, Any]) -> np.ndarray:
    """How far (x, y) the nearest hole lies from the middle of a picture; nothing where none is plain."""
    scale = seen["pixel_size_A"] / exposure.pixel_size_A
    radius_px = 0.5 * hole["diameter_px"] * scale
    if exposure.pixel_to_stage_um is None or not _LEAST_PX <= radius_px < min(exposure.data.shape) / 3:
        return np.zeros(2)
    middle = (np.array(exposure.data.shape[::-1]) - 1) / 2
    response = disc_response(np.asarray(exposure.data, np.float32), radius_px)
    away = peaks(response, 1 if hole["bright"] else -1, _PLAIN)[0] - middle
    half_pitch_px = 0.5 * seen["pitch_px"] * scale if seen["pitch_px"] > 0 else 1.5 * radius_px
    away = away[np.hypot(*away.T) <= half_pitch_px]
    if not len(away):
        return np.zeros(2)
    return np.array(exposure.pixel_to_stage_um) @ away[np.argmin(np.hypot(*away.T))]


def _settle(session: Session) -> None:
    """Wait as long as was needed of late, then until drift is low."""
    scope, pace, far = session.scope, session.settings.pace, session.far
    left_s = session.settling[far].wait_s - (scope.clock.now_s - session.moved_s)
    if left_s > 0:
        scope.clock.sleep(left_s)
        scope.control.check()
    if session.can(Capability.DRIFT):
        began_s = scope.clock.now_s
        rate = session.patiently("drift", lambda: scope.wait_for_drift(pace.drift_A_s))
        session.drift_A_s = rate
        session.settling[far] = session.settling[far].learned(
            scope.clock.now_s - began_s, rate, pace.drift_A_s, pace.most_wait_s
        )  # fmt: skip


def _wanted_A(session: Session) -> float:
    """Defocus of the next exposure."""
    low_A, high_A = session.settings.exposures.defocus_A
    count = sum(1 for _ in session.log.results("expose"))
    return low_A + _STEPS[count % len(_STEPS)] * (high_A - low_A)


def _expose(session: Session, name: str, shift_um: np.ndarray, square: dict[str, Any], hole: dict[str, Any]) -> None:
    """Everything up to the exposure may be tried again; the exposure itself may not. Image shift comes last: a
    connection that was set up anew before has none.
    """
    scope, plan = session.scope, session.settings.exposures
    wanted_A = _wanted_A(session)
    zero_A = session.focus.zero_A if session.can(Capability.AUTOFOCUS) else 0.0
    if math.isnan(zero_A):
        wanted_A = session.focus.left_A
    elif session.can(Capability.DEFOCUS):
        session.patiently("defocus", lambda: scope.set_defocus(zero_A + wanted_A))
    shape = scope.modes[session.settings.modes.exposure].shape_px
    session.ready_to_expose(4.0 * math.prod(shape))
    if session.can(Capability.IMAGE_SHIFT):
        session.patiently("image shift", lambda: scope.set_image_shift(float(shift_um[0]), float(shift_um[1])))
    path, told = _files(session, name)

    def take() -> dict[str, Any]:
        exposure = scope.record(plan.dose_e_A2, plan.frames)
        session.lost_in_a_row = 0
        if not math.isnan(exposure.defocus_A) and math.isnan(session.focus.zero_A):
            session.focus = replace(session.focus, zero_A=exposure.defocus_A - wanted_A)
        taken = {
            "picture": f"{EXPOSURES}/{path.name}", "pixel_size_A": exposure.pixel_size_A,
            "x_um": exposure.stage.x_um + exposure.image_shift_um[0],
            "y_um": exposure.stage.y_um + exposure.image_shift_um[1],
            "wanted_A": wanted_A, "dose_e_A2": exposure.dose_e_A2, "frames_file": exposure.frames,
            "recorded_at_s": exposure.recorded_at_s, "drift_A_s": session.drift_A_s, "square": square["square"],
            "weight": hole["weight"], "hole_brightness": hole["brightness"],
        }  # fmt: skip
        session.patiently(told.name, lambda: write_json_file(told, taken))
        session.patiently(path.name, lambda: write_mrc(path, exposure.data, exposure.pixel_size_A))
        return taken

    session.log.do("expose", name, take)


def shots_that_fit(planned: int, diameter_um: float, mode: Mode) -> int:
    """As many of the planned exposures of a hole as lie apart by the diagonal of their field, which a round beam that
    lights all of it reaches over: where beams overlap, what is exposed next was damaged before.
    """
    apart_um, ring_um = math.hypot(*mode.field_um), _RING * diameter_um
    fit = 1
    for count in range(2, planned + 1):
        beside_um = 2 * ring_um * math.sin(math.pi / (count - 1)) if count > 2 else math.inf
        fit = count if min(ring_um, beside_um) >= apart_um else fit
    return fit


def _offset_um(shot: int, count: int, seen: dict[str, Any], hole: dict[str, Any]) -> np.ndarray:
    """Where in a hole a shot goes, (x, y) from its middle."""
    if shot == 0:
        return np.zeros(2)
    angle = 2 * np.pi * shot / (count - 1)
    return _RING * _diameter_um(seen, hole) * np.array([np.cos(angle), np.sin(angle)])


def _ring_um(session: Session, seen: dict[str, Any], hole: dict[str, Any]) -> float:
    """How far from the middle of a hole its shots go."""
    return _RING * _diameter_um(seen, hole) if session.settings.exposures.per_hole > 1 else 0.0


def _diameter_um(seen: dict[str, Any], hole: dict[str, Any]) -> float:
    return hole["diameter_px"] * seen["pixel_size_A"] * 1e-4


def _files(session: Session, name: str) -> tuple[Any, Any]:
    """Picture of an exposure, and how it was taken."""
    stem = "exposure_" + "_".join(name.split("/"))
    folder = session.folder / EXPOSURES
    return folder / f"{stem}.mrc", folder / f"{stem}.json"
