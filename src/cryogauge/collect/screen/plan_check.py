"""Whether a microscope can do what a session plans, asked before anything moves."""

import math
from dataclasses import asdict

from cryogauge.collect.judge.judge import CTF_PIXEL_A
from cryogauge.collect.screen.by_shift import check_reach
from cryogauge.collect.screen.session import Session
from cryogauge.imaging.ctf_astigmatic import FINEST_CYCLES_PX
from cryogauge.records import BadInput
from cryogauge.records.microscope import Capability


def check_plan(session: Session) -> None:
    """Refuse a plan that cannot be carried out, which else is found out hours later, hole by hole.

    Raises
    ------
    BadInput
        For a mode that is not there, dose or defocus outside the limits, movies that are not saved, fits
        that pixels are too coarse for, holes out of reach.
    """
    scope, plan = session.scope, session.settings.exposures
    for use, mode in asdict(session.settings.modes).items():
        if mode not in scope.modes and not (use == "hole" and not mode):
            raise BadInput(
                f"the microscope has no mode {mode!r} for modes: {use}", f"its modes are: {', '.join(scope.modes)}"
            )
    limits = scope.limits
    if plan.dose_e_A2 is not None and plan.dose_e_A2 > limits.dose_e_A2:
        raise BadInput(
            f"exposures: dose_e_A2 is {plan.dose_e_A2:g}, the limit {limits.dose_e_A2:g} e/Å²",
            "give less, or raise the limit dose_e_A2",
        )
    low_A, high_A = limits.defocus_A
    if session.can(Capability.DEFOCUS) and not low_A <= min(plan.defocus_A) <= max(plan.defocus_A) <= high_A:
        raise BadInput(
            f"exposures: defocus_A is {list(plan.defocus_A)}, the limits are {low_A:g} to {high_A:g} Å",
            "give Å of underfocus, such as [10000, 20000]",
        )
    if plan.frames and not session.can(Capability.FRAMES):
        raise BadInput("the microscope does not save movies", "leave exposures: frames out")
    pixel_A, good_A = scope.modes[session.settings.modes.exposure].pixel_size_A, session.settings.skip.good_resolution_A
    if pixel_A > CTF_PIXEL_A:
        session.log.say(
            f"exposures have {pixel_A:g} Å a pixel: contrast transfer is not looked for above {CTF_PIXEL_A:g}, and "
            "nothing is skipped by it"
        )
    elif good_A < pixel_A / FINEST_CYCLES_PX:
        raise BadInput(
            f"skip: good_resolution_A is {good_A:g}, but with {pixel_A:g} Å a pixel no contrast transfer is seen to "
            f"better than {pixel_A / FINEST_CYCLES_PX:.1f} Å: every grid would be skipped",
            f"give {math.ceil(1.3 * pixel_A / FINEST_CYCLES_PX)}, or a finer mode",
        )
    check_reach(session)
