"""cryoSPARC as the engine of a selection, by its own client ``cryosparc-tools``.

Particles are known by their uids. A part of them is handed to a job as an external result that passes everything else
through, so that no particle can be taken for another.
"""

import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.classes.iterate.engine import Classified, Extracted, Particles, Say
from cryogauge.classes.iterate.plan import IteratePlan
from cryogauge.classes.iterate.rounds import Ids
from cryogauge.io.json_file import read_json_file, write_json_file
from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, ClassStack, Retryable

#: The class of a particle that no class took.
NO_CLASS = -1
_CLASSIFICATIONS = ("class_2D_new", "class_2D")
_EXTRACTIONS = ("extract_micrographs_cpu_parallel", "extract_micrographs_multi")
_AGAIN = "see to it, then run the same command again: what is done is kept"
_FORM = "name it like P3/W1/J42:particles"


@dataclass(frozen=True)
class CryosparcEngine:
    """Jobs in a workspace of cryoSPARC.

    Attributes
    ----------
    client
        ``cryosparc.tools.CryoSPARC``.
    project, workspace
        Their uids.
    job, output
        The output that holds the particles.
    lane
        Of the queue; None for the master itself.
    micrographs
        Job and output to extract from without binning; None to leave particles as they are.
    extraction_box_px
        Of the unbinned extraction; None takes the particles' own.
    poll_s
        Time between two looks at a job.
    """

    client: Any
    project: str
    workspace: str
    job: str
    output: str
    lane: str | None = None
    micrographs: tuple[str, str] | None = None
    extraction_box_px: int | None = None
    poll_s: float = 10.0
    name: str = "cryosparc"
    makes_models: bool = True

    @cached_property
    def _given(self) -> Any:
        with _asking(f"{self.project}/{self.job}:{self.output}"):
            return self.client.api.jobs.load_output(self.project, self.job, self.output, slots=["blob"])

    def particles(self) -> Particles:
        """All of the output, by their uids."""
        uids = np.asarray(self._given["uid"], dtype=np.uint64)
        if not len(uids):
            raise BadInput(f"{self.project}/{self.job}:{self.output} holds no particles", _FORM)
        box = int(self._given["blob/shape"][0][0])
        digest = hashlib.sha256(np.sort(uids).tobytes()).hexdigest()[:16]
        return Particles(
            uids, box, float(self._given["blob/psize_A"][0]), self.extraction_box_px or box, digest,
            f"{self.project}/{self.job}:{self.output}",
        )  # fmt: skip

    def classify(self, ids: Ids, classes: int, plan: IteratePlan, folder: Path, say: Say) -> Classified:
        """A 2-D classification with the plan's parameters; particles it leaves out have ``NO_CLASS``."""
        parameters = {
            "class2D_K": classes,
            "class2D_window_inner_A": plan.mask_diameter_A,
            "class2D_remove_duplicate_particles": False,
            "random_seed": plan.seed,
            **plan.cryosparc.classification_parameters,
        }
        wanted = (plan.cryosparc.classification, *_CLASSIFICATIONS)
        job = self._run(folder, wanted, {"particles": self._part(ids, folder)}, parameters, plan, say)
        with _asking(f"the classes of {job}"):
            found = self.client.api.jobs.load_output(self.project, job, "particles", slots=["alignments2D"])
            averages = self.client.api.jobs.load_output(self.project, job, "class_averages", slots=["blob"])
            path = str(averages["blob/path"][0]).lstrip(">")
            _, images = self.client.download_mrc(self.project, path)
        assigned = dict(
            zip(np.asarray(found["uid"]).tolist(), np.asarray(found["alignments2D/class"]).tolist(), strict=True)
        )
        members = np.array([assigned.get(int(uid), NO_CLASS) for uid in ids], dtype=np.int64)
        left_out = int((members == NO_CLASS).sum())
        if left_out:
            say(f"{job} left {left_out} particles out; they go on")
        return Classified(_stack(averages, images, members, f"{self.project}/{job}"), np.asarray(ids), members)

    def reextract(self, ids: Ids, last: Path, plan: IteratePlan, folder: Path, say: Say) -> Extracted:
        """Extract from the micrographs in boxes of the plan, or name the particles as they are."""
        part = self._part(ids, folder)
        if self.micrographs is None:
            return Extracted(
                f"{self.project}/{part[0]}:{part[1]}", "as they were given; --micrographs takes out binning"
            )
        inputs = {"micrographs": self.micrographs, "particles": part}
        job = self._run(folder, _EXTRACTIONS, inputs, {"box_size_pix": plan.box_px}, plan, say)
        return Extracted(f"{self.project}/{job}:particles", f"unbinned, {plan.box_px} px, cut from the micrographs")

    def ab_initio(self, extracted: Extracted, plan: IteratePlan, folder: Path, say: Say) -> Path:
        """Ab-initio reconstruction of one class without symmetry."""
        job, _, output = extracted.source.partition("/")[2].partition(":")
        parameters = {"abinit_K": 1, "random_seed": plan.seed, **plan.cryosparc.model_parameters}
        made = self._run(folder, ("homo_abinit",), {"particles": (job, output)}, parameters, plan, say)
        target = folder / "initial_model.mrc"
        with _asking(f"the map of {made}"):
            volume = self.client.api.jobs.load_output(self.project, made, "volume_class_0", slots=["map"])
            with replacing(target) as temporary:
                self.client.download_file(self.project, str(volume["map/path"][0]).lstrip(">"), temporary)
        return target

    def _part(self, ids: Ids, folder: Path) -> tuple[str, str]:
        """Job and output that hold just these particles."""
        if len(ids) == len(self._given):
            return self.job, self.output
        known = folder / "particles.json"
        digest = hashlib.sha256(np.asarray(ids).tobytes()).hexdigest()[:16]
        if known.is_file():
            kept = read_json_file(known, _AGAIN)
            if kept.get("particles") == digest:
                return kept["job"], "particles"
        chosen = self._given.mask(np.isin(np.asarray(self._given["uid"]), ids))
        with _asking("an external result"):
            job = self.client.save_external_result(
                self.project, self.workspace, chosen, type="particle", name="particles", slots=["blob"],
                passthrough=(self.job, self.output), title=f"cryogauge: particles of {folder.name}",
            )  # fmt: skip
        write_json_file(known, {"job": job, "particles": digest})
        return job, "particles"

    def _run(
        self,
        folder: Path,
        kinds: tuple[str, ...],
        inputs: Mapping[str, tuple[str, str]],
        parameters: Mapping[str, Any],
        plan: IteratePlan,
        say: Say,
    ) -> str:
        """Make, queue and await a job of the first kind there is; one that an earlier run queued is awaited."""
        known = folder / "cryosparc_job.json"
        if known.is_file():
            uid = read_json_file(known, _AGAIN)["job"]
        else:
            uid = self._queue(folder, kinds, inputs, parameters, say)
            write_json_file(known, {"job": uid, "parameters": dict(parameters)})
        deadline = time.monotonic() + 3600 * plan.cryosparc.hours
        try:
            with _asking(uid):
                job = self.client.find_job(self.project, uid)
                while job.status not in ("completed", "failed", "killed"):
                    if time.monotonic() > deadline:
                        raise Retryable(
                            f"{uid} took more than {plan.cryosparc.hours:g} hours", "raise hours in the plan"
                        )
                    time.sleep(self.poll_s)
                    job.refresh()
        except KeyboardInterrupt:
            with suppress(Exception):
                self.client.find_job(self.project, uid).kill()
            known.unlink(missing_ok=True)
            raise
        if job.status != "completed":
            known.unlink()  # the next run makes another
            errors = [error.message for error in job.model.errors_run if not error.warning]
            said = " ".join(errors[-1].split())[:300] if errors else "see its log in cryoSPARC"
            raise Retryable(
                f"{self.project}/{uid} {'was killed' if job.status == 'killed' else 'failed'}: {said}", _AGAIN
            )
        return uid

    def _queue(
        self,
        folder: Path,
        kinds: tuple[str, ...],
        inputs: Mapping[str, tuple[str, str]],
        parameters: Mapping[str, Any],
        say: Say,
    ) -> str:
        with _asking(f"a job {kinds[0]}"):
            offered = {spec.type: spec for spec in self.client.job_register.specs}
            kind = next((each for each in kinds if each in offered), None)
            if kind is None:
                raise BadInput(f"this cryoSPARC has no job {' or '.join(dict.fromkeys(kinds))}", "change the plan")
            if kind != kinds[0]:
                say(f"this cryoSPARC has no job {kinds[0]}: {kind} is used")
            unknown = sorted(set(parameters) - set(offered[kind].params))
            if unknown:
                say(f"{kind} of this cryoSPARC does not know {', '.join(unknown)}: left at its default")
            job = self.client.create_job(
                self.project, self.workspace, kind, connections={name: [each] for name, each in inputs.items()},
                params={name: value for name, value in parameters.items() if name not in unknown},
                title=f"cryogauge: {folder.parent.name}/{folder.name}",
            )  # fmt: skip
            job.queue(self.lane)
            say(f"{folder.name}: {self.project}/{job.uid}, {kind}")
            return str(job.uid)


def connect(
    particles: str,
    *,
    url: str | None,
    lane: str | None = None,
    micrographs: str | None = None,
    extraction_box_px: int | None = None,
    poll_s: float = 10.0,
) -> CryosparcEngine:
    """Log in, with e-mail and password of the environment or the session of ``python -m cryosparc.tools login``.

    Parameters
    ----------
    particles
        An output, such as ``P3/W1/J42:particles``.
    url
        Address of cryoSPARC, as in a browser.
    micrographs
        An output of the same project, such as ``J10:micrographs``.

    Raises
    ------
    BadInput
        When the client is not installed, the login is refused, or an output is named wrongly.
    Retryable
        When nothing answers there.
    """
    named = re.fullmatch(r"(P\d+)/(W\d+)/(J\d+):(\w+)", particles)
    from_where = re.fullmatch(r"(J\d+):(\w+)", micrographs) if micrographs else None
    if named is None:
        raise BadInput(f"'{particles}' names no output of cryoSPARC", _FORM)
    if micrographs and from_where is None:
        raise BadInput(f"'{micrographs}' names no output of cryoSPARC", "name it like J10:micrographs")
    if not url:
        raise BadInput("the address of cryoSPARC is not known", "give it by --url or CRYOSPARC_BASE_URL")
    tools = _module("cryosparc.tools")
    try:
        with _asking(url):
            client = tools.CryoSPARC(
                url, email=os.environ.get("CRYOSPARC_EMAIL"), password=os.environ.get("CRYOSPARC_PASSWORD")
            )
    except BadInput:
        raise
    except ValueError as error:  # the client found nothing to log in with
        raise BadInput(
            f"there is no login for cryoSPARC at {url}",
            "set CRYOSPARC_EMAIL and CRYOSPARC_PASSWORD, or run: python -m cryosparc.tools login",
        ) from error
    return CryosparcEngine(
        client, named[1], named[2], named[3], named[4], lane, (from_where[1], from_where[2]) if from_where else None,
        extraction_box_px, poll_s,
    )  # fmt: skip


def _module(name: str) -> Any:
    """A module of the client, which must fit the site's cryoSPARC and is not installed with cryogauge."""
    try:
        return import_module(name)
    except ImportError as error:
        raise BadInput(
            "cryosparc-tools is not installed", "pip install cryosparc-tools, of your cryoSPARC's version"
        ) from error


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """Make what the client raises into errors of ours; it tries three times itself and warns of each."""
    errors, http = _module("cryosparc.errors"), _module("httpx")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (http.HTTPError, errors.APIError, errors.DatasetLoadError, RuntimeError) as error:
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        code = getattr(cause, "code", getattr(getattr(cause, "response", None), "status_code", None))
        if code in (401, 403):
            raise BadInput("cryoSPARC refuses the login", "check CRYOSPARC_EMAIL and CRYOSPARC_PASSWORD") from error
        if code == 404:
            raise BadInput(f"cryoSPARC has no {what}", _FORM) from error
        if isinstance(cause, http.TransportError):
            raise Retryable(f"cryoSPARC does not answer ({what}): {cause}", f"is it running? {_AGAIN}") from error
        said = " ".join(str(cause).split())[:300]
        raise Retryable(f"cryoSPARC cannot do {what}: {said}", _AGAIN) from error


def _stack(averages: Any, images: np.ndarray, members: np.ndarray, source: str) -> ClassStack:
    """Averages in the order of the output, their numbers those that particles are assigned to."""
    places = np.asarray(averages["blob/idx"], dtype=int)
    counts = np.array([int((members == place).sum()) for place in places])
    fields = set(averages.fields())
    resolution = np.asarray(averages["blob/res_A"], float) if "blob/res_A" in fields else np.full(len(places), np.nan)
    table = pd.DataFrame(
        {
            "class": places,
            "resolution_A": resolution,
            "distribution": counts / max(len(members), 1),
            "particles": counts,
        }
    )
    pixel = float(averages["blob/psize_A"][0])
    return ClassStack(np.asarray(images, np.float32)[places], pixel, table, source, "cryosparc")
