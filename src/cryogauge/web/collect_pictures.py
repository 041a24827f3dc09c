"""Pictures of a session as browsers show them, made once and kept; nothing outside the session's folder is opened."""

import hashlib
import io
import threading
from collections import OrderedDict
from html import escape
from pathlib import Path

import numpy as np
from fastapi import Request
from fastapi.responses import Response

from cryogauge.io.mrc import map_mrc
from cryogauge.records import BadInput
from cryogauge.report.pictures import grey_levels, reduce_picture

_MOST_BYTES = 80e6
_QUALITY = 82
_ROWS = 4  # of those that come to one are enough, and most of the file is not read
_FINER = 2  # a picture is averaged down by whole pixels to no less than so many times what is shown
_HEADERS = {"Cache-Control": "private, no-cache"}  # the browser keeps it, and asks whether it is still the same


class Pictures:
    """Made of a session's MRC files; the latest are kept.

    Parameters
    ----------
    folder
        Of the session.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._at_work = threading.Semaphore(2)  # the session may need the processors more

    def answer(self, request: Request, name: str, longest_px: int, section: int = 0) -> Response:
        """A picture by its name in the folder, its longest edge in pixels, and which of a stack it is; words in its
        place when it cannot be shown.

        A browser that has it already is told so.
        """
        try:
            path = (self._folder / name).resolve(strict=True)
            if not path.is_relative_to(self._folder.resolve()):
                return _words("It lies outside the session’s folder.")
            status = path.stat()
            mark = hashlib.sha256(f"{name} {section} {status.st_mtime_ns} {status.st_size}".encode()).hexdigest()[:16]
            tag = f'"{mark}-{longest_px}"'
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers={**_HEADERS, "ETag": tag})
            content = self._made(path, (mark, longest_px), section)
        except FileNotFoundError:
            return _words("The picture is not there.")
        except (OSError, BadInput, ValueError, IndexError):
            return _words("The picture cannot be read: it is damaged, or still being written.")
        return Response(content, media_type="image/jpeg", headers={**_HEADERS, "ETag": tag})

    def _made(self, path: Path, key: tuple[str, int], section: int) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._at_work:
            content = _jpeg(path, key[1], section)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = content
                self._bytes += len(content)
            while self._bytes > _MOST_BYTES and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[1])
        return content


def picture_shape(path: Path) -> tuple[int, int] | None:
    """Height and width of a picture in pixels; ``None`` when it cannot be read."""
    try:
        y, x = map_mrc(path)[1].shape[1:]
    except (OSError, BadInput, ValueError):
        return None
    return int(y), int(x)


def _jpeg(path: Path, longest_px: int, section: int) -> bytes:
    from PIL import Image

    picture = map_mrc(path)[1][section]
    step = max(max(picture.shape) // (_FINER * longest_px), 1)
    if step > 1:
        y, x = (edge // step * step for edge in picture.shape)
        rows = picture[:y, :x].reshape(y // step, step, x)[:, :: max(step // _ROWS, 1)]
        picture = rows.mean(1, dtype=np.float32)
        picture = picture.reshape(-1, x // step, step).mean(2)
    grey = reduce_picture(grey_levels(np.asarray(picture, np.float32)), longest_px)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _words(text: str) -> Response:
    """A picture of a sentence: where pictures are expected, it is read."""
    lines = "".join(
        f'<tspan x="80" dy="1.3em">{escape(part)}</tspan>' for part in text.replace(": ", ":\n").split("\n")
    )  # fmt: skip
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="480" height="480" viewBox="0 0 160 160">'
        '<rect width="160" height="160" fill="#6b747c"/>'
        f'<text x="80" y="66" text-anchor="middle" font-family="sans-serif" font-size="9" fill="#fff">{lines}</text>'
        "</svg>"
    )
    return Response(svg, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
