"""Jobs that people send: a folder each, streamed to disk, within a quota, and deleted by whoever sent them."""

import hashlib
import hmac
import re
import secrets
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from os import walk
from pathlib import Path
from typing import Literal

from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput
from cryogauge.web.upload_checks import averages_in, check_content, check_file_name

State = Literal["uploading", "waiting", "grading", "graded", "failed"]

LONGEST_JOB_NAME = 100
MOST_FILES = 12
#: A job whose files did not all come is forgotten after this.
_FORGOTTEN_AFTER = timedelta(hours=24)
_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Upload:
    """A job that somebody sent.

    Attributes
    ----------
    id
        Its address and folder, which cannot be guessed.
    name
        As its sender calls it.
    owner
        Digest of the secret that its sender's browser keeps.
    sent_at
        ISO 8601, UTC.
    pixel_size_A
        As its sender says, None where the files do.
    state
        How far it is.
    message, hint
        What is wrong, of one that failed.
    classes, kept
        How many classes it has, and how many up to the grade that is worth keeping.
    program
        That it came from.
    """

    id: str
    name: str
    owner: str
    sent_at: str
    pixel_size_A: float | None = None
    state: State = "uploading"
    message: str = ""
    hint: str = ""
    classes: int = 0
    kept: int = 0
    program: str = ""


class Uploads:
    """The jobs in a folder; safe to use from several threads of one server.

    Parameters
    ----------
    folder
        Where they are kept; it is made.
    quota_bytes
        Of all files together.
    """

    def __init__(self, folder: Path, quota_bytes: int) -> None:
        self._folder = folder
        self._quota = quota_bytes
        self._lock = threading.Lock()
        self._reserved = 0
        self._looked_at: set[str] = set()  # jobs whose files are being checked: none may come in behind that
        folder.mkdir(parents=True, exist_ok=True)
        self._forget()

    def new(self, name: str, owner: str, pixel_size_A: float | None) -> Upload:
        """Begin a job whose files are still to come; raises ``BadInput`` for a name that cannot be."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_JOB_NAME or not name.isprintable():
            raise BadInput("this is no name of a job", f"give 1 to {LONGEST_JOB_NAME} characters")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        job = Upload(secrets.token_hex(8), name, owner_digest(owner), now, pixel_size_A)
        self.files(job.id).mkdir(parents=True)
        self._write(job)
        return job

    def all(self) -> list[Upload]:
        """All jobs whose files have come, the newest first."""
        found = []
        for path in self._folder.glob("*/job.json"):
            with suppress(BadInput):  # it is being deleted
                found.append(self._read(path.parent.name))
        return sorted((job for job in found if job.state != "uploading"), key=lambda job: job.sent_at, reverse=True)

    def get(self, job_id: str) -> Upload:
        """A job; raises ``BadInput`` where there is none."""
        if not _ID.fullmatch(job_id) or not (self._folder / job_id / "job.json").is_file():
            raise BadInput("there is no such job", "it may have been deleted: go back to the list")
        return self._read(job_id)

    def files(self, job_id: str) -> Path:
        """The folder of the files that were sent."""
        return self._folder / job_id / "files"

    def grades(self, job_id: str) -> Path:
        """The folder of what was made of them."""
        return self._folder / job_id / "grades"

    async def receive(
        self, job_id: str, owner: str, name: str, length: int, chunks: AsyncIterator[bytes]
    ) -> None:  # fmt: skip
        """Write a file as it comes; nothing is left of one that does not come whole.

        Raises
        ------
        BadInput
            When the job is another's or finished, the name cannot be, or there is no room.
        Retryable
            When the disk is full.
        """
        job = self._own(job_id, owner)
        if job.state != "uploading":
            raise BadInput("all files of this job have come", "begin another job")
        name = check_file_name(name)
        folder = self.files(job_id)
        if len(list(folder.iterdir())) >= MOST_FILES:
            raise BadInput(f"a job has at most {MOST_FILES} files", "send those of its last iteration")
        part = folder / f".{name}.{secrets.token_hex(4)}.part"
        written = 0
        with self._room_for(length):
            try:
                with no_space_is_retryable(folder), part.open("wb") as file:
                    async for chunk in chunks:
                        written += len(chunk)
                        if written > length:
                            raise BadInput(f"{name} is longer than was said", "send it again")
                        file.write(chunk)
                if written != length:
                    raise BadInput(f"{name} was cut off", "send it again")
                with self._lock:
                    if job_id in self._looked_at or self.get(job_id).state != "uploading":
                        raise BadInput("all files of this job have come", "begin another job")
                    part.replace(folder / name)
            finally:
                part.unlink(missing_ok=True)

    def finish(self, job_id: str, owner: str) -> Upload:
        """Check the files and let the job be graded.

        Raises
        ------
        BadInput
            When the job is another's, or its files are not what they should be; those are taken away again.
        """
        job = self._own(job_id, owner)
        if job.state != "uploading":
            return job
        with self._lock:
            if job_id in self._looked_at:
                raise BadInput("the files of this job are being looked at", "wait a moment")
            self._looked_at.add(job_id)
        try:
            folder = self.files(job_id)
            for path in sent_files(folder):
                try:
                    check_content(path)
                except BadInput as error:
                    path.unlink(missing_ok=True)
                    raise BadInput(without_paths(folder, error.message), error.hint) from error
            averages_in(folder)
            return self.change(job, state="waiting")
        finally:
            with self._lock:
                self._looked_at.discard(job_id)

    def change(self, job: Upload, **values: object) -> Upload:
        """A job with other values, kept; one that was deleted in the meantime stays so."""
        changed = replace(job, **values)
        with self._lock:
            if (self._folder / job.id / "job.json").is_file():
                self._write(changed)
        return changed

    def delete(self, job_id: str, owner: str) -> None:
        """Delete a job with all its files; raises ``BadInput`` for another's."""
        self._own(job_id, owner)
        with self._lock:
            self._remove(self._folder / job_id)

    def is_own(self, job: Upload, owner: str) -> bool:
        """Whether this visitor sent it."""
        return bool(owner) and hmac.compare_digest(job.owner, owner_digest(owner))

    def _own(self, job_id: str, owner: str) -> Upload:
        job = self.get(job_id)
        if not self.is_own(job, owner):
            raise BadInput("this job is somebody else's", "use the browser that it was sent with")
        return job

    @contextmanager
    def _room_for(self, length: int) -> Iterator[None]:
        """Keep room while a file is coming."""
        with self._lock:
            used = _bytes_in(self._folder)
            if length <= 0 or used + self._reserved + length > self._quota:
                left = max(self._quota - used - self._reserved, 0)
                raise BadInput(f"there is room for {left / 1e6:.0f} MB more", "delete jobs that are no longer needed")
            self._reserved += length
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= length

    def _forget(self) -> None:
        """Take away jobs whose files never came; what was being graded is graded anew."""
        for folder in self._folder.iterdir():
            if not (folder / "job.json").is_file():
                self._remove(folder)
                continue
            job = self._read(folder.name)
            age = datetime.now(UTC) - datetime.fromisoformat(job.sent_at)
            if job.state == "uploading" and age > _FORGOTTEN_AFTER:
                self._remove(folder)
            elif job.state == "grading":
                self._write(replace(job, state="waiting"))

    @staticmethod
    def _remove(folder: Path) -> None:
        """Take a job away, though it may be being graded: what is then written is taken away at the next start."""
        (folder / "job.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def _read(self, job_id: str) -> Upload:
        return Upload(**read_json_file(self._folder / job_id / "job.json", "delete its folder"))

    def _write(self, job: Upload) -> None:
        write_json_file(self._folder / job.id / "job.json", asdict(job))


def sent_files(folder: Path) -> list[Path]:
    """The files that have come whole, by name."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder; those that go away meanwhile, as other people's jobs do, count as none."""
    total = 0
    for where, _, names in walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(where, name).stat().st_size
    return total


def owner_digest(secret: str) -> str:
    """What is kept of a visitor's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def without_paths(folder: Path, message: str) -> str:
    """A message without this machine's paths."""
    return message.replace(f"{folder}/", "").replace(str(folder), "what was sent")
