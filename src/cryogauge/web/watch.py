"""The live page of a watched folder."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from markupsafe import Markup

from cryogauge.records import PREVIEW, BadInput
from cryogauge.report.columns import COLUMNS, NOTHING, best_first, cell_text, flag_words, in_words
from cryogauge.report.curves import score_curve_svg, sparkline_svg
from cryogauge.report.svg import PLOT_CSS
from cryogauge.report.trend import TrendPoint, trend_svg
from cryogauge.score import load_judgement
from cryogauge.score.watch.engine import Watch
from cryogauge.score.watch.feed import ALERT, FAILED, SCORED, SESSION_START
from cryogauge.web.app import page

_PICTURES = ("best", "median", "worst", "xz")
#: Flags that say how something was judged, not that anything is amiss.
_REMARKS = (PREVIEW, "no_second_opinion")
_ROWS = 500  # more are not looked through; the feed has them all
_NAMES = 40
_SHOWN = {column.name: column for column in COLUMNS}
Event = Mapping[str, Any]


def watch_router(watch: Watch) -> APIRouter:
    """Routes of the live page: ``/``, ``/item/KEY``, what they show, and ``/feed.jsonl``.

    Parameters
    ----------
    watch
        The running watch; it is only read.
    """
    router = APIRouter()

    @router.get("/")
    def session(request: Request) -> Response:
        return page(request, "watch.html", revision=_revision(watch), **_content(watch))

    @router.get("/live")
    def live(request: Request, revision: str = "") -> Response:
        """What changes on the page; 204 when nothing did since ``revision``."""
        now = _revision(watch)
        if revision == now:
            return Response(status_code=204)
        answer = page(request, "watch_live.html", **_content(watch))
        answer.headers["X-Revision"] = now
        return answer

    @router.get("/item/{key}")
    def item(request: Request, key: str) -> Response:
        return page(request, "watch_item.html", **_item(watch, _scored(watch, key)))

    @router.get("/picture/{key}/{name}.png")
    def picture(key: str, name: str) -> Response:
        path = watch.settings.out / _scored(watch, key)["folder"] / f"{name}.png"
        if name not in _PICTURES or not path.is_file():
            raise BadInput("there is no such picture")
        return FileResponse(path, media_type="image/png")

    @router.get("/plot.css")
    def plot_css() -> Response:
        return Response(PLOT_CSS, media_type="text/css")

    @router.get("/feed.jsonl")
    def feed() -> Response:
        return FileResponse(watch.feed.path, media_type="application/x-ndjson")

    return router


def _revision(watch: Watch) -> str:
    """A word that changes when the page does."""
    parts = (len(watch.feed.after()), watch.scan_problem, watch.under_way(), watch.waiting())
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _scored(watch: Watch, key: str) -> Event:
    found = [event for event in watch.feed.after() if event["event"] == SCORED and event["key"] == key]
    if not found:
        raise BadInput("nothing was judged under this address", "go back to the list")
    return found[-1]


def _content(watch: Watch) -> dict[str, Any]:
    """Everything that the live part of the page shows."""
    events = watch.feed.after()
    latest = watch.latest()
    scored = [event for event in latest if event["event"] == SCORED]
    failed = sorted((e for e in latest if e["event"] == FAILED), key=lambda event: -event["id"])
    newest = max((event["id"] for event in scored), default=0)
    ranked = [scored[position] for position in best_first(event["scores"] for event in scored)]
    starts = [event for event in events if event["event"] == SESSION_START]
    alerts = [event for event in events if event["event"] == ALERT]
    current = {event["rule"]: event for event in alerts}.get(watch.settings.alert.words)
    raised = current if current and current["state"] == "raised" else None
    in_order = [event for event in events if event["event"] == SCORED]
    known = [event["scores"]["tomoscore"] for event in scored if event["scores"]["tomoscore"] is not None]
    waiting = watch.waiting()
    return {
        "watched": str(watch.settings.folder),
        "problem": watch.scan_problem,
        "started": _moment(starts[-1]) if starts else NOTHING,
        "sessions": len(starts),
        "judged": len(scored),
        "median": f"{np.median(known):.2f}" if known else NOTHING,
        "alert": raised and {"rule": raised["rule"], "since": _moment(raised), "last": raised["last"]},
        "alerts": [{"at": _moment(e), "rule": e["rule"], "state": e["state"]} for e in reversed(alerts)],
        "trend": Markup(_trend(in_order, watch.settings.alert.below)) if in_order else "",
        "rows": [_row(watch.settings.out, event, event["id"] == newest) for event in ranked[:_ROWS]],
        "left_out": max(len(ranked) - _ROWS, 0),
        "failed": [{"at": _moment(e), **{k: e[k] for k in ("name", "message", "hint")}} for e in failed],
        "under_way": watch.under_way(),
        "waiting": waiting[:_NAMES],
        "waiting_count": len(waiting),
    }


def _trend(scored: Sequence[Event], limit: float) -> str:
    points = [
        TrendPoint(
            event["scores"]["tomoscore"] or 0.0,
            f"{event['name']}: {_text('tomoscore', event)}, {_moment(event)}",
            f"/item/{event['key']}",
            bool(_warnings(event)),
        )
        for event in scored
    ]
    return trend_svg(points, limit)


def _row(out: Path, event: Event, is_newest: bool) -> dict[str, Any]:
    scores = _slice_scores(out / event["folder"])
    return {
        "key": event["key"],
        "name": event["name"],
        "newest": is_newest,
        "kind": "tilt series" if event["kind"] == "tilt_series" else "",
        "score": _text("tomoscore", event),
        "uncertainty": _text("uncertainty", event),
        "thickness": _text("thickness_nm", event),
        "feature": _text("smallest_feature_nm", event),
        "flags": [in_words(flag) for flag in flag_words(event["scores"])],
        "warns": bool(_warnings(event)),
        "spark": Markup(sparkline_svg(np.array(scores))) if scores else "",
        "at": _moment(event),
    }


def _text(column: str, event: Event) -> str:
    return cell_text(_SHOWN[column], event["scores"])


def _warnings(event: Event) -> list[str]:
    """Flags that call for a second look."""
    return [flag for flag in flag_words(event["scores"]) if flag not in _REMARKS]


@lru_cache(maxsize=4 * _ROWS)
def _slice_scores(folder: Path) -> tuple[float, ...]:
    """Scores along z; a result's folder never changes once it is there."""
    try:
        with (folder / "slices.csv").open(newline="", encoding="utf-8") as file:
            return tuple(float(row["score"]) for row in csv.DictReader(file))
    except (OSError, ValueError, KeyError):
        return ()


def _item(watch: Watch, event: Event) -> dict[str, Any]:
    """What the page of one judgement shows; raises ``BadInput`` when its files are gone."""
    judgement = load_judgement(watch.settings.out / event["folder"])
    slices = judgement.slices
    marks = {word: int(judgement.row[f"{word}_slice"]) for word in _PICTURES[:3] if f"{word}_slice" in judgement.row}
    curve = score_curve_svg(slices["score"].to_numpy(float), slices["uncertainty"].to_numpy(float), marks)
    captions = {word: f"{word} slice, z = {z}" for word, z in marks.items()}
    captions["xz"] = "section along z, through the middle"
    return {
        "name": event["name"],
        "path": event["path"],
        "at": _moment(event),
        "key": event["key"],
        "cells": [
            (column.heading, column.unit, column.meaning, cell_text(column, event["scores"]))
            for column in COLUMNS
            if column.name not in ("tomogram", "flags")
        ],
        "flags": [
            (in_words(flag), judgement.notes.get(flag, ""), flag not in _REMARKS)
            for flag in flag_words(event["scores"])
        ],
        "curve": Markup(curve),
        "pictures": [(name, captions.get(name, name)) for name in _PICTURES if name in judgement.pictures],
    }


def _moment(event: Event) -> str:
    """When an event was, in this machine's time."""
    return datetime.fromisoformat(event["at"]).astimezone().strftime("%d %b %H:%M")
