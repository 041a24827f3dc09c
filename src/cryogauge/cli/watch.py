"""``cryogauge watch``."""

import math
import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import (
    GainOption,
    PixelSizeOption,
    SliceModelOption,
    SliceWeightsOption,
    make_folder,
    whole_path,
)
from cryogauge.cli.terminal import DebugOption, tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cryogauge.score.watch.engine import Watch

_SECRET = "CRYOGAUGE_WEBHOOK_SECRET"


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter("give a positive number")
    return value


def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder in which tomograms and tilt series land.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for the results; started again, it goes on there.")
    ],
    interval: Annotated[
        float, typer.Option("--interval", metavar="S", help="Time between two looks.", callback=_positive)
    ] = 5.0,
    settle: Annotated[
        float, typer.Option("--settle", metavar="S", min=0.0, help="A file unchanged for so long is complete.")
    ] = 10.0,
    series_settle: Annotated[
        float, typer.Option("--series-settle", metavar="S", min=0.0, help="The same for a tilt series.")
    ] = 30.0,
    grace: Annotated[
        float,
        typer.Option("--grace", metavar="S", min=0.0, help="What cannot be read, unchanged for so long, is broken."),
    ] = 120.0,
    tilt_series: Annotated[
        bool, typer.Option("--tilt-series/--no-tilt-series", help="Judge tilt series by a quick reconstruction.")
    ] = True,
    alert_below: Annotated[
        float, typer.Option("--alert-below", metavar="SCORE", help="Alert when the last scores are all below this.")
    ] = 0.3,
    alert_count: Annotated[
        int, typer.Option("--alert-count", metavar="N", min=1, help="How many of them in a row.")
    ] = 5,
    webhook: Annotated[
        str | None,
        typer.Option("--webhook", metavar="URL", help=f"Post every event there; signed with ${_SECRET} if set."),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="Of the live page; 0 takes a free one.")
    ] = 8070,
    host: Annotated[
        str, typer.Option("--host", help="Address of the page; any but this machine's own needs --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None, typer.Option("--token", metavar="SECRET", envvar="CRYOGAUGE_TOKEN", help="Asked for by the page.")
    ] = None,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the live page.")] = True,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Things judged at a time.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="Judge what is complete, then end; no page.")] = False,
    gain: GainOption = None,
    pixel_size: PixelSizeOption = None,
    model: SliceModelOption = "compact",
    weights: SliceWeightsOption = None,
    debug: DebugOption = False,
) -> None:
    """Score what lands in a folder, as it lands, and show the session on a live page.

    Only complete files are judged, each once; what cannot be read is reported when it has not changed for a while.
    Kill it at any moment and start it again: nothing is lost or done twice. Every event is a line of feed.jsonl in
    the output folder. Ends at Ctrl-C, or with --once: then with 1 when something could not be judged.
    """
    from cryogauge.jobs import threads_each
    from cryogauge.records import BadInput
    from cryogauge.score import ScoreSettings, weights_checksum
    from cryogauge.score.watch.alerts import AlertRule
    from cryogauge.score.watch.engine import Watch, WatchSettings
    from cryogauge.score.watch.landing import Patience

    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder", "give the folder in which tomograms land")
    scoring = ScoreSettings(
        pixel_size_A=pixel_size,
        model=model,
        weights=None if weights is None else str(weights),
        local_map=True,
        device="auto",
        threads=threads_each(workers),
        slices=False,
    )
    checksum = weights_checksum(scoring)
    rule = AlertRule(alert_below, alert_count)
    make_folder(out)
    settings = WatchSettings(
        folder,
        out,
        scoring,
        interval,
        Patience(settle, series_settle, grace),
        tilt_series,
        workers,
        rule,
        whole_path(gain),
    )
    with ExitStack() as stack:
        watch = stack.enter_context(Watch(settings, weights_checksum=checksum, on_event=_tell_event, say=tell))
        stack.enter_context(_ended_by_signals(watch))
        if webhook is not None:
            stack.enter_context(_sending(watch, webhook))
        if page and not once:
            stack.enter_context(_serving(watch, host, port, token))
        watch.run(once=once)
        if not once:
            tell("stopped: run the same command again to go on")
    scored, broken, waiting = watch.counts()
    tell(f"{scored} scored, {broken} broken, {waiting} waiting; results: {out}")
    if once and broken:
        raise typer.Exit(1)


@contextmanager
def _ended_by_signals(watch: "Watch") -> "Iterator[None]":
    """Ctrl-C and SIGTERM end the watch in an orderly way; a second one ends it at once."""

    def end(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        watch.stop()

    before = {each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _sending(watch: "Watch", url: str) -> "Iterator[None]":
    from cryogauge.score.watch.webhook import Webhook

    webhook = Webhook(
        url,
        watch.feed,
        watch.settings.out / "webhook.json",
        secret=os.environ.get(_SECRET, ""),
        say=lambda text: tell(f"webhook: {text}"),
    )
    watch.begin()
    webhook.start()
    try:
        yield
    finally:
        webhook.stop()


@contextmanager
def _serving(watch: "Watch", host: str, port: int, token: str | None) -> "Iterator[None]":
    from cryogauge.web.app import create_app, running
    from cryogauge.web.watch import watch_router

    app = create_app("cryogauge watch", watch_router(watch), token=token)
    with running(app, host=host, port=port) as address:
        tell(f"live page: {address}")
        yield


def _tell_event(event: dict[str, Any]) -> None:
    """An event in a plain line."""
    kind = event["event"]
    if kind == "scored":
        scores = event["scores"]
        parts = [f"scored: {event['name']}: TomoScore {scores['tomoscore']:.2f}"]
        if scores["thickness_nm"] is not None:
            parts.append(f"{scores['thickness_nm']:.0f} nm thick")
        if scores["flags"]:
            parts.append(", ".join(scores["flags"]).replace("_", " "))
        tell("; ".join(parts))
    elif kind == "failed":
        tell(f"broken: {event['name']}: {event['message']}")
        if event["hint"]:
            tell(f"hint: {event['hint']}")
    elif kind == "alert":
        tell(f"alert: {event['rule']}" + (" is over" if event["state"] == "over" else ""))
    else:
        tell(f"watching {event['watched']}")
    sys.stderr.flush()
