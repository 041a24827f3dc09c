"""The reference pages that are made from the code: ``python -m tools.reference`` writes them."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"

#: What the Python reference shows, in this order: the package's own names, then what they pass and raise.
PUBLIC_MODULES = (
    "cryogauge",
    "cryogauge.score",
    "cryogauge.simulate",
    "cryogauge.io",
    "cryogauge.io.copick",
    "cryogauge.io.picks",
    "cryogauge.pick",
    "cryogauge.pick.challenge",
    "cryogauge.simulate.phantom",
    "cryogauge.imaging",
    "cryogauge.jobs",
    "cryogauge.report",
    "cryogauge.records",
)


def commands(command: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Every command below and with ``command``: its full name, itself and its context."""
    context = command.context_class(command, info_name=path)
    yield path, command, context
    for name in getattr(command, "commands", {}):
        child = command.get_command(context, name)
        if not child.hidden:
            yield from commands(child, f"{path} {name}")


def application() -> Any:
    """The command line as one command object."""
    from typer.main import get_command

    from cryogauge.cli.app import app

    return get_command(app)


def cli_page() -> str:
    """The page of commands, in Markdown."""
    parts = ["# Commands", "Written from the program's own help."]
    for name, command, context in commands(application(), "cryogauge"):
        parts.append(f"## {name}")
        parts.append(inspect.cleandoc(command.help or "").replace("\b\n", ""))
        if hasattr(command, "commands"):
            continue
        parts.append("```text\n" + " ".join([name, *command.collect_usage_pieces(context)]) + "\n```")
        records = [record for p in command.get_params(context) if (record := p.get_help_record(context))]
        parts.append("\n".join(["| option | |", "| --- | --- |", *(_option(*record) for record in records)]))
    return "\n\n".join(part for part in parts if part) + "\n"


def _option(name: str, text: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"\[/?(?:dim|bold|red|yellow|green|cyan)\]", "", text)).replace("|", "\\|")
    name = re.sub(r" <(?:list\[str\]|path)>$", "", name).replace("|", "/")
    return f"| `{name}` | {text.strip()} |"


def python_page() -> str:
    """The page of public functions and classes, in Markdown."""
    parts = ["# Python", "Written from the docstrings. Arrays are `(z, y, x)`; names carry their units."]
    seen: set[int] = set()
    for name in PUBLIC_MODULES:
        module = importlib.import_module(name)
        parts += [f"## {name}", inspect.cleandoc(module.__doc__ or "")]
        for public in module.__all__:
            member = getattr(module, public)
            if callable(member) and id(member) not in seen:
                seen.add(id(member))
                parts.append(_member(public, member))
    return "\n\n".join(parts) + "\n"


def _member(name: str, member: Any) -> str:
    return f"### {name}\n\n```text\n{_signature(name, member)}\n\n{inspect.getdoc(member) or ''}\n```"


def _signature(name: str, member: Any) -> str:
    """The call as one would read it: types without their modules, a parameter a line where it is long."""
    signature = inspect.signature(member)
    parameters = [str(parameter) for parameter in signature.parameters.values()]
    keywords = [parameter.kind is parameter.KEYWORD_ONLY for parameter in signature.parameters.values()]
    if True in keywords:
        parameters.insert(keywords.index(True), "*")
    returns = signature.return_annotation
    arrow = "" if inspect.isclass(member) or returns is signature.empty else f" -> {inspect.formatannotation(returns)}"
    text = f"{name}({', '.join(parameters)}){arrow}"
    if len(text) > 100:
        text = "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){arrow}"])
    text = re.sub(r"<function (?:[\w.<>]+\.)?(\w+|<lambda>) at 0x[0-9a-f]+>", r"\1", text)
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", text)


def model_card_page() -> str:
    """The page of the shipped network, from the card beside its weights, in Markdown."""
    import cryogauge
    from cryogauge.learn.weights import read_card

    card = read_card(Path(cryogauge.__file__).parent / "weights" / "compact.safetensors")
    parts = [
        "# The network compact",
        "Written from the card that travels with the weights, `cryogauge/weights/compact.json`.",
        "It scores slices of tomograms, five at a time, and single pictures; what a score means is told in "
        "[What a score means](../explanation/scores.md), how it does on data it has not seen in "
        "[Measured figures](../figures.md).",
        "## How it was made",
        f"- Data: {card.data}, drawn from `recipes/{card.recipe}` with seed {card.seed}, code version "
        f"{card.code_version}.\n- Again: `make train`, a stage at a time.",
        "## On tomograms kept out of training",
        "These tomograms also set the calibration and the uncertainty, so the figures flatter a little.",
        "\n".join(["| figure | value |", "| --- | --- |", *(f"| {k} | {v:.3f} |" for k, v in card.accuracy.items())]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card.limits),
    ]
    return "\n\n".join(parts) + "\n"


def picker_card_page() -> str:
    """The page of the shipped picker, from the card beside its weights, in Markdown."""
    from cryogauge.learn.weights import read_card
    from cryogauge.pick.shipped import SHIPPED, picker_weights

    card = read_card(picker_weights(SHIPPED))
    thresholds = card.tables["thresholds"]
    kinds = [
        f"| {name} | {each['radius_A']:g} | {thresholds[name]:.2f} |" for name, each in card.tables["objects"].items()
    ]
    parts = [
        f"# The picker {SHIPPED}",
        f"Written from the card that travels with the weights, `cryogauge/weights/{SHIPPED}.json`.",
        "It finds the six species of the CZII challenge in tomograms of 10 Å: `cryogauge pick predict` without "
        "`--model`. How it does on simulated tomograms that it has not seen stands in "
        "[Measured figures](../figures.md); how to go on from it on labelled tomograms of your own, in "
        "[Find particles](../how-to/find-particles.md).",
        "## How it was made",
        f"- Data: {card.data}, seed {card.seed}; code version {card.code_version}.\n"
        f"- Network: `{card.recipe}`.\n- Again: `make train-picker`.",
        "## Kinds",
        "\n".join(["| kind | radius, Å | lowest score of a pick |", "| --- | ---: | ---: |", *kinds]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card.limits),
    ]
    return "\n\n".join(parts) + "\n"


def grader_card_page() -> str:
    """The page of the shipped grader of class averages, from the card beside its weights, in Markdown."""
    from cryogauge.classes.shipped import grader_weights
    from cryogauge.learn.weights import read_card

    path = grader_weights(None)
    card = read_card(path)
    parts = [
        f"# The grader {path.stem}",
        f"Written from the card that travels with the weights, `cryogauge/weights/{path.stem}.json`.",
        "It grades averages of 2-D classes: `cryogauge classes grade` without `--model`. What a grade means is told in "
        "[What a grade means](../explanation/class-grades.md), how it does on simulated averages of structures that it "
        "has not seen in [Measured figures](../figures.md).",
        "## How it was made",
        f"- Data: {card.data}, seed {card.seed}; code version {card.code_version}.\n- Network: `{card.recipe}`.",
        "## On structures kept out of training",
        "These also chose the calibration of the uncertainty.",
        "\n".join(["| figure | value |", "| --- | --- |", *(f"| {k} | {v:.3f} |" for k, v in card.accuracy.items())]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card.limits),
    ]
    return "\n\n".join(parts) + "\n"


def judge_card_page() -> str:
    """The page of the shipped judge of micrographs, from the card beside its weights, in Markdown."""
    from cryogauge.collect.judge.classify import NAME, SHIPPED
    from cryogauge.learn.weights import read_card

    card = read_card(SHIPPED)
    parts = [
        f"# The judge {NAME}",
        f"Written from the card that travels with the weights, `cryogauge/weights/{NAME}.json`.",
        "It sorts small pictures of micrographs into six classes for `cryogauge collect judge`. What its class may do "
        "to the score is told in [Indicators of exposures](../explanation/exposure-indicators.md), how it does on real "
        "pictures in [Measured figures](../figures.md).",
        "## How it was made",
        f"- Data: {card.data}, seed {card.seed}; code version {card.code_version}.\n- Lesson: `{card.recipe}`.",
        "## On micrographs kept out of training",
        "\n".join(["| figure | value |", "| --- | --- |", *(f"| {k} | {v:.3f} |" for k, v in card.accuracy.items())]),
        "## Limits",
        "\n".join(f"- {limit}" for limit in card.limits),
    ]
    return "\n\n".join(parts) + "\n"


PAGES = {
    "reference/cli.md": cli_page,
    "reference/python.md": python_page,
    "model-cards/compact.md": model_card_page,
    "model-cards/czii.md": picker_card_page,
    "model-cards/class-grader.md": grader_card_page,
    "model-cards/micrograph-judge.md": judge_card_page,
}

if __name__ == "__main__":
    for path, make in PAGES.items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(make())
