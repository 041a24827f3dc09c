"""Small particle sets in RELION's form, and an engine that sorts by the truth."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import rotate

from cryogauge.classes.iterate.engine import Classified, Extracted, Particles
from cryogauge.io import MrcWriter, write_mrc
from cryogauge.records import BadInput, ClassStack, Retryable

BOX, PIXEL_A = 32, 8.0
_OPTICS = (
    "# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n"
    "_rlnMicrographOriginalPixelSize #3\n_rlnVoltage #4\n_rlnSphericalAberration #5\n_rlnAmplitudeContrast #6\n"
    "_rlnImagePixelSize #7\n_rlnImageSize #8\n_rlnImageDimensionality #9\n"
    "one 1 {original:g} 300 2.7 0.1 {pixel:g} {box} 2\n\n"
)
_LABELS = (
    "# version 30001\n\ndata_particles\n\nloop_\n_rlnImageName #1\n_rlnMicrographName #2\n_rlnOpticsGroup #3\n"
    "_rlnCoordinateX #4\n_rlnCoordinateY #5\n_rlnDefocusU #6\n_rlnDefocusV #7\n_rlnDefocusAngle #8\n"
)


def is_true(row: int) -> bool:
    """Whether a particle of :func:`write_particles` is no false pick."""
    return row % 2 == 0


def write_particles(folder: Path, count: int, *, name: str = "particles", box: int = BOX, pixel_A: float = PIXEL_A):
    """Images of an elongated blob, every second one of noise alone, and their STAR file."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:box, :box] - box / 2
    size = box / BOX
    shape = np.exp(-((x / 7 / size) ** 2) - (y / 3 / size) ** 2) + np.exp(-(((x - 7 * size) ** 2 + y**2) / 9 / size**2))
    outside = x**2 + y**2 > (0.42 * box) ** 2
    folder.mkdir(parents=True, exist_ok=True)
    with MrcWriter(folder / f"{name}.mrcs", (count, box, box), pixel_A, stack=True) as writer:
        for row in range(count):
            image = rng.normal(0, 0.7, (box, box))
            if is_true(row):
                image += 2 * rotate(shape, rng.uniform(0, 360), reshape=False, order=1)
            writer.append(((image - image[outside].mean()) / image[outside].std()).astype(np.float32))
    rows = "".join(
        f"{row + 1:06d}@{name}.mrcs mic{row % 3}.mrc 1 {100 + row}.000 {200 + row}.000 15000 15000 0\n"
        for row in range(count)
    )
    path = folder / f"{name}.star"
    path.write_text(_OPTICS.format(original=PIXEL_A / 4, pixel=pixel_A, box=box) + _LABELS + rows + "\n")
    return path


@dataclass
class TruthEngine:
    """An engine without images: particles of one kind share a class. It notes what it is asked for."""

    count: int = 400
    fail_at: str = ""
    makes_models: bool = True
    name: str = "truth"
    asked: list[str] = field(default_factory=list)

    def particles(self):
        return Particles(np.arange(self.count), 64, 2.0, 128, f"{self.count}", "particles of a test")

    def _note(self, what, folder):
        if self.fail_at and self.fail_at in f"{folder}":
            raise Retryable(f"{what} broke", "mend it")
        self.asked.append(f"{folder.parent.name}/{folder.name}" if what != "classify" else folder.name)

    def classify(self, ids, classes, plan, folder, say):
        self._note("classify", folder)
        kinds = np.asarray(ids) % 4  # 0 and 2 good, 1 bad, 3 between
        table = pd.DataFrame({"class": range(4), "resolution_A": 8.0, "distribution": 0.25, "particles": len(ids) // 4})
        images = np.random.default_rng(0).normal(size=(4, 32, 32)).astype(np.float32)
        return Classified(ClassStack(images, 2.0, table, "truth", "cryogauge"), np.asarray(ids)[::-1], kinds[::-1])

    def reextract(self, ids, last, plan, folder, say):
        self._note("reextract", folder)
        return Extracted(str(folder / "particles.star"), "unbinned")

    def ab_initio(self, extracted, plan, folder, say):
        if plan.seed == 13:
            raise BadInput("no model today")
        self._note("model", folder)
        write_mrc(folder / "initial_model.mrc", np.random.default_rng(plan.seed).normal(size=(16, 16, 16)), 4.0)
        return folder / "initial_model.mrc"


def grade(stack: ClassStack) -> pd.DataFrame:
    """Classes 0 and 2 of :class:`TruthEngine` good, 1 bad, 3 between."""
    number = stack.table["class"]
    return pd.DataFrame(
        {"class": number, "grade": number.map({0: 1.5, 1: 4.9, 2: 2.5, 3: 3.2}), "flags": [(), ("empty",), (), ()]}
    )
