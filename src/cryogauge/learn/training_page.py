"""What a training leaves for people: a page of its curves and its model card in words."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from cryogauge.io.replace import replacing
from cryogauge.learn.weights import ModelCard
from cryogauge.report import Block, Line, line_plot_svg, write_sheet


def read_log(path: Path) -> pd.DataFrame:
    """The lines of a ``log.jsonl``, the last of each step or epoch; empty where there is none."""
    if not path.exists():
        return pd.DataFrame()
    lines = pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line])
    return lines.drop_duplicates(lines.columns[0], keep="last").sort_values(lines.columns[0], ignore_index=True)


def write_training(
    path: Path,
    card: ModelCard,
    logs: Mapping[str, Path],
    settings: Mapping[str, object],
    *,
    measured: tuple[str, str] = ("pearson_mean", "Pearson’s r"),
    blocks: Sequence[Block] = (),
) -> Path:
    """Write the report of a training, and the card in words beside it (``model-card.md``).

    Parameters
    ----------
    path
        The HTML file.
    card
        Of the weights that came out.
    logs
        The ``log.jsonl`` of each run, by what it was.
    settings
        What was used.
    measured
        Column of the logs that was measured on what was not trained on, and what it is; the card's figures
        with its name stand at the head of the page.
    blocks
        What is shown between the curves and the card.
    """
    shown = [block for name, log in logs.items() if (block := _curves(name, read_log(log), measured)) is not None]
    shown += blocks
    accuracy = pd.DataFrame({"figure": [k.replace("_", " ") for k in card.accuracy], "value": card.accuracy.values()})
    shown.append(Block("Accuracy", "As in the model card; what was measured is in the names.", table=accuracy))
    shown.append(Block("Limits", table=pd.DataFrame({"limit": card.limits})))
    with replacing(path.with_name("model-card.md")) as temporary:
        temporary.write_text(card_text(card), encoding="utf-8")
    facts = [
        (f"{value:.3f}", name.replace("_", " "))
        for name, value in card.accuracy.items()
        if measured[0].split("_")[0] in name
    ]
    return write_sheet(path, f"Training of {card.name}", facts, shown, settings={"data": card.data, **settings})


def card_text(card: ModelCard) -> str:
    """A model card as Markdown."""
    rows = "".join(f"| {name.replace('_', ' ')} | {value:.3f} |\n" for name, value in card.accuracy.items())
    limits = "".join(f"- {limit}\n" for limit in card.limits)
    return (
        f"# {card.name}\n\n- Data: {card.data}.\n- Recipe: {card.recipe}, seed {card.seed}, code version "
        f"{card.code_version}.\n\n## Accuracy\n\n| figure | value |\n| --- | --- |\n{rows}\n## Limits\n\n{limits}"
    )


def _curves(name: str, log: pd.DataFrame, measured: tuple[str, str]) -> Block | None:
    """Loss and validation over steps or epochs; None for a log with fewer than two lines."""
    if len(log) < 2:
        return None
    x_label, x = str(log.columns[0]), log[log.columns[0]]
    figures: list[tuple[str, str]] = []
    for column, what in (("loss", "loss"), measured):
        if column in log and log[column].notna().any():
            plot = line_plot_svg([Line(what, x, log[column])], title=what, x_label=x_label, y_label=what)
            figures.append((plot, "On what was not trained on." if column == measured[0] else ""))
    return Block(name, figures=figures)
