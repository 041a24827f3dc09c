"""``cryogauge classes``."""

import typer

from cryogauge.cli.classes_grade import CALIBRATE_EXAMPLES, calibrate_mass, grade
from cryogauge.cli.classes_grade import EXAMPLES as GRADE_EXAMPLES
from cryogauge.cli.classes_iterate import EXAMPLES as ITERATE_EXAMPLES
from cryogauge.cli.classes_iterate import iterate
from cryogauge.cli.classes_select import EXAMPLES as SELECT_EXAMPLES
from cryogauge.cli.classes_select import select
from cryogauge.cli.classes_views import (
    COMPARE_EXAMPLES,
    COMPOSITION_EXAMPLES,
    DUPLICATES_EXAMPLES,
    ORIENTATIONS_EXAMPLES,
    compare,
    composition,
    duplicates,
    orientations,
)
from cryogauge.cli.terminal import MARKUP, examples, help_alone

classes_app = typer.Typer(
    help="Averages of 2-D classes: which are worth keeping, and why.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge classes grade Class2D/job012 --out graded"),
)
classes_app.command(epilog=examples(*GRADE_EXAMPLES))(grade)
classes_app.command(epilog=examples(*SELECT_EXAMPLES))(select)
classes_app.command(epilog=examples(*ITERATE_EXAMPLES))(iterate)
classes_app.command(epilog=examples(*ORIENTATIONS_EXAMPLES))(orientations)
classes_app.command(epilog=examples(*DUPLICATES_EXAMPLES))(duplicates)
classes_app.command(epilog=examples(*COMPOSITION_EXAMPLES))(composition)
classes_app.command(epilog=examples(*COMPARE_EXAMPLES))(compare)
classes_app.command("calibrate-mass", epilog=examples(*CALIBRATE_EXAMPLES))(calibrate_mass)
classes_app.callback(invoke_without_command=True)(help_alone)
