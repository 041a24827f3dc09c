"""The leaderboard of a challenge: submissions are uploaded, scored and ranked."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response
from markupsafe import Markup

from cryogauge.pick.challenge.board import LONGEST_NOTE, LONGEST_TEAM, Board, Entry, Standing, check_team
from cryogauge.pick.challenge.contest import Assessed
from cryogauge.records import BadInput
from cryogauge.report.svg import PLOT_CSS, Frame, axes, document, ticks
from cryogauge.web.app import page

#: Largest file that is taken: some 300,000 picks.
LARGEST_SUBMISSION_BYTES = 2**24
_COOKIE = "cryogauge_organiser"


def leaderboard_router(board: Board, *, reveal: bool, organiser_key: str) -> APIRouter:
    """The board at ``/``, a team's history at ``/team``, uploading by ``POST /api/submit``.

    Parameters
    ----------
    board
        The submissions.
    reveal
        Show private scores to everybody, and rank by them.
    organiser_key
        Secret that shows private scores to one browser, opened once as ``/organiser?key=…``.
    """
    router = APIRouter()
    # The cookie holds a key made from the secret; its name keeps two boards of one machine apart.
    key = hmac.new(organiser_key.encode(), b"organiser", hashlib.sha256).hexdigest()
    cookie = f"{_COOKIE}_{hashlib.sha256(key.encode()).hexdigest()[:8]}"

    def is_organiser(request: Request) -> bool:
        return hmac.compare_digest(request.cookies.get(cookie, "").encode(), key.encode())

    def sees_private(request: Request) -> bool:
        return reveal or is_organiser(request)

    def view(request: Request) -> dict[str, Any]:
        private = sees_private(request)
        standings = board.standings(by_private=private)
        return {
            "private": private,
            "reveal": reveal,
            "rows": [_standing(place, each) for place, each in enumerate(standings, 1)],
            "teams": len(standings),
            "submissions": sum(each.submissions for each in standings),
        }

    @router.get("/")
    def start(request: Request) -> Response:
        rules = board.contest.rules
        kinds = [(each.name, each.weight, rules.reach_A(each.name)) for each in rules.objects]
        limits = {"team": LONGEST_TEAM, "note": LONGEST_NOTE, "bytes": LARGEST_SUBMISSION_BYTES}
        return page(
            request, "leaderboard.html", told=board.contest.told(), beta=rules.beta, kinds=kinds, limits=limits,
            **view(request),
        )  # fmt: skip

    @router.get("/standings")
    def standings(request: Request) -> Response:
        """The part of the page that a submission changes."""
        return page(request, "leaderboard_standings.html", **view(request))

    @router.get("/team")
    def team(request: Request, name: Annotated[str, Query()]) -> Response:
        entries = board.history(check_team(name))
        if not entries:
            raise BadInput("no team of this name has submitted anything", "go back to the board")
        private = sees_private(request)
        return page(
            request, "leaderboard_team.html", team=entries[0].team, private=private, organiser=is_organiser(request),
            kinds=list(board.contest.rules.names), rows=[_entry(each) for each in reversed(entries)],
            plot=Markup(_history(entries, private)),
        )  # fmt: skip

    @router.post("/api/submit")
    async def submit(
        request: Request,
        team: Annotated[str, Query()],
        note: Annotated[str, Query()] = "",
        sure: Annotated[bool, Query()] = False,
    ) -> Response:
        content = await request.body()
        found, entry = await run_in_threadpool(board.submit, team, content, note=note, sure=sure)
        return _answer(found, entry, sees_private(request))

    @router.get("/submissions/{number}.csv")
    def sent(request: Request, number: int) -> Response:
        if not is_organiser(request):
            raise BadInput("only the organiser may read submissions", "open the organiser's address first")
        headers = {"Content-Disposition": f'attachment; filename="submission-{number}.csv"'}
        return Response(board.content(number), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/organiser")
    def organiser(key_given: Annotated[str, Query(alias="key")]) -> Response:
        if not hmac.compare_digest(key_given.encode(), organiser_key.encode()):
            raise BadInput("this is not the organiser's key", "open the address that was printed when the server began")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(cookie, key, httponly=True, samesite="lax")
        return answer

    @router.get("/plot.css")
    def plot_css() -> Response:
        return Response(PLOT_CSS, media_type="text/css")

    return router


def _answer(found: Assessed, entry: Entry | None, private: bool) -> Response:
    if found.problems:
        rows = [{"line": each.line, "message": each.message} for each in found.problems]
        number = found.problem_count
        message = f"{number} row{'' if number == 1 else 's'} cannot be used; nothing was scored"
        told = {
            "message": message,
            "hint": "mend the file and send it again",
            "problems": rows,
            "problem_count": number,
        }
        return JSONResponse(told, 400)
    notes = {"suspicions": found.suspicions, "remarks": found.remarks, "picks": found.picks}
    if entry is None:
        message = "this looks like a slip; nothing was kept"
        return JSONResponse({"message": message, "hint": "send it again with sure=true if it is meant", **notes}, 409)
    scores = {"public": entry.public, **({"private": entry.private} if private else {})}
    return JSONResponse({"number": entry.number, "team": entry.team, **scores, **notes})


def _standing(place: int, each: Standing) -> dict[str, Any]:
    return {
        "place": place,
        "team": each.team,
        "submissions": each.submissions,
        "public": f"{each.best.public:.5f}",
        "private": f"{each.best.private:.5f}",
        "last": _moment(each.last_at),
    }


def _entry(each: Entry) -> dict[str, Any]:
    return {
        "number": each.number,
        "at": _moment(each.submitted_at),
        "note": each.note,
        "picks": each.picks,
        "public": f"{each.public:.5f}",
        "private": f"{each.private:.5f}",
        "kinds": {name: f"{value:.3f}" for name, value in each.public_kinds.items()},
    }


def _history(entries: Sequence[Entry], private: bool) -> str:
    """Scores in the order of submitting."""
    numbers = list(range(1, len(entries) + 1))
    highest = max(1.0, *(each.public for each in entries))
    frame = Frame((0.5, max(len(entries), 8) + 0.5), (0, highest), width=960, height=220, top=12)
    whole = [value for value in ticks(*frame.x_range, about=10) if value == int(value)]
    parts = [axes(frame, "submission", "score", whole, ticks(0, highest, about=5))]
    shown = [("line", "public", [each.public for each in entries])]
    if private:
        shown.append(("line tone2", "private", [each.private for each in entries]))
    for style, name, scores in shown:
        parts.append(f'<path class="{style}" d="{frame.path(numbers, scores)}"/>')
        for number, score in zip(numbers, scores, strict=True):
            px, py = float(frame.x(number)), float(frame.y(score))
            parts.append(
                f'<circle class="dot" cx="{px:.1f}" cy="{py:.1f}" r="3.5"><title>{name} {score:.5f}</title></circle>'
            )
    return document(frame, "Scores in the order of submitting", "".join(parts))


def _moment(at: str) -> str:
    """A time of this machine's zone."""
    return datetime.fromisoformat(at).astimezone().strftime("%d %b %Y %H:%M")
