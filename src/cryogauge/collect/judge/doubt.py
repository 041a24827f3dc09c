"""Whether a count of particles can be relied on, and if not why.

On simulated micrographs whose particles are known, these three tell most of the counts that are wrong by more than they
claim: dark spots of the finest size that is looked for, where noise and the lobes of larger particles are; a field that
does not look like one with particles, whose grains, crystals and dirt have texture too; film in much of the field.
Without a contrast transfer a fourth does: next to no dark spots in a field that looks like one with particles.
"""

from cryogauge.collect.judge.classify import Opinion
from cryogauge.collect.judge.view import Particles, is_finest
from cryogauge.simulate.micrographs import MICROGRAPH_CLASSES

_WITH_PARTICLES = ("great", "decent")
_LEAST_LIKELY = 0.5
_MOST_CARBON = 0.2
_LEAST_COVERAGE = 0.03
_LOOKS = {
    "contaminated": "dirt, cracks and drift make such spots too",
    "empty": "where there is no ice they are noise",
    "crystalline": "crystalline ice has such grains too",
    "no_particles": "ice without particles has such grains too",
}


def count_doubt(particles: Particles, dark: bool, opinion: Opinion, carbon: float, *, expects_rings: bool) -> str:
    """Why a count of particles is not to be relied on; empty where nothing speaks against it.

    Parameters
    ----------
    particles
        That were counted.
    dark
        Whether as dark spots.
    opinion
        Of the network on what the field looks like.
    carbon
        Part of the field that is support film.
    expects_rings
        Whether a contrast transfer was looked for.
    """
    if dark and is_finest(particles):
        return "they are dark spots as fine as the noise"
    likely = dict(zip(MICROGRAPH_CLASSES, opinion.probability, strict=True))
    if sum(likely[kind] for kind in _WITH_PARTICLES) < _LEAST_LIKELY:
        return _LOOKS[max(_LOOKS, key=lambda kind: likely[kind])]
    if carbon > _MOST_CARBON:
        return f"{100 * carbon:.0f} % of the field is support film, and what lies along its rim counts too"
    if not expects_rings and particles.coverage < _LEAST_COVERAGE:
        return "the field looks as if there were more"
    return ""
