"""Pages and tables of a challenge: a score, a split, a choice of β."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cryogauge.io.json_file import write_json_file
from cryogauge.io.replace import replacing
from cryogauge.pick.challenge.beta import TOP, BetaChoice
from cryogauge.pick.challenge.evaluation import Evaluation
from cryogauge.pick.challenge.matching import RecallCurve
from cryogauge.pick.challenge.split import SUBSETS, Split, write_split
from cryogauge.report import Block, Line, line_plot_svg, write_sheet

#: Curves that are told apart in one plot.
_TOGETHER = 3
#: Tomograms that the page lists, the worst first; the table has them all.
_WORST = 30
#: Columns as the pages head them.
_WORDS = {
    "object": "kind",
    "reach_A": "reach, Å",
    "references": "particles",
    "candidates": "picks",
    "tp": "TP",
    "fp": "FP",
    "fn": "FN",
    "f_beta": "F",
    "f_beta_low": "F low",
    "f_beta_high": "F high",
    "f1": "F1",
    "distance_A": "distance, Å",
    "beta": "β",
    "stable": "draws in order",
    "in_order": "Kendall’s τ",
    "gap": "gap / spread",
    "beats_model_from": "above the model from",
}


def write_evaluation(out: Path, found: Evaluation, settings: Mapping[str, object]) -> None:
    """Write ``report.html``, ``score.json``, ``objects.csv``, ``tomograms.csv``, ``counts.csv``, ``one_to_one.csv``.

    Where picks have scores, ``curves.csv`` too: ``object, threshold, precision, recall``.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    """
    tables = {
        "objects": found.objects(),
        "tomograms": found.result.tomograms,
        "counts": found.result.counts,
        "one_to_one": found.matching,
    }
    if found.curves:
        tables["curves"] = pd.concat([_curve_table(curve) for curve in found.curves], ignore_index=True)
    for name, table in tables.items():
        _write_csv(out / f"{name}.csv", table)
    write_json_file(out / "score.json", {**found.plain(), "settings": dict(settings)})
    result, interval = found.result, found.interval
    facts = [
        (f"{result.score:.5f}", f"score, F{result.rules.beta:g} by weight"),
        (f"{interval.low:.3f} – {interval.high:.3f}", f"{_percent(interval.level)} of draws of the tomograms"),
        (str(len(result.tomograms)), "tomograms"),
    ]
    write_sheet(out / "report.html", "Picks against the truth", facts, list(_score_blocks(found)), settings=settings)


def write_split_pages(out: Path, split: Split, settings: Mapping[str, object]) -> None:
    """Write ``split.csv``, ``tests.csv`` and ``report.html``.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    """
    write_split(out / "split.csv", split)
    _write_csv(out / "tests.csv", split.tests)
    sizes = split.table["subset"].value_counts()
    facts = [(str(sizes[name]), name) for name in SUBSETS]
    facts.append((f"{split.tests['p_value'].min():.2f}", "smallest p of all Kolmogorov–Smirnov tests"))
    figures = [(_rising(split, kind), "") for kind in split.kinds]
    tests = split.tests.pivot(index="object", columns=["first", "second"], values="p_value").loc[list(split.kinds)]
    tests.columns = [f"{first}, {second}" for first, second in tests.columns]
    means = split.table.groupby("subset")[list(split.kinds)].mean().loc[list(SUBSETS)].T
    blocks = [
        Block(
            "How many particles the tomograms of each subset have",
            "Share of the tomograms with at most so many. Curves that lie on each other are what is wanted.",
            figures,
        ),
        Block(
            "p of the two-sample Kolmogorov–Smirnov test",
            "Small values would mean unlike subsets. This division was chosen among many by these tests: they "
            "describe it, and are no evidence.",
            table=tests.rename_axis("kind").reset_index(),
        ),
        Block("Mean number of particles a tomogram", table=means.rename_axis("kind").reset_index()),
    ]
    write_sheet(out / "report.html", "Train, public and private tomograms", facts, blocks, settings=settings)


def write_beta(out: Path, choice: BetaChoice, settings: Mapping[str, object]) -> None:
    """Write ``stability.csv``, ``mixtures.csv`` and ``report.html``.

    Raises
    ------
    BadInput
        When the folder cannot be written.
    """
    _write_csv(out / "stability.csv", choice.stability)
    _write_csv(out / "mixtures.csv", choice.scores)
    facts = [
        ("none" if choice.beta is None else f"{choice.beta:g}", "smallest stable β of those tried"),
        (str(choice.scores["draw"].nunique()), "draws of every mixture"),
    ]
    mean = choice.scores.pivot_table(index="share", columns="beta", values="score")
    tried = choice.stability["beta"].tolist()
    shown = sorted({tried[0], tried[len(tried) // 2], tried[-1], choice.beta or tried[0]})
    curves = [Line(f"β = {beta:g}", mean.index, mean[beta].to_numpy()) for beta in shown]
    plot = line_plot_svg(
        curves, title="Mean score of the mixtures", x_label="share of truth", y_label="score", x_range=(0, 1),
    )  # fmt: skip
    stable = Line("stable", choice.stability["beta"], choice.stability["stable"])
    rank = line_plot_svg(
        [stable], title=f"Draws with the best {TOP} in order", x_label="β", y_label="share", y_range=(0, 1.02)
    )
    blocks = [
        Block(
            "Mixtures of truth and the model’s picks",
            f"A β is stable when in {_percent(choice.needed)} of the draws the {TOP} best mixtures by score are those "
            "with the greatest shares of truth, in order.",
            [(plot, "At share 0 stands the model itself."), (rank, "")],
            _in_words(choice.stability),
        )
    ]
    write_sheet(out / "report.html", "Which β", facts, blocks, settings=settings)


def _score_blocks(found: Evaluation):
    doubts = [*found.suspicions, *found.remarks]
    if doubts:
        yield Block("Worth a second look", table=pd.DataFrame({"what": doubts}))
    objects = found.objects()
    yield Block(
        "Each kind of particle",
        "By the challenge’s metric: TP counts particles that have a pick in reach, and FP is the number of picks less "
        "TP, below 0 where one pick hits several particles. F low and F high hold the middle "
        f"{_percent(found.interval.level)} of draws of the tomograms with replacement.",
        table=_in_words(objects if found.curves else objects.drop(columns="average_precision")),
    )
    yield Block(
        "One pick, one particle",
        "Each pick paired with at most one particle and each particle with at most one pick: most pairs first, then "
        "least distance. The distance is the median of the pairs.",
        table=_in_words(found.matching),
    )
    if found.curves:
        yield Block(
            "Precision against recall",
            "As the threshold on the picks’ scores falls, matched one to one. Average precision is the area below.",
            [_recall_plot(found.curves[first : first + _TOGETHER]) for first in range(0, len(found.curves), _TOGETHER)],
        )
    worst = found.result.tomograms.sort_values("score", kind="stable").head(_WORST)
    heading = "Each tomogram" if len(worst) == len(found.result.tomograms) else f"The {_WORST} worst tomograms"
    yield Block(
        heading,
        "The score of a tomogram is the mean by weight of F over the kinds that it holds. The score of all is none of "
        "these averaged: it comes from the sums over all tomograms.",
        table=_in_words(worst),
    )


def _recall_plot(curves: tuple[RecallCurve, ...]) -> tuple[str, str]:
    lines = [Line(curve.object, [0.0, *curve.recall], [curve.precision[0], *curve.precision]) for curve in curves]
    areas = "; ".join(f"{curve.object} {curve.average_precision:.3f}" for curve in curves)
    plot = line_plot_svg(
        lines, title=", ".join(curve.object for curve in curves), x_label="recall", y_label="precision",
        x_range=(0, 1), y_range=(0, 1.02),
    )  # fmt: skip
    return plot, f"Average precision: {areas}"


def _rising(split: Split, kind: str) -> str:
    """Empirical distribution functions of a kind's counts, as steps."""
    lines = []
    most = int(split.table[kind].max())
    for name in SUBSETS:
        values = np.sort(split.table.loc[split.table["subset"] == name, kind].to_numpy())
        x = np.repeat(np.concatenate([[0], values, [most]]), 2)[1:]
        y = np.repeat(np.arange(len(values) + 1) / len(values), 2)
        lines.append(Line(name, x, np.append(y, 1.0)))
    return line_plot_svg(lines, title=kind, x_label="particles in a tomogram", y_label="share", y_range=(0, 1.02))


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns=_WORDS)


def _percent(part: float) -> str:
    return f"{100 * part:.3g} %"


def _curve_table(curve: RecallCurve) -> pd.DataFrame:
    values = {"threshold": curve.threshold, "precision": curve.precision, "recall": curve.recall}
    return pd.DataFrame({"object": curve.object, **values})


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)
