"""What an audit suggests, to be looked at: how many of what, and the surest ones in pictures."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd

from cryogauge.pick.audit.agreement import told
from cryogauge.pick.audit.session import AuditSession
from cryogauge.pick.page import HUES
from cryogauge.report import Block, Failure, write_sheet

#: Suggestions in pictures, and those in the table.
_SHOWN, _LISTED = 12, 50
_LIKELY = 0.5
_SORTS = ("missing", "wrong", "swapped")


def write_audited(
    path: Path,
    folder: Path,
    suggestions: pd.DataFrame,
    failures: Sequence[Failure],
    settings: dict[str, object],
    agree: pd.DataFrame | None = None,
) -> Path:
    """Write the page of an audit whose files are in ``folder``.

    Parameters
    ----------
    path
        The HTML file.
    suggestions
        Of :func:`cryogauge.pick.audit.suggest.rank`.
    failures
        Tomograms that could not be looked at.
    settings
        What was used, by its name in words.
    agree
        Of :func:`cryogauge.pick.audit.agreement.agreement`.
    """
    likely = suggestions[suggestions["score"] >= _LIKELY]
    facts = [(str(int((likely["kind"] == sort).sum())), f"{sort}, at least {_LIKELY:.0%} sure") for sort in _SORTS]
    blocks = []
    if failures:
        table = pd.DataFrame([(each.tomogram, each.message) for each in failures], columns=["tomogram", "why"])
        blocks.append(Block("Not looked at", table=table))
    if agree is not None and len(agree):
        text = (
            told(agree)
            or "Of pairs of a label and a random place, the part in which the network sees the label higher."
        )
        blocks.append(
            Block(
                "Do the labels agree with what is seen?",
                text,
                table=agree.round({"above": 3}).rename(columns={"above": "label higher"}),
            )
        )
    if len(suggestions):
        session = AuditSession(folder, _SHOWN)
        names = [each.name for each in session.audit.objects]
        figures = [(_drawn(session, each, names), caption(session.shown(each))) for each in session.suggestions.index]
        text = "The mean of five slices about each place. Labels are drawn in full, what is suggested in dashes."
        blocks.append(Block("The surest", text, figures=figures))
        blocks.append(Block("Suggestions", f"The first {_LISTED}.", table=suggestions.iloc[:_LISTED]))
        counts = pd.crosstab(likely["object"], likely["kind"]).reindex(index=names, columns=list(_SORTS), fill_value=0)
        blocks.append(Block("By kind", f"At least {_LIKELY:.0%} sure.", table=counts.rename_axis("kind").reset_index()))
    return write_sheet(path, "Audit of labels", facts, blocks, settings=settings)


def caption(shown: dict) -> str:
    """A suggestion in words."""
    what = {
        "missing": f"{shown['object']} without a label",
        "wrong": f"nothing where {shown['object']} is labelled",
        "swapped": f"labelled {shown['object']}, looks like {shown['other']}",
    }[shown["kind"]]
    return f"{shown['tomogram']}: {what}, {shown['score']:.2f}"


def _drawn(session: AuditSession, suggestion: str, names: Sequence[str]) -> str:
    """SVG of the section xy with the circles that cut it."""
    shown = session.shown(suggestion)
    edge = shown["edge_px"]
    middle = edge / 2
    parts = []
    for each in shown["circles"]:
        square = each["radius"] ** 2 - (each["z"] - middle) ** 2
        if square <= 0:
            continue
        hue = HUES[names.index(each["object"]) % len(HUES)] if each["object"] in names else "#ffffff"
        dashes = f' stroke-dasharray="{edge / 25:.2f}"' if each["role"] == "suggested" else ""
        faint = ' opacity="0.55"' if each["role"] == "near" else ""
        parts.append(
            f'<circle cx="{each["x"]:.2f}" cy="{each["y"]:.2f}" r="{square**0.5:.2f}" stroke="{hue}"{dashes}{faint}>'
            f"<title>{escape(each['object'])}</title></circle>"
        )
    picture = b64encode(session.picture(suggestion)).decode()
    return (
        f'<svg viewBox="0 0 {edge} {edge}" role="img" aria-label="{escape(caption(shown))}" '
        f'xmlns="http://www.w3.org/2000/svg"><rect width="{edge}" height="{edge}" fill="#111"/>'
        f'<image href="data:image/png;base64,{picture}" width="{edge}" height="{3 * edge}" '
        f'preserveAspectRatio="none"/><g fill="none" stroke-width="{edge / 140:.2f}">{"".join(parts)}</g></svg>'
    )
