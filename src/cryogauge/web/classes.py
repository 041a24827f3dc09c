"""Pages on class averages: jobs sent to be graded, their grades, labels for the pool, and training from it."""

import re
import secrets
import tempfile
import threading
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from cryogauge.classes.labels.pool import LabelPool
from cryogauge.classes.labels.session import ClassLabelSession
from cryogauge.classes.labels.table import grade_agreement, per_person
from cryogauge.io.classes import open_classes
from cryogauge.records import BadInput
from cryogauge.records.classes import RUBRIC
from cryogauge.web.app import page
from cryogauge.web.grading import AVERAGES, Grading
from cryogauge.web.label_classes import label_classes_router
from cryogauge.web.retraining import Retraining
from cryogauge.web.serve_pages import PageGroup
from cryogauge.web.upload_checks import SUFFIXES
from cryogauge.web.uploads import LONGEST_JOB_NAME, MOST_FILES, Upload, Uploads, sent_files

BASE = "/classes"
_VISITOR = "cryogauge_visitor"
#: Rounds of labelling kept open, each with a job's averages in memory or mapped.
_SESSIONS = 16
_DOWNLOADS = {
    "grades.csv": "text/csv; charset=utf-8",
    "classes_graded.star": "text/plain; charset=utf-8",
    "classes_graded.mrcs": "application/octet-stream",
}
_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')


class ClassPages:
    """What the pages stand on: jobs, the worker that grades them, the pool and its trainings.

    Parameters
    ----------
    folder
        Of all of it; it is made.
    quota_bytes
        Of the files of all jobs.
    training_options
        What a training is told besides the pool.
    program
        What trains; this package's own command by default.
    """

    def __init__(
        self,
        folder: Path,
        *,
        quota_bytes: int,
        training_options: tuple[str, ...] = (),
        program: tuple[str, ...] | None = None,
    ) -> None:
        self.uploads = Uploads(folder / "jobs", quota_bytes)
        self.pool = LabelPool(folder / "pool")
        self.retraining = Retraining(
            folder / "training", training_options, *([program] if program else [])
        )  # fmt: skip
        self.grading = Grading(self.uploads, self.retraining.weights)
        self._sessions: OrderedDict[str, ClassLabelSession] = OrderedDict()
        self._lock = threading.Lock()

    def __enter__(self) -> "ClassPages":
        return self

    def __exit__(self, *_: object) -> None:
        self.grading.close()
        self.pool.close()

    def graded(self, job_id: str) -> Upload:
        """A job that has grades; raises ``BadInput`` for another."""
        job = self.uploads.get(job_id)
        if job.state != "graded":
            raise BadInput("this job is not graded yet", "wait, or see what is wrong with it")
        return job

    def session(self, job_id: str) -> ClassLabelSession:
        """The round of labelling a job's averages."""
        self.graded(job_id)
        with self._lock:
            session = self._sessions.pop(job_id, None)
            if session is None:
                session = self.pool.session(open_classes(self.uploads.grades(job_id) / AVERAGES))
            self._sessions[job_id] = session
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def delete(self, job_id: str, visitor: str) -> None:
        """Delete a job; what was graded of it stays in the pool."""
        self.uploads.delete(job_id, visitor)
        with self._lock:
            self._sessions.pop(job_id, None)

    def group(self) -> PageGroup:
        """The pages."""
        labels = label_classes_router(self.session, prefix=f"{BASE}/jobs/{{job}}/label", home=f"{BASE}/")
        return PageGroup(
            "Class averages", f"{BASE}/", "Have the averages of a 2-D classification graded, grade some yourself, and "
            "train the lab’s own grader.", (jobs_router(self), pool_router(self), labels),
        )  # fmt: skip


def jobs_router(pages: ClassPages) -> APIRouter:
    """Sending, seeing and deleting jobs."""
    router = APIRouter(prefix=BASE)

    @router.get("/")
    def jobs(request: Request) -> HTMLResponse:
        mine = request.cookies.get(_VISITOR, "")
        rows = [(job, _moment(job.sent_at), pages.uploads.is_own(job, mine)) for job in pages.uploads.all()]
        limits = {"name": LONGEST_JOB_NAME, "files": MOST_FILES, "suffixes": ",".join(SUFFIXES)}
        return page(request, "classes.html", rows=rows, limits=limits, labels=len(pages.pool.labels()))

    @router.post("/api/jobs")
    def begin(
        request: Request,
        response: Response,
        name: Annotated[str, Body(max_length=1000)],
        pixel_size_A: Annotated[float | None, Body(gt=0, lt=1000)] = None,
    ) -> dict[str, str]:
        visitor = request.cookies.get(_VISITOR) or secrets.token_urlsafe(24)
        job = pages.uploads.new(name, visitor, pixel_size_A)
        response.set_cookie(_VISITOR, visitor, httponly=True, samesite="lax", max_age=10 * 365 * 86400)
        return {"id": job.id}

    @router.put("/api/jobs/{job}/files/{name}")
    async def receive(request: Request, job: str, name: str) -> dict[str, str]:
        length = int(request.headers.get("content-length", "0"))
        await pages.uploads.receive(job, request.cookies.get(_VISITOR, ""), name, length, request.stream())
        return {"name": name}

    @router.post("/api/jobs/{job}/done")
    async def done(request: Request, job: str) -> dict[str, str]:
        found = await run_in_threadpool(pages.uploads.finish, job, request.cookies.get(_VISITOR, ""))
        pages.grading.wake()
        return {"id": found.id, "state": found.state}

    @router.get("/api/jobs/{job}")
    def state(job: str) -> dict[str, Any]:
        found = pages.uploads.get(job)
        return {"state": found.state, "message": found.message, "hint": found.hint, "classes": found.classes}

    @router.get("/jobs/{job}")
    def one(request: Request, job: str) -> HTMLResponse:
        found = pages.uploads.get(job)
        own = pages.uploads.is_own(found, request.cookies.get(_VISITOR, ""))
        files = [path.name for path in sent_files(pages.uploads.files(job))]
        downloads = [name for name in _DOWNLOADS if (pages.uploads.grades(job) / name).is_file()]
        if found.state != "graded":
            downloads = []
        has_particles = found.program in ("relion", "cryosparc") and any("data" in n or "particles" in n for n in files)
        return page(
            request, "classes_job.html", job=found, sent=_moment(found.sent_at), own=own, files=files,
            downloads=downloads, has_particles=has_particles,
        )  # fmt: skip

    @router.get("/jobs/{job}/sheet")
    def sheet(job: str) -> Response:
        pages.graded(job)
        text = (pages.uploads.grades(job) / "report.html").read_text(encoding="utf-8")
        policy = _POLICY.search(text[:4096])
        own = f"{policy[1] if policy else ''}; sandbox allow-scripts; frame-ancestors 'none'".lstrip("; ")
        return HTMLResponse(text, headers={"Content-Security-Policy": own})

    @router.get("/jobs/{job}/files/{name}")
    def download(job: str, name: str) -> Response:
        found = pages.graded(job)
        if name not in _DOWNLOADS:
            raise BadInput("there is no such file", "go back to the job")
        return FileResponse(
            pages.uploads.grades(found.id) / name, media_type=_DOWNLOADS[name], filename=name
        )  # fmt: skip

    @router.get("/jobs/{job}/particles")
    def particles(job: str, cutoff: Annotated[float, Query(ge=0, le=6, allow_inf_nan=False)]) -> Response:
        found = pages.graded(job)
        scratch = tempfile.TemporaryDirectory(prefix="cryogauge-select-")
        try:
            packed = pages.grading.particles(found, cutoff, Path(scratch.name))
        except BaseException:
            scratch.cleanup()
            raise
        return FileResponse(
            packed, media_type="application/zip", filename=f"particles_up_to_{cutoff:g}.zip",
            background=BackgroundTask(scratch.cleanup),
        )  # fmt: skip

    @router.post("/jobs/{job}/delete")
    def delete(request: Request, job: str) -> Response:
        pages.delete(job, request.cookies.get(_VISITOR, ""))
        return RedirectResponse(f"{BASE}/", 303)

    return router


def pool_router(pages: ClassPages) -> APIRouter:
    """The pool, and training from it."""
    router = APIRouter(prefix=f"{BASE}/pool")
    here = f"{BASE}/pool"

    @router.get("")
    def pool(request: Request) -> HTMLResponse:
        labels = pages.pool.labels()
        known = pages.retraining.all()
        trainings = [
            (each, status, _moment(each.begun_at), pages.retraining.report(each.number) is not None)
            for each, status in known
        ]
        log = pages.retraining.log(known[0][0].number) if known else ""
        return page(
            request, "classes_pool.html", labels=len(labels), classes=len(labels.drop_duplicates(["file", "class"])),
            jobs=labels["file"].nunique(), people=[(row, None) for row in per_person(labels).to_dict("records")],
            pairs=grade_agreement(labels).to_dict("records"), letters=list(RUBRIC), trainings=trainings, log=log,
            running=any(status == "running" for _, status in known), used=pages.retraining.used(),
        )  # fmt: skip

    @router.get("/api/state")
    def state() -> dict[str, Any]:
        known = pages.retraining.all()
        if not known:
            return {"state": "", "log": ""}
        newest, status = known[0]
        return {"state": status, "log": pages.retraining.log(newest.number)}

    @router.post("/train")
    def train() -> Response:
        labels = pages.pool.labels()
        classes = len(labels.drop_duplicates(["file", "class"]))
        pages.retraining.start(pages.pool.write, classes, labels["file"].nunique())
        return RedirectResponse(here, 303)

    @router.post("/train/{number}/stop")
    def stop(number: int) -> Response:
        pages.retraining.stop(number)
        return RedirectResponse(here, 303)

    @router.post("/train/{number}/go-on")
    def go_on(number: int) -> Response:
        pages.retraining.go_on(number)
        return RedirectResponse(here, 303)

    @router.post("/train/{number}/use")
    def use(number: int) -> Response:
        """Grade with these weights from now on; 0 means those that come along."""
        pages.retraining.use(number or None)
        return RedirectResponse(here, 303)

    @router.get("/train/{number}/report")
    def report(number: int) -> Response:
        path = pages.retraining.report(number)
        if path is None:
            raise BadInput("there is no such page", "wait until the training is done")
        own = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
        return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": own})

    @router.get("/labels.csv")
    def labels() -> Response:
        text = pages.pool.labels().to_csv(index=False, float_format="%.6g", lineterminator="\n")
        headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _moment(at: str) -> str:
    """A time of this machine's zone."""
    return datetime.fromisoformat(at).astimezone().strftime("%d %b %Y %H:%M")
