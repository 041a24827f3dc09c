"""Projects written by copick itself, and stand-ins for where they lie."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np

DATA = np.random.default_rng(6).normal(size=(5, 12, 10)).astype(np.float32)
OBJECTS = [
    {"name": "ribosome", "is_particle": True, "label": 1, "color": [1, 2, 3, 255], "radius": 150.0},
    {"name": "apo-ferritin", "is_particle": True, "label": 2, "radius": 60.0, "emdb_id": "EMD-41923"},
    {"name": "membrane", "is_particle": False, "label": 3},
]


def configuration(folder: Path, name: str = "config.json", **changes) -> Path:
    document = {
        "config_type": "filesystem",
        "name": "project",
        "version": "1.31.0",
        "pickable_objects": OBJECTS,
        "user_id": "test",
        "overlay_root": f"local://{folder / 'overlay'}",
        "overlay_fs_args": {"auto_mkdir": True},
    } | changes
    path = folder / name
    path.write_text(json.dumps({key: value for key, value in document.items() if value is not None}))
    return path


class Bucket(BaseHTTPRequestHandler):
    """Enough of S3 for s3fs: list, head, get, put and delete, of objects in memory."""

    objects: dict[str, bytes]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits for an acknowledgement

    def do_GET(self) -> None:
        bucket, key, query = self._asked()
        if not key:
            self._list(bucket, query)
        else:
            self._give(f"{bucket}/{key}", body=True)

    def do_HEAD(self) -> None:
        bucket, key, _ = self._asked()
        self._give(f"{bucket}/{key}", body=False) if key else self._answer(200)

    def do_PUT(self) -> None:
        bucket, key, _ = self._asked()
        self.objects[f"{bucket}/{key}"] = self._body()
        self._answer(200, headers={"ETag": '"0"'})

    def do_DELETE(self) -> None:
        bucket, key, _ = self._asked()
        self.objects.pop(f"{bucket}/{key}", None)
        self._answer(204)

    def do_POST(self) -> None:
        bucket, _, _ = self._asked()
        for each in ElementTree.fromstring(self._body()).iter():
            if each.tag.endswith("Key"):
                self.objects.pop(f"{bucket}/{each.text}", None)
        self._answer(200, b"<DeleteResult></DeleteResult>")

    def log_message(self, *_) -> None: ...

    def _asked(self) -> tuple[str, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        return bucket, key, parse_qs(parts.query, keep_blank_values=True)

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return body
        size, _, rest = body.partition(b"\r\n")
        return rest[: int(size.partition(b";")[0], 16)]

    def _give(self, name: str, *, body: bool) -> None:
        if name not in self.objects:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>" if body else b"")
            return
        data, status = self.objects[name], 200
        span = self.headers.get("Range", "").removeprefix("bytes=")
        if span:
            first, _, last = span.partition("-")
            data, status = data[int(first) : int(last) + 1 if last else None], 206
        self._answer(status, data, {"ETag": '"0"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, send=body)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix, delimiter = (query.get(name, [""])[0] for name in ("prefix", "delimiter"))
        names = sorted(name.partition("/")[2] for name in self.objects if name.startswith(f"{bucket}/{prefix}"))
        folders = sorted(
            {
                prefix + name[len(prefix) :].partition("/")[0] + "/"
                for name in names
                if delimiter and "/" in name[len(prefix) :]
            }
        )
        files = [name for name in names if not delimiter or "/" not in name[len(prefix) :]]
        listed = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.objects[f'{bucket}/{name}'])}</Size><ETag>0</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><StorageClass>STANDARD</StorageClass></Contents>"
            for name in files
        ) + "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in folders)
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{listed}</ListBucketResult>".encode())

    def _answer(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, send: bool = True
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if send:
            self.wfile.write(body)


@contextmanager
def bucket() -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of an S3 stand-in, and what lies in it by ``BUCKET/KEY``."""
    objects: dict[str, bytes] = {}
    handler = type("Handler", (Bucket,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
