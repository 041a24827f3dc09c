"""``cryogauge collect``."""

import typer

from cryogauge.cli.collect_dataset import (
    CHECK_EXAMPLES,
    EXPORT_EXAMPLES,
    IMPORT_EXAMPLES,
    check,
    export,
    import_dataset,
)
from cryogauge.cli.collect_find import HOLES_EXAMPLES, SQUARES_EXAMPLES, holes, squares
from cryogauge.cli.collect_judge import EXAMPLES as JUDGE_EXAMPLES
from cryogauge.cli.collect_judge import judge
from cryogauge.cli.collect_scorer import EXAMPLES as SCORER_EXAMPLES
from cryogauge.cli.collect_scorer import train_scorer
from cryogauge.cli.collect_screen import EXAMPLES as SCREEN_EXAMPLES
from cryogauge.cli.collect_screen import screen
from cryogauge.cli.terminal import MARKUP, examples, help_alone

collect_app = typer.Typer(
    help="Microscope sessions: grids screened unattended, squares and holes to image, exposures judged as they come.",
    rich_markup_mode=MARKUP,
    epilog=examples("cryogauge collect judge micrographs/ --out judged --pixel-size 0.83"),
)
collect_app.command(epilog=examples(*SQUARES_EXAMPLES))(squares)
collect_app.command(epilog=examples(*HOLES_EXAMPLES))(holes)
collect_app.command("train-scorer", epilog=examples(*SCORER_EXAMPLES))(train_scorer)
collect_app.command(epilog=examples(*JUDGE_EXAMPLES))(judge)
collect_app.command(epilog=examples(*SCREEN_EXAMPLES))(screen)
collect_app.command("import", epilog=examples(*IMPORT_EXAMPLES))(import_dataset)
collect_app.command(epilog=examples(*CHECK_EXAMPLES))(check)
collect_app.command(epilog=examples(*EXPORT_EXAMPLES))(export)
collect_app.callback(invoke_without_command=True)(help_alone)
