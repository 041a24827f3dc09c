"""Jobs that were sent, graded one by one in a process of its own: what strangers send cannot end the server."""

import re
import resource
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cryogauge.jobs import explain
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.web.upload_checks import averages_in, check_references
from cryogauge.web.uploads import Upload, Uploads, without_paths

#: Memory that grading may take beside maps of files, and how long it may take.
_MOST_MEMORY_BYTES = 8 * 2**30
_LONGEST_S = 1800.0
#: How long to wait when the disk takes nothing.
_AGAIN_S = 10.0
AVERAGES = "averages.star"


class Grading:
    """Grades what waits, the oldest first, until it is closed; safe to use from several threads.

    Parameters
    ----------
    uploads
        The jobs; those that wait already are graded too.
    weights
        Says with which weights, None for those that come along.
    """

    def __init__(self, uploads: Uploads, weights: Callable[[], Path | None]) -> None:
        self._uploads = uploads
        self._weights = weights
        self._closed = threading.Event()
        self._work = threading.Event()
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._work.set()

    def wake(self) -> None:
        """Say that a job waits."""
        self._work.set()

    def close(self) -> None:
        """End; what is being graded is graded anew after the next start."""
        self._closed.set()
        self._work.set()
        with self._lock:
            self._end_pool()
        self._thread.join(10)

    def particles(self, job: Upload, cutoff: float, folder: Path) -> Path:
        """Pack the particles of a job's classes up to a grade, for its program; the archive, in a folder.

        Raises
        ------
        BadInput
            When there are no particles, or none is chosen.
        """
        files, grades = self._uploads.files(job.id), self._uploads.grades(job.id)
        found = self._result(self._submit(select_sent, files, grades, cutoff, folder))
        if found["message"]:
            raise BadInput(found["message"], found["hint"])
        return Path(found["file"])

    def _run(self) -> None:
        while not self._closed.is_set():
            self._work.wait()
            self._work.clear()
            while not self._closed.is_set():
                waiting = [job for job in self._uploads.all() if job.state == "waiting"]
                if not waiting:
                    break
                try:
                    self._grade(waiting[-1])
                except (CryogaugeError, OSError):  # what came of it could not be written: the disk may be full
                    self._closed.wait(_AGAIN_S)

    def _grade(self, job: Upload) -> None:
        job = self._uploads.change(job, state="grading")
        files, grades = self._uploads.files(job.id), self._uploads.grades(job.id)
        try:
            future = self._submit(grade_sent, files, grades, job.name, job.pixel_size_A, self._weights())
            found = self._result(future)
        except Exception as error:  # noqa: BLE001 whatever one job does, the next is graded
            if self._closed.is_set():
                return
            failure = explain(error)
            found = {"message": without_paths(files, failure.message), "hint": failure.hint}
        state = "failed" if found["message"] else "graded"
        self._uploads.change(job, **{"state": state, **found})

    def _submit(self, function: Any, *values: Any) -> Future:
        with self._lock:
            if self._closed.is_set():
                raise BadInput("the server is ending", "try again when it is back")
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_limit)
            return self._pool.submit(function, *values)

    def _result(self, future: Future) -> dict[str, Any]:
        try:
            return future.result(_LONGEST_S)
        except (BrokenProcessPool, TimeoutError) as error:
            with self._lock:
                self._end_pool()
            raise BadInput(
                "its files took more memory or time than one job may have", "send fewer or smaller averages"
            ) from error

    def _end_pool(self) -> None:
        if self._pool is not None:
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            self._pool = None


def grade_sent(files: Path, out: Path, name: str, pixel_size_A: float | None, model: Path | None) -> dict[str, Any]:
    """Grade what was sent, and write the grades; what came of it as ``Upload`` keeps it. Runs in a process of its own.

    Writes what ``classes grade`` writes, without this machine's paths, and ``averages.star`` with the averages.
    """
    from cryogauge.classes.accuracy import KEEP_UP_TO
    from cryogauge.classes.grade import grade_path, write_grades
    from cryogauge.classes.report import write_contact_sheet
    from cryogauge.io.classes import write_graded_star

    try:
        check_references(files)
        graded = grade_path(averages_in(files), pixel_size_A=pixel_size_A, model=model)
        out.mkdir(exist_ok=True)
        names = _names(graded.stack.program, Path(graded.stack.source), len(graded.grades))
        notes = tuple(without_paths(files, note) for note in graded.stack.notes)
        plain = replace(graded.stack, program="stack", notes=notes)
        write_graded_star(out / AVERAGES, plain, graded.grades)
        settings = {**graded.settings, "source": name, "notes": list(notes)}
        written = write_grades(out, replace(graded, stack=plain, settings=settings))
        write_contact_sheet(
            written["report"], plain, graded.grades, title=f"{name}: class averages by grade", settings=settings
        )
        _name_images(written["star"], names)
    except BadInput as error:
        return {"message": without_paths(files, error.message), "hint": error.hint}
    grades = graded.grades["grade"]
    kept = int((grades <= KEEP_UP_TO).sum())
    return {"message": "", "hint": "", "classes": len(grades), "kept": kept, "program": graded.stack.program}


def select_sent(files: Path, grades: Path, cutoff: float, folder: Path) -> dict[str, Any]:
    """Pack the particles of classes up to a grade, for their program. Runs in a process of its own."""
    from cryogauge.classes.grade import read_grades
    from cryogauge.classes.select import choose_classes
    from cryogauge.io.classes import select_particles

    try:
        check_references(files)
        choice = choose_classes(read_grades(grades / "grades.csv"), cutoff)
        select_particles(averages_in(files), choice.classes, folder / "selected")
        packed = shutil.make_archive(str(folder / "selected"), "zip", folder / "selected")
    except BadInput as error:
        return {"message": without_paths(files, error.message), "hint": error.hint}
    return {"message": "", "hint": "", "file": packed}


def _names(program: str, source: Path, count: int) -> list[str]:
    """The images as the sender's project names them, or as they lie beside the table of grades."""
    from cryogauge.io.classes.relion import REFERENCE
    from cryogauge.io.classes.star import read_star_text

    if program == "relion" and source.suffix == ".star":
        listed = read_star_text(source).with_column(REFERENCE)
        if listed is not None and len(listed.rows) == count:
            return [f'"{name}"' if " " in name else name for name in listed.texts(REFERENCE)]
    return [f"{section:06d}@classes_graded.mrcs" for section in range(1, count + 1)]


def _name_images(star: Path, names: list[str]) -> None:
    """Put names in place of this machine's paths."""
    left = iter(names)
    text = re.sub(r'(?m)^"?\d+@.*?classes_graded\.mrcs"?(?= )', lambda _: next(left), star.read_text(encoding="utf-8"))
    star.write_text(text, encoding="utf-8")


def _limit() -> None:
    """Bound the memory of a process that opens what strangers sent."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = _MOST_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
