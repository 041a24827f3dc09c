"""What passes between rooms: frozen dataclasses, table schemas, typed errors. numpy and pandas only."""

from cryogauge.records.classes import CLASS_COLUMNS, GRADE_COLUMNS, REASONS, RUBRIC, ClassStack, score_of_grade
from cryogauge.records.errors import BadInput, CryogaugeError, Retryable
from cryogauge.records.judgement import SCORE_COLUMNS, SLICE_COLUMNS, TomogramJudgement
from cryogauge.records.objects import CZII_OBJECTS, PickObject
from cryogauge.records.picks import PICK_COLUMNS, check_picks
from cryogauge.records.tiltseries import OPTIONAL_TILT_COLUMNS, PREVIEW, TILT_COLUMNS, TiltSeries
from cryogauge.records.volume import Volume

__all__ = [
    "CLASS_COLUMNS",
    "CZII_OBJECTS",
    "GRADE_COLUMNS",
    "OPTIONAL_TILT_COLUMNS",
    "PICK_COLUMNS",
    "PREVIEW",
    "REASONS",
    "RUBRIC",
    "SCORE_COLUMNS",
    "SLICE_COLUMNS",
    "TILT_COLUMNS",
    "BadInput",
    "ClassStack",
    "CryogaugeError",
    "PickObject",
    "Retryable",
    "TiltSeries",
    "TomogramJudgement",
    "Volume",
    "check_picks",
    "score_of_grade",
]
