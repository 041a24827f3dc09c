"""``cryogauge serve``."""

from pathlib import Path
from typing import Annotated

import typer

from cryogauge.cli.options import BrowserOption, HostOption, PortOption, TokenOption, make_folder
from cryogauge.cli.terminal import DebugOption, show_page

EXAMPLES = (
    "cryogauge serve --data /data/cryogauge",
    "CRYOGAUGE_TOKEN=$(openssl rand -hex 16) cryogauge serve --data /data/cryogauge --host 0.0.0.0 --port 8000",
    "cryogauge serve --data /data/cryogauge --train-with simulated/ --train-minutes 60",
    "cryogauge serve --session screened --browser",
    "cryogauge serve --leginon leginon --port 8000",
)


def serve(
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Folder for class averages: all that is sent and made of it."),
    ] = None,
    session: Annotated[
        list[Path] | None,
        typer.Option("--session", metavar="DIR", help="Screening session, or a folder of such; may be given again."),
    ] = None,
    leginon: Annotated[
        Path | None,
        typer.Option("--leginon", metavar="DIR", help="Answer Leginon's calls to a learning server; its folder."),
    ] = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    token: TokenOption = None,
    drive_token: Annotated[
        str | None,
        typer.Option(
            "--drive-token",
            envvar="CRYOGAUGE_DRIVE_TOKEN",
            show_default=False,
            help="Another secret: who has it steers the sessions, all others watch.",
        ),
    ] = None,
    quota: Annotated[float, typer.Option("--quota", metavar="GB", min=0.001, help="Room for all jobs together.")] = 50,
    largest: Annotated[
        float, typer.Option("--largest", metavar="GB", min=0.001, help="Largest file that is taken.")
    ] = 4,
    train_with: Annotated[
        list[str] | None,
        typer.Option("--train-with", metavar="DIR", help="What to learn from besides the pool; may be given again."),
    ] = None,
    train_minutes: Annotated[
        float, typer.Option("--train-minutes", metavar="MIN", min=0.1, help="How long a training from the pool takes.")
    ] = 30,
    browser: BrowserOption = False,
    debug: DebugOption = False,
) -> None:
    """Serve pages for a lab until Ctrl-C: screening sessions live, class averages graded, labelled, trained from.

    --session shows sessions of "collect screen", --data the pages on class averages, --leginon answers Leginon, which
    asks which square to visit next; give one or more. Everything is kept in these folders: the same command goes on
    where it was stopped. Other machines reach it only with --host and a secret (--token, or CRYOGAUGE_TOKEN). With a
    secret, only those with --drive-token steer a session.
    """
    import contextlib
    from urllib.parse import quote

    from cryogauge.classes.shipped import grader_weights
    from cryogauge.records import BadInput
    from cryogauge.web.app import create_app
    from cryogauge.web.app import serve as serve_app
    from cryogauge.web.classes import ClassPages
    from cryogauge.web.collect_pages import SessionPages
    from cryogauge.web.guard import check_drive_token, check_reach
    from cryogauge.web.leginon import LARGEST_BY_PATH, LeginonPages
    from cryogauge.web.serve_pages import start_router

    check_reach(host, token)
    check_drive_token(token, drive_token)
    if data is None and leginon is None and not session:
        raise BadInput("there is nothing to serve", "give --session, --data or --leginon")
    groups = [SessionPages(session).group()] if session else []
    others = [str(Path(each).absolute()) for each in train_with or []]
    options = (*others, "--start", str(grader_weights(None)), "--minutes", f"{train_minutes:g}")

    def ready(address: str) -> None:
        told = ["open this page; Ctrl-C ends"]
        if drive_token is not None:
            told.insert(0, f"to drive: {address.partition('?')[0]}?token={quote(drive_token, safe='')}")
        show_page(address, *told, browser=browser)

    with contextlib.ExitStack() as opened:
        if data is not None:
            make_folder(data)
            classes = ClassPages(data / "classes", quota_bytes=int(quota * 1e9), training_options=options)
            groups.append(opened.enter_context(classes).group())
        if leginon is not None:
            groups.append(opened.enter_context(LeginonPages(leginon, drivers_only=drive_token is not None)).group())
        app = create_app(
            "cryogauge", start_router(groups), *(router for group in groups for router in group.routers), token=token,
            largest_file_bytes=int(largest * 1e9), drive_token=drive_token,
            largest_by_path=None if leginon is None else LARGEST_BY_PATH,
        )  # fmt: skip
        serve_app(app, host=host, port=port, on_ready=ready)
