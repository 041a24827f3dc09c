"""The front page of a lab's server: which groups of pages it has."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

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
    """The front page at ``/``."""
    router = APIRouter()

    @router.get("/")
    def start(request: Request) -> HTMLResponse:
        return page(request, "serve.html", groups=groups)

    return router
