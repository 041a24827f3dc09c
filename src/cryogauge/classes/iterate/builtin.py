"""The classifier of cryogauge itself as the engine of a selection, for those who have neither RELION nor cryoSPARC."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cryogauge.classes.iterate.engine import Classified, Extracted, Particles, Say
from cryogauge.classes.iterate.particle_star import ParticleStar
from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.rounds import Ids
from cryogauge.records import BadInput, ClassStack


@dataclass(frozen=True)
class BuiltinEngine:
    """2-D classification by :func:`cryogauge.imaging.class2d.classify`; it makes no first models.

    Attributes
    ----------
    star
        The particles.
    """

    star: ParticleStar
    name: str = "builtin"
    makes_models: bool = False

    def particles(self) -> Particles:
        """All of the STAR file, numbered by their rows."""
        star = self.star
        extraction_px = round(star.box_px * star.pixel_size_A / star.original_pixel_size_A)
        return Particles(
            np.arange(len(star.rows)), star.box_px, star.pixel_size_A, extraction_px, star.fingerprint, str(star.path)
        )

    def classify(self, ids: Ids, classes: int, plan: IteratePlan, folder: Path, say: Say) -> Classified:
        """Classify the images of the chosen rows; all of them are held in memory."""
        from cryogauge.imaging.class2d import ClassSettings, classify

        widest_A = (self.star.box_px - 2) * self.star.pixel_size_A
        if plan.diameter_A > widest_A:
            raise BadInput(
                f"particles of {plan.diameter_A:g} Å do not fit in boxes of {widest_A:.4g} Å",
                "give their diameter in Å",
            )
        settings = ClassSettings(classes, mask_diameter_A=min(plan.mask_diameter_A, widest_A), seed=plan.seed)
        transfer = contrast_transfer(self.star, ids)
        notes = () if transfer else ("No defocus is known: contrast transfer is not corrected for.",)
        found = classify(read_images(self.star, ids), self.star.pixel_size_A, settings, ctf=transfer, say=say)
        table = pd.DataFrame(
            {
                "class": np.arange(classes),
                "resolution_A": found.resolution_A,
                "distribution": found.distribution,
                "particles": np.bincount(found.assignment, minlength=classes),
            }
        )
        stack = ClassStack(
            found.averages, self.star.pixel_size_A, table, str(self.star.path), "cryogauge", (*notes, *found.notes)
        )
        return Classified(stack, np.asarray(ids), found.assignment)

    def reextract(self, ids: Ids, last: Path, plan: IteratePlan, folder: Path, say: Say) -> Extracted:
        """The chosen rows as they are."""
        path = folder.absolute() / "particles.star"
        self.star.write(ids, path)
        return Extracted(str(path), f"as they were given, {self.star.box_px} px of {self.star.pixel_size_A:.4g} Å")

    def ab_initio(self, extracted: Extracted, plan: IteratePlan, folder: Path, say: Say) -> Path:
        """Refused: there is none."""
        raise BadInput("cryogauge's own classifier makes no first models", "use --engine relion or cryosparc")


def contrast_transfer(star: ParticleStar, ids: Ids) -> Callable[[slice], NDArray[np.float32]] | None:
    """Contrast transfer of the chosen rows by their defocus, of a slice of them at a time; None where it is not known.

    RELION's sign: protein is bright where it is positive. What is no column of the particles is read from the first
    group of the optics.

    Returns
    -------
    A function from a slice to float32 ``(particle, y, x // 2 + 1)`` in the layout of ``rfft2``.
    """
    from cryogauge.imaging.ctf import ctf_2d

    wanted = {
        "u": "rlnDefocusU", "v": "rlnDefocusV", "astigmatism_deg": "rlnDefocusAngle", "voltage_kV": "rlnVoltage",
        "cs_mm": "rlnSphericalAberration", "amplitude_contrast": "rlnAmplitudeContrast",
    }  # fmt: skip
    known = {name: star.of_each(label) for name, label in wanted.items()}
    if any(each is None for each in known.values()):
        return None
    phase_deg = star.of_each("rlnPhaseShift")
    known["phase_shift_deg"] = np.zeros(len(star.rows)) if phase_deg is None else phase_deg
    rows = pd.DataFrame(known).iloc[np.asarray(ids)]
    rows = rows.assign(defocus_A=(rows["u"] + rows["v"]) / 2, astigmatism_A=rows["u"] - rows["v"])
    each = rows.drop(columns=["u", "v"]).to_dict("records")
    shape, pixel_A = (star.box_px, star.box_px), star.pixel_size_A

    def transfer(part: slice) -> NDArray[np.float32]:
        return np.stack(
            [-ctf_2d(shape, pixel_A, **{str(name): float(x) for name, x in row.items()}) for row in each[part]]
        )

    return transfer


def read_images(star: ParticleStar, ids: Ids) -> NDArray[np.float32]:
    """Images of the chosen rows, float32 of shape ``(particle, y, x)``, in their order.

    Raises
    ------
    BadInput
        When a stack is missing or has not so many images.
    """
    from cryogauge.io.mrc import map_mrc

    stacks: dict[str, np.ndarray] = {}
    images = []
    for row in ids:
        number, _, name = star.images[int(row)].partition("@")
        if name not in stacks:
            stacks[name] = map_mrc(star.root / name)[1]
        if not 1 <= int(number) <= len(stacks[name]):
            raise BadInput(f"{name} has no image {int(number)}, which {star.path} names", "extract again")
        images.append(np.asarray(stacks[name][int(number) - 1], dtype=np.float32))
    return np.stack(images)
