import numpy as np
import pytest

from cryogauge.score.dose.split import Exposures
from cryogauge.simulate.acquire import Imaging, combine, expose
from cryogauge.simulate.specimens import make_specimen


def simulated(seed=3, fractions=8, dose=300.0, shape=(40, 96, 96)):
    """A platelet's tilt series with its dose fractions."""
    specimen = make_specimen("platelet", shape, 26.52, 70.0, seed, contaminants=False)
    imaging = Imaging(dose_e_A2=dose, tilt_range_deg=50, tilt_step_deg=5, frames=fractions, damage=False,
                      defocus_A=120_000.0, schedule="unidirectional", axis_deg=4.0)  # fmt: skip
    parts = expose(specimen, imaging, seed, frames=True)
    assert isinstance(parts, list)
    movies = [np.stack([part.images[k] for part in parts]) for k in range(len(parts[0].table))]
    return Exposures(combine(parts), movies)


@pytest.fixture(scope="session")
def exposures():
    return simulated()
