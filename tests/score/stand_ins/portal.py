"""A CryoET Data Portal in miniature: GraphQL by the schema that the portal's client carries, and files over HTTP.

Questions are checked against that schema, filtered, ordered and cut off as the portal does it; OME-Zarr images lie in a
folder, and every byte of them that travels is counted.
"""

import fnmatch
import functools
import http.server
import json
import operator
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cryoet_data_portal
import numpy as np
import zarr
from graphql import GraphQLSchema, build_schema, graphql_sync

SCHEMA = Path(cryoet_data_portal.__file__).parent / "data" / "schema.graphql"
_COMPARISONS = {
    "_eq": operator.eq,
    "_neq": operator.ne,
    "_gt": operator.gt,
    "_gte": operator.ge,
    "_lt": operator.lt,
    "_lte": operator.le,
    "_in": lambda value, among: value in among,
    "_like": lambda value, pattern: fnmatch.fnmatchcase(value, pattern.replace("%", "*")),
}


@functools.cache
def _schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


def _fits(row: dict[str, Any], where: dict[str, Any]) -> bool:
    """Whether a row passes a ``where`` clause, which may reach into related rows."""
    for name, clause in where.items():
        value = row[name]
        if isinstance(value, dict):
            if not _fits(value, clause):
                return False
        elif value is None or not all(_COMPARISONS[how](value, other) for how, other in clause.items()):
            return False
    return True


@dataclass
class Portal:
    """The catalogue, the folder of images, and what has been asked."""

    folder: Path
    url: str = ""
    tomograms: list[dict[str, Any]] = field(default_factory=list)
    #: Rows that one answer holds at most, whatever was asked for.
    cap: int = 10_000
    #: Answers of this status that are given to the next questions and files, in place of the right ones.
    broken_answers: list[int] = field(default_factory=list)
    broken_files: list[int] = field(default_factory=list)
    #: Whether files that are not there are refused, as by a bucket that must not be listed.
    denies: bool = False
    #: Seconds that every file takes.
    pause_s: float = 0.0
    questions: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    sent: Counter = field(default_factory=Counter)

    @property
    def graphql(self) -> str:
        return f"{self.url}/graphql"

    def forget(self) -> None:
        """Begin anew at the same address."""
        for path in self.folder.iterdir():
            shutil.rmtree(path)
        vars(self).update(vars(Portal(self.folder, self.url)))

    def chunks_sent(self) -> set[str]:
        """Paths of the chunks that travelled."""
        return {path for path in self.sent if path.rpartition("/")[2].replace(".", "").isdigit()}

    def add(self, run: str = "run", organism: str | None = "Homo sapiens", **values: Any) -> dict[str, Any]:
        """A tomogram, of a run of its own unless the run's name is known; values as the schema names them."""
        number = len(self.tomograms) + 1
        of_dataset = {
            "id": values.pop("dataset_id", 10_000),
            "organismName": organism,
            "organismTaxid": values.pop("taxid", None),
            "sampleType": values.pop("sample_type", "cell"),
        }
        row = {
            "id": number,
            "name": run,
            "depositionId": 10_300,
            "sizeX": 1024,
            "sizeY": 1024,
            "sizeZ": 200,
            "voxelSpacing": 10.0,
            "processing": "raw",
            "reconstructionMethod": "WBP",
            "isAuthorSubmitted": True,
            "httpsOmezarrDir": f"{self.url}/{of_dataset['id']}/{run}/{number}.zarr",
            "fileSizeOmezarr": 9e8,
            "run": {"name": run, "dataset": of_dataset},
        }
        assert values.keys() <= row.keys()
        self.tomograms.append(row | values)
        return self.tomograms[-1]

    def add_image(
        self,
        data: np.ndarray,
        run: str = "run",
        organism: str = "Homo sapiens",
        *,
        chunks: Any = (16, 64, 64),
        **values: Any,
    ) -> dict[str, Any]:
        """A tomogram with its OME-Zarr image, laid out as the portal writes them."""
        z, y, x = data.shape
        row = self.add(run, organism, sizeX=x, sizeY=y, sizeZ=z, **values)
        path = self.folder / row["httpsOmezarrDir"].removeprefix(f"{self.url}/")
        group = zarr.open_group(str(path), mode="w")
        group.create_dataset("0", data=data, chunks=chunks, dimension_separator="/", compressor=None)
        group.create_dataset("1", data=data[::2, ::2, ::2], chunks=chunks, dimension_separator="/")
        axes = [{"name": axis, "type": "space", "unit": "angstrom"} for axis in "zyx"]
        scales = [
            {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [size] * 3}]}
            for level, size in enumerate((row["voxelSpacing"], 2 * row["voxelSpacing"]))
        ]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": scales}]
        return row

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        self.questions.append(question["query"])
        root = {"tomograms": self._tomograms}
        result = graphql_sync(_schema(), question["query"], root, variable_values=question.get("variables"))
        self.errors += [error.message for error in result.errors or ()]
        return result.formatted

    def _tomograms(self, info: Any, where: Any = None, orderBy: Any = (), limitOffset: Any = None) -> list[dict]:
        rows = [row for row in self.tomograms if _fits(row, where or {})]
        for by in reversed(orderBy):
            ((name, way),) = by.items()
            rows.sort(key=operator.itemgetter(name), reverse=way.startswith("desc"))
        span = limitOffset or {}
        rows = rows[span.get("offset") or 0 :]
        return rows[: min(span.get("limit") or self.cap, self.cap)]


@contextmanager
def serve(folder: Path) -> Iterator[Portal]:
    """A portal on a free port of this machine, with its images in ``folder``."""
    portal = Portal(folder)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if portal.broken_answers:
                self.send_error(portal.broken_answers.pop(0))
                return
            answer = json.dumps(portal.answer(json.loads(body))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            if portal.broken_files:
                self.send_error(portal.broken_files.pop(0))
                return
            time.sleep(portal.pause_s)
            super().do_GET()

        def send_error(self, code: int, *rest: Any) -> None:
            super().send_error(403 if code == 404 and portal.denies else code, *rest)

        def copyfile(self, source: Any, outputfile: Any) -> None:
            content = source.read()
            portal.sent[self.path.lstrip("/")] += len(content)
            outputfile.write(content)

    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        portal.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield portal
        finally:
            httpd.shutdown()
            thread.join()
