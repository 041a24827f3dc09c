"""``cryogauge challenge``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryogauge.cli.challenge_shrec import EXAMPLES as SHREC_EXAMPLES
from cryogauge.cli.challenge_shrec import shrec
from cryogauge.cli.options import BrowserOption, HostOption, PortOption, TokenOption, make_folder
from cryogauge.cli.terminal import (
    MARKUP,
    DebugOption,
    JsonOption,
    examples,
    output_console,
    print_json,
    show_page,
    tell,
)

if TYPE_CHECKING:
    import pandas as pd

    from cryogauge.pick.challenge import Rules

challenge_app = typer.Typer(
    help="Score picks as the CZII challenge and the SHREC tracks do, and hold a challenge of your own.",
    rich_markup_mode=MARKUP,
    no_args_is_help=True,
)

TruthArgument = Annotated[
    str,
    typer.Argument(
        metavar="TRUTH", help="Known positions: a CSV, the challenge's or ours, or a copick.json.", show_default=False
    ),
]
PicksArgument = Annotated[str, typer.Argument(metavar="PICKS", help="Picks, in the same formats.", show_default=False)]
ObjectsOption = Annotated[
    Path | None,
    typer.Option(
        "--objects",
        metavar="FILE",
        help="Kinds with radius and weight: a JSON list of {name, radius_A, weight}, or a copick.json; by default "
        "those of the truth's copick project, else of the CZII challenge.",
    ),
]
FactorOption = Annotated[
    float, typer.Option("--radius-factor", metavar="F", help="A pick hits within F times the particle's radius.")
]
BetaOption = Annotated[float, typer.Option("--beta", metavar="B", help="How much more recall weighs than precision.")]
TruthUserOption = Annotated[
    str | None, typer.Option("--truth-user", metavar="ID", help="Whose positions of the truth's copick project.")
]
TruthSessionOption = Annotated[
    str | None, typer.Option("--truth-session", metavar="ID", help="Which session of the truth's copick project.")
]
UserOption = Annotated[str | None, typer.Option("--user", metavar="ID", help="Whose picks of a copick project.")]
SessionOption = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="Which session of a copick project.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables and the page.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Another seed, other draws.")]


@challenge_app.command(
    "score",
    epilog=examples(
        "cryogauge challenge score truth.csv submission.csv",
        "cryogauge challenge score copick.json copick.json --truth-user curation --user unet --session 1 --out score",
        "cryogauge challenge score truth.csv picks.csv --objects kinds.json --beta 1 --json",
    ),
)
def score(
    truth: TruthArgument,
    picks: PicksArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for tables and a page with curves.")
    ] = None,
    objects: ObjectsOption = None,
    beta: BetaOption = 4.0,
    radius_factor: FactorOption = 0.5,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", metavar="A", help="A pick hits within so many Å, whatever the particle's radius."),
    ] = None,
    truth_user: TruthUserOption = None,
    truth_session: TruthSessionOption = None,
    user: UserOption = None,
    session: SessionOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Score picks by the metric of the CZII challenge, to the last digit.

    Prints the score, each kind of particle, and how far the score would move with other tomograms.
    """
    from cryogauge.pick.challenge.evaluation import evaluate
    from cryogauge.pick.challenge.page import write_evaluation
    from cryogauge.pick.challenge.sources import make_rules, read_positions

    rules = make_rules(objects, truth, beta=beta, radius_factor=radius_factor, tolerance_A=tolerance)
    known = read_positions(truth, rules, user=truth_user, session=truth_session)
    found = evaluate(known, _picks_of(picks, rules, user, session), rules, seed=seed)
    for doubt in found.suspicions:
        tell(f"warning: {doubt}")
    for remark in found.remarks:
        tell(remark)
    if out is not None:
        make_folder(out)
        settings = {"truth": truth, "picks": picks, **_of_rules(rules), **_version(), "seed": seed}
        write_evaluation(out, found, settings)
        tell(f"{out / 'report.html'}")
    if as_json:
        print_json(found.plain())
        return
    interval, number = found.interval, len(found.result.tomograms)
    print(f"score {found.result.score!r}")
    print(f"{100 * interval.level:g} % of draws of {number} tomograms: {interval.low:.4f} to {interval.high:.4f}")
    output_console().print(_kinds_table(found.objects()))


@challenge_app.command(
    "split",
    epilog=examples(
        "cryogauge challenge split truth.csv --out split", "cryogauge challenge split copick.json --train 5 --out split"
    ),
)
def split(
    truth: TruthArgument,
    out: OutOption,
    train: Annotated[int, typer.Option("--train", metavar="N", min=1, help="Tomograms to learn from.")] = 7,
    public: Annotated[
        float, typer.Option("--public", metavar="P", min=0.0, max=1.0, help="Part of the rest whose score all see.")
    ] = 0.25,
    bins: Annotated[int, typer.Option("--bins", metavar="N", min=1, help="Groups of tomograms with like counts.")] = 16,
    draws: Annotated[
        int, typer.Option("--draws", metavar="N", min=1, help="Random divisions, of which the best is kept.")
    ] = 200,
    objects: ObjectsOption = None,
    truth_user: TruthUserOption = None,
    truth_session: TruthSessionOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Divide tomograms into train, public and private ones with like numbers of each kind of particle.

    Writes split.csv (tomogram, subset, bin, counts), the Kolmogorov–Smirnov tests and a page.
    """
    from cryogauge.pick.challenge.page import write_split_pages
    from cryogauge.pick.challenge.sources import make_rules, read_positions, tomograms_of
    from cryogauge.pick.challenge.split import SUBSETS, count_particles, split_tomograms

    rules = make_rules(objects, truth)
    known = read_positions(truth, rules, user=truth_user, session=truth_session)
    counts = count_particles(known, rules.names, tomograms_of(truth))
    found = split_tomograms(counts, train=train, public=public, bins=bins, draws=draws, seed=seed)
    make_folder(out)
    settings = {"truth": truth, "train": train, "public": public, "bins": bins, "draws": draws, "seed": seed}
    write_split_pages(out, found, settings | _version())
    sizes = {name: int((found.table["subset"] == name).sum()) for name in SUBSETS}
    if as_json:
        print_json({"split": str(out / "split.csv"), "sizes": sizes, "tests": found.tests.to_dict("records")})
        return
    print(f"{out / 'split.csv'}: " + ", ".join(f"{size} {name}" for name, size in sizes.items()))
    tell(f"smallest p of the Kolmogorov–Smirnov tests: {found.tests['p_value'].min():.3g}; {out / 'report.html'}")


@challenge_app.command(
    "choose-beta",
    epilog=examples(
        "cryogauge challenge choose-beta truth.csv model.csv --out beta",
        "cryogauge challenge choose-beta truth.csv model.csv --out beta --betas 1,2,4,8 --draws 50",
    ),
)
def choose_beta(
    truth: TruthArgument,
    picks: Annotated[
        str, typer.Argument(metavar="PICKS", help="A model's picks of the same tomograms.", show_default=False)
    ],
    out: OutOption,
    betas: Annotated[str, typer.Option("--betas", metavar="B,B,…", help="Values to try.")] = "0.5,1,2,3,4,5,6,8,10",
    draws: Annotated[int, typer.Option("--draws", metavar="N", min=2, help="Times each mixture is drawn anew.")] = 20,
    needed: Annotated[
        float, typer.Option("--needed", metavar="P", help="Part of the draws that must agree for a β to be stable.")
    ] = 0.95,
    objects: ObjectsOption = None,
    radius_factor: FactorOption = 0.5,
    truth_user: TruthUserOption = None,
    truth_session: TruthSessionOption = None,
    user: UserOption = None,
    session: SessionOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the smallest β that ranks mixtures of truth and a model's picks by their share of truth.

    Exits with 1 when no β that was tried does.
    """
    from cryogauge.pick.challenge import beta as choosing
    from cryogauge.pick.challenge.page import write_beta
    from cryogauge.pick.challenge.sources import make_rules, read_positions

    rules = make_rules(objects, truth, radius_factor=radius_factor)
    known = read_positions(truth, rules, user=truth_user, session=truth_session)
    model = _picks_of(picks, rules, user, session)
    tried = _numbers(betas)
    found = choosing.choose_beta(known, model, rules, betas=tried, draws=draws, needed=needed, seed=seed)
    make_folder(out)
    settings = {"truth": truth, "picks": picks, "betas": betas, "draws": draws, "needed": needed, "seed": seed}
    write_beta(out, found, settings | _version())
    tell(f"{out / 'report.html'}")
    if as_json:
        print_json({"beta": found.beta, "stability": found.stability.to_dict("records")})
    else:
        output_console().print(_plain_table(found.stability))
        print("no β that was tried is stable" if found.beta is None else f"smallest stable β: {found.beta:g}")
    if found.beta is None:
        raise typer.Exit(1)


@challenge_app.command(
    "serve",
    epilog=examples(
        "cryogauge challenge serve truth.csv --split split/split.csv --board board.sqlite",
        "cryogauge challenge serve truth.csv --split split/split.csv --board board.sqlite --reveal",
    ),
)
def serve(
    truth: TruthArgument,
    split: Annotated[
        Path, typer.Option("--split", metavar="CSV", help="Which tomograms are public and private: `challenge split`.")
    ],
    board: Annotated[Path, typer.Option("--board", metavar="FILE", help="SQLite file that keeps the submissions.")],
    title: Annotated[str, typer.Option("--title", help="What stands above the page.")] = "Picking challenge",
    reveal: Annotated[bool, typer.Option("--reveal", help="Show private scores to everybody.")] = False,
    objects: ObjectsOption = None,
    beta: BetaOption = 4.0,
    radius_factor: FactorOption = 0.5,
    truth_user: TruthUserOption = None,
    truth_session: TruthSessionOption = None,
    organiser_key: Annotated[
        str | None,
        typer.Option(
            "--organiser-key",
            envvar="CRYOGAUGE_ORGANISER_KEY",
            help="Secret that shows private scores; by default a new one each time.",
            show_default=False,
        ),
    ] = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    token: TokenOption = None,
    browser: BrowserOption = True,
    debug: DebugOption = False,
) -> None:
    """Serve a leaderboard to which CSVs of picks are uploaded, until Ctrl-C.

    Public scores are shown to all, private ones to the organiser until `--reveal`. The same command goes on where it
    was stopped.
    """
    import secrets
    from urllib.parse import quote

    from cryogauge.pick.challenge.board import Board, Contest
    from cryogauge.pick.challenge.sources import make_rules, read_positions
    from cryogauge.pick.challenge.split import read_split
    from cryogauge.web.app import create_app
    from cryogauge.web.app import serve as serve_app
    from cryogauge.web.guard import check_reach, check_token
    from cryogauge.web.leaderboard import LARGEST_SUBMISSION_BYTES, leaderboard_router

    check_reach(host, token)
    key = organiser_key or secrets.token_urlsafe(24)
    check_token(key)
    rules = make_rules(objects, truth, beta=beta, radius_factor=radius_factor)
    known = read_positions(truth, rules, user=truth_user, session=truth_session)
    contest = Contest.of(known, read_split(split), rules)

    def ready(address: str) -> None:
        told = [f"{contest.told()}; Ctrl-C ends"]
        if not reveal:
            base, _, query = address.partition("?")
            query = f"{query}&" if query else ""
            told.append(f"private scores, for the organiser alone: {base}organiser?{query}key={quote(key, safe='')}")
        show_page(address, *told, browser=browser)

    with Board(board, contest) as kept:
        router = leaderboard_router(kept, reveal=reveal, organiser_key=key)
        app = create_app(title, router, token=token, largest_body_bytes=LARGEST_SUBMISSION_BYTES)
        serve_app(app, host=host, port=port, on_ready=ready)
        tell(f"{kept.count()} submissions in {board}")


challenge_app.command("shrec", epilog=examples(*SHREC_EXAMPLES))(shrec)


def _picks_of(source: str, rules: "Rules", user: str | None, session: str | None) -> "pd.DataFrame":
    from cryogauge.pick.challenge.sources import read_positions

    return read_positions(source, rules, user=user, session=session)


def _kinds_table(objects: "pd.DataFrame"):
    from rich.table import Table

    shown = Table("kind", "weight", "particles", "picks", "TP", "FP", "FN", "precision", "recall", "F", "95 %", "AP")
    for each in objects.to_dict("records"):
        area = f"{each['average_precision']:.3f}" if each["average_precision"] == each["average_precision"] else "-"
        shown.add_row(
            each["object"], f"{each['weight']:g}",
            *(str(each[name]) for name in ("references", "candidates", "tp", "fp", "fn")),
            *(f"{each[name]:.4f}" for name in ("precision", "recall", "f_beta")),
            f"{each['f_beta_low']:.3f} – {each['f_beta_high']:.3f}", area,
        )  # fmt: skip
    return shown


def _plain_table(table: "pd.DataFrame"):
    from rich.table import Table

    shown = Table(*(str(name).replace("_", " ") for name in table.columns))
    for row in table.itertuples(index=False):
        shown.add_row(*(f"{value:.4g}" for value in row))
    return shown


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no list of numbers such as 1,2,4") from None


def _of_rules(rules: "Rules") -> dict[str, object]:
    kinds = ", ".join(f"{each.name} ({each.radius_A:g} Å, weight {each.weight:g})" for each in rules.objects)
    reach = {"radius_factor": rules.radius_factor} if rules.tolerance_A is None else {"tolerance_A": rules.tolerance_A}
    return {"beta": rules.beta, **reach, "kinds": kinds}


def _version() -> dict[str, object]:
    from cryogauge import __version__

    return {"version": __version__}
