"""A light classifier of single-particle images, for rooms and tests that have neither RELION nor cryoSPARC."""

from cryogauge.imaging.class2d.classification import HISTORY_COLUMNS, Classification, classify
from cryogauge.imaging.class2d.match import ALIGNMENT_COLUMNS, align_to, polar_correlation
from cryogauge.imaging.class2d.settings import ClassSettings

__all__ = [
    "ALIGNMENT_COLUMNS",
    "HISTORY_COLUMNS",
    "ClassSettings",
    "Classification",
    "align_to",
    "classify",
    "polar_correlation",
]
