"""The front page of a lab's server: which groups of pages it has."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from cryogauge.web.app import page


@dataclass(frozen=True)
class PageGroup:
    """Pages that belong together.

    Attributes
    ----------
    name
        In a word or two.
    address
        Of the first of them.
    meaning
        One sentence: what they are for.
    routers
        That serve them.
    """

    name: str
    address: str
    meaning: str
    routers: tuple[APIRouter, ...]


def start_router(groups: Sequence[PageGroup]) -> APIRouter:
    """The front page at ``/``. Where there is one group, people are led to its own first page, for there is nothing to
    choose; programs, which ask here whether the server is there, are not.
    """
    router = APIRouter()

    @router.get("/")
    def start(request: Request) -> Response:
        if len(groups) == 1 and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(groups[0].address, 307)
        return page(request, "serve.html", groups=groups)

    return router
