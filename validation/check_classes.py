"""Grades of simulated classes of unseen structures, by the grader that comes with the package.

``class_mse`` is that of scores on the 0–1 scale. ``class_invariance_max`` is the largest over the changes of
:func:`validation.classes.changes` of the 95th percentile of how far grades move, over averages of all grades.
``mass_error_median`` is the median relative error of structures' masses, from averages of grade 3.5 and better, where
another structure of the same job gave the factor; ``mass_error_other_sessions`` that where structures of other sessions
gave it, of a program that leaves the noise of a particle image as the unit. Beside them stand what the program's
resolution alone tells, and a rule by hand.
"""

import numpy as np
import pandas as pd

from cryogauge.classes.accuracy import KEEP_UP_TO, grade_accuracy
from cryogauge.classes.grade import grade_classes
from cryogauge.classes.mass import calibrate_mass, class_masses_kDa, mode_of_masses
from cryogauge.records import ClassStack
from cryogauge.simulate.classes import SimulatedClasses
from validation.classes import JOBS, changes, contrast_rule, held_out

FIGURES = (
    "class_mse",
    "class_spearman",
    "class_auc_keep_3p5",
    "class_invariance_max",
    "mass_error_median",
    "mass_error_other_sessions",
    "class_spearman_resolution",
    "class_auc_resolution",
    "class_spearman_rule",
    "class_auc_rule",
)
#: Jobs whose averages are changed, and most averages of each.
_CHANGED_JOBS, _CHANGED = 16, 12
#: Programs that scale a whole job alike, and the one whose unit is the noise of a particle image.
_WHOSE_UNIT_IS_KEPT, _UNIT_IS_NOISE = ("relion", "cryosparc"), "relion"


def run(small: bool = False) -> dict[str, float]:
    """Judge; on six jobs when ``small``."""
    jobs = list(held_out(6 if small else JOBS))
    graded = [grade_classes(job.stack) for job in jobs]
    truth = np.concatenate([job.truth["grade"].to_numpy() for job in jobs])
    found = grade_accuracy(truth, pd.concat(graded)["grade"].to_numpy())
    figures = {f"class_{name}": value for name, value in found.items()}
    told = np.concatenate([job.stack.table["resolution_A"].to_numpy(dtype=float) for job in jobs])
    known = np.isfinite(told) & (told < 500)
    by_resolution = grade_accuracy(truth[known], told[known])
    by_rule = grade_accuracy(truth, np.concatenate([contrast_rule(job.stack) for job in jobs]))
    for name, rule in (("resolution", by_resolution), ("rule", by_rule)):
        figures[f"class_spearman_{name}"] = rule["spearman"]
        figures[f"class_auc_{name}"] = rule["auc_keep_3p5"]
    figures["class_invariance_max"] = _invariance(jobs[:_CHANGED_JOBS])
    figures |= _mass_errors(jobs)
    return figures


def _invariance(jobs: list[SimulatedClasses]) -> float:
    moved: dict[str, list[np.ndarray]] = {}
    for job in jobs:
        stack = ClassStack(job.stack.images[:_CHANGED], None, job.stack.table[:_CHANGED])
        before = grade_classes(stack)["grade"].to_numpy()
        for name, change in changes().items():
            images = np.ascontiguousarray(change(stack.images), dtype=np.float32)
            after = grade_classes(ClassStack(images, None, stack.table))["grade"].to_numpy()
            moved.setdefault(name, []).append(np.abs(after - before))
    worst = {name: float(np.quantile(np.concatenate(each), 0.95)) for name, each in moved.items()}
    for name, value in worst.items():
        each = np.concatenate(moved[name])
        print(f"     {name}: mean {each.mean():.3f}, 95 % {value:.3f}, most {each.max():.3f}")
    return max(worst.values())


def _mass_errors(jobs: list[SimulatedClasses]) -> dict[str, float]:
    """Errors of structures whose factor others gave: of the same job, and of other sessions."""
    found: list[pd.DataFrame] = []
    for number, job in enumerate(job for job in jobs if job.stack.program in _WHOSE_UNIT_IS_KEPT):
        good = (job.truth["grade"] <= KEEP_UP_TO).to_numpy() & job.truth["mass_kDa"].notna().to_numpy()
        measured = class_masses_kDa(job.stack.images, job.stack.pixel_size_A, 1.0)
        good &= np.isfinite(measured)
        table = job.truth[good].assign(measured=measured[good]).groupby("structure", as_index=False)
        modes = table.agg(
            known=("mass_kDa", "first"), measured=("measured", lambda each: mode_of_masses(each.to_numpy()))
        )
        found.append(modes.assign(job=number, program=job.stack.program))
    modes = pd.concat(found, ignore_index=True)
    pairs = modes.merge(modes, on="job", suffixes=("", "_gives"))
    pairs = pairs[pairs["structure"] != pairs["structure_gives"]]
    factor = pairs["known_gives"] / pairs["measured_gives"]
    same = (factor * pairs["measured"] / pairs["known"] - 1).abs().median()
    of_unit = modes[modes["program"] == _UNIT_IS_NOISE]
    given, asked = of_unit[of_unit["job"] % 2 == 0], of_unit[of_unit["job"] % 2 == 1]
    errors = {"mass_error_median": float(same), "mass_error_other_sessions": float("nan")}
    if len(given) and len(asked):
        factor = calibrate_mass(given["measured"].to_numpy(), given["known"].to_numpy()).factor
        errors["mass_error_other_sessions"] = float((factor * asked["measured"] / asked["known"] - 1).abs().median())
    return errors
