"""The page on which slices are labelled: one at a time, blind, by the keyboard."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import HTMLResponse, Response

from cryogauge.jobs.turns import Showing
from cryogauge.records import BadInput
from cryogauge.score.labels.agreement import agreement
from cryogauge.score.labels.categories import CATEGORIES
from cryogauge.score.labels.people import check_name, per_person
from cryogauge.score.labels.pictures import SlicePictures
from cryogauge.score.labels.session import LabelSession
from cryogauge.score.labels.store import Label
from cryogauge.score.labels.table import labels_csv, table_of
from cryogauge.web.app import page

#: Slices the browser holds ready, so that the next one is there when a key is pressed.
_AHEAD = 4


def label_slices_router(session: LabelSession, *, annotator: str = "") -> APIRouter:
    """The page at ``/`` and what it asks for, with the state of the labelling at ``/progress``.

    Parameters
    ----------
    session
        The slices and the store of their labels.
    annotator
        Name of the person who labels; the page asks for it when it is empty.
    """
    router = APIRouter()
    pictures = SlicePictures()

    def shown(showing: Showing) -> dict[str, Any]:
        # Neither name nor z: who labels does not know where a slice comes from.
        size = session.slices[showing.item].pixel_size_A
        return {"slice": showing.item, "repeat": showing.repeat, "pixel_size_A": size}

    def state(name: str) -> dict[str, Any]:
        progress = session.progress(name)
        ahead = [shown(each) for each in session.upcoming(name, _AHEAD)]
        return {"done": progress.done, "total": progress.total, "showings": ahead}

    @router.get("/")
    def start(request: Request) -> HTMLResponse:
        legend = [(each.number, each.name, each.below_px) for each in CATEGORIES]
        return page(request, "label_slices.html", annotator=annotator, legend=legend)

    @router.get("/api/next")
    def upcoming(annotator: Annotated[str, Query()]) -> dict[str, Any]:
        return state(check_name(annotator))

    @router.post("/api/label")
    def label(
        annotator: Annotated[str, Body()],
        slice_id: Annotated[int, Body(alias="slice")],
        repeat: Annotated[bool, Body()],
        category: Annotated[int, Body(ge=0, le=5)],
        seconds: Annotated[float, Body(ge=0, allow_inf_nan=False)],
        width_px: Annotated[float | None, Body(gt=0, le=100_000)] = None,
    ) -> dict[str, Any]:
        name = check_name(annotator)
        session.label(name, Showing(slice_id, repeat), Label(category, width_px, seconds))
        return state(name)

    @router.post("/api/undo")
    def undo(annotator: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        name = check_name(annotator)
        undone = session.undo(name)
        return {"undone": None if undone is None else shown(undone), **state(name)}

    @router.get("/api/slices/{slice_id}.png")
    def picture(slice_id: int) -> Response:
        if slice_id not in session.slices:
            raise BadInput("there is no such slice", "load the page again")
        return Response(pictures.png(session.slices[slice_id]), media_type="image/png")

    @router.get("/progress")
    def how_far(request: Request) -> HTMLResponse:
        labels = table_of(session.store)
        people = [(row, session.progress(str(row["annotator"]))) for row in per_person(labels).to_dict("records")]
        pairs = agreement(labels).to_dict("records")
        return page(
            request, "label_progress.html", people=people, pairs=pairs, categories=CATEGORIES, labels=len(labels)
        )

    @router.get("/export.csv")
    def export() -> Response:
        text = labels_csv(table_of(session.store))
        headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return router
