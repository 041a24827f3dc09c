"""Pictures for people: reduced, encoded within a number of bytes, coloured, and laid out on a sheet."""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

#: Colours of 0, 1/8 … 1 of a heat map: lightness rises evenly from dark violet to pale yellow, so that it reads in
#: grey, and the hues are told apart without red or green vision.
HEAT = (
    (52, 14, 78),
    (60, 50, 124),
    (52, 86, 143),
    (41, 117, 146),
    (34, 148, 141),
    (58, 178, 120),
    (122, 203, 88),
    (190, 220, 70),
    (250, 232, 84),
)
#: Grey values between these percentiles of a picture are told apart; the rest is black or white.
PERCENTILES = (0.5, 99.5)
#: Edges of a picture in pixels, tried from the largest; at the smallest it is sent whatever its size.
_EDGES_PX = (480, 400, 340, 280, 230, 190, 150, 110, 72)
#: The coarsest a picture may get before it is made smaller instead: below, the blocks of JPEG look like structure.
_COARSEST = 45
_FINER = (86, 78, 70, 62, 54)


def grey_levels(values: np.ndarray) -> np.ndarray:
    """Values ``(y, x)`` in 256 levels between :data:`PERCENTILES`, uint8; what is no number becomes black."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape, dtype=np.uint8)
    low, high = np.percentile(values[known], PERCENTILES)
    span = high - low or 1.0
    scaled = np.clip((values - low) / span, 0.0, 1.0) * 255
    return np.where(known, scaled, 0).round().astype(np.uint8)


def reduce_picture(picture: np.ndarray, longest_px: int) -> np.ndarray:
    """An 8-bit picture of shape ``(y, x)`` averaged down until no edge exceeds ``longest_px``; never enlarged."""
    from PIL import Image

    factor = max(picture.shape) / longest_px
    if factor <= 1:
        return picture
    y, x = (max(1, round(edge / factor)) for edge in picture.shape)
    return np.asarray(Image.fromarray(picture).resize((x, y), Image.Resampling.LANCZOS))


def _jpeg(picture: np.ndarray, quality: int, *, pack: bool = False) -> bytes:
    """A picture as JPEG; ``pack`` takes twice the time and a few per cent off its size."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=pack)
    return buffer.getvalue()


def encode_within(picture: np.ndarray, most_bytes: int) -> bytes:
    """A grey picture as JPEG of at most ``most_bytes``: as large as it goes, then as fine as it goes.

    Parameters
    ----------
    picture
        8-bit, of shape ``(y, x)``.
    most_bytes
        Kept down to a longest edge of 72 pixels, which is sent even if noise makes it larger than this.
    """
    worth_trying_px = float(_EDGES_PX[0])
    for edge_px in _EDGES_PX:
        if edge_px > worth_trying_px:
            continue
        smaller = reduce_picture(picture, edge_px)
        coarse_bytes = len(_jpeg(smaller, _COARSEST))
        if coarse_bytes <= most_bytes:
            break
        # Bytes go roughly with the area; the allowance is for noise that averages out.
        worth_trying_px = 1.2 * max(smaller.shape) * math.sqrt(most_bytes / coarse_bytes)
    else:
        return _jpeg(reduce_picture(picture, _EDGES_PX[-1]), 30, pack=True)
    quality = next((quality for quality in _FINER if len(_jpeg(smaller, quality)) <= most_bytes), _COARSEST)
    return _jpeg(smaller, quality, pack=True)


def data_uri(kind: str, content: bytes) -> str:
    """Bytes of a picture as an address that holds the picture itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def heat_colours() -> np.ndarray:
    """The 256 colours of a heat map, shape ``(256, 3)``, 8-bit RGB, from 0 to 1."""
    knots = np.array(HEAT, float)
    places = np.linspace(0, 1, len(knots))
    steps = np.linspace(0, 1, 256)
    return np.stack([np.interp(steps, places, knots[:, i]) for i in range(3)], axis=1).round().astype(np.uint8)


def heat_map_png(values: np.ndarray) -> bytes:
    """Values 0–1 of shape ``(y', x')`` as a PNG with one pixel a value; what is not a number is left clear."""
    from PIL import Image

    known = np.isfinite(values)
    levels = np.clip(np.where(known, values, 0) * 255, 0, 255).round().astype(np.uint8)
    alpha = np.where(known, 255, 0).astype(np.uint8)
    if known.all():
        image = Image.frombytes("P", levels.shape[::-1], levels.tobytes())
        image.putpalette(heat_colours().tobytes())
    else:
        image = Image.fromarray(np.dstack([heat_colours()[levels], alpha]))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def contact_sheet(pictures: Sequence[tuple[np.ndarray, str]], columns: int, path: Path, *, edge_px: int = 240) -> Path:
    """Pictures side by side with captions, in the order given, as one PNG.

    Parameters
    ----------
    pictures
        ``(picture, caption)``: 8-bit grey of shape ``(y, x)``; a caption may have several lines, each cut at its
        picture's width.
    columns
        Pictures a row.
    path
        Where the PNG goes; written under a temporary name first.
    edge_px
        Longest edge of a picture on the sheet.

    Returns
    -------
    ``path``.

    Raises
    ------
    ValueError
        For no pictures or no columns.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not pictures or columns < 1:
        raise ValueError("a contact sheet needs at least one picture and one column")
    path = Path(path)
    font = ImageFont.load_default(size=13)
    line_px, gap_px = 17, 8
    reduced = [reduce_picture(np.ascontiguousarray(picture), edge_px) for picture, _ in pictures]
    rows = [range(first, min(first + columns, len(pictures))) for first in range(0, len(pictures), columns)]
    lines = max(caption.count("\n") + 1 for _, caption in pictures)
    tall = [max(reduced[index].shape[0] for index in row) for row in rows]
    height = sum(tall) + len(rows) * (lines * line_px + 2 * gap_px) + gap_px
    sheet = Image.new("L", (len(rows[0]) * (edge_px + gap_px) + gap_px, height), 255)
    draw = ImageDraw.Draw(sheet)
    top = gap_px
    for row, tallest in zip(rows, tall, strict=True):
        for index in row:
            left = gap_px + (index - row[0]) * (edge_px + gap_px)
            sheet.paste(Image.fromarray(reduced[index]), (left, top))
            for number, line in enumerate(pictures[index][1].split("\n")):
                place = (left, top + tallest + 3 + number * line_px)
                draw.text(place, _cut(line, font, edge_px), fill=0, font=font)
        top += tallest + lines * line_px + 2 * gap_px
    part = path.with_name(f".{path.name}.part")
    sheet.save(part, "PNG", optimize=True)
    part.replace(path)
    return path


def _cut(line: str, font, width_px: float) -> str:
    """A line of text short enough for a width."""
    if font.getlength(line) <= width_px:
        return line
    while line and font.getlength(f"{line}…") > width_px:
        line = line[:-1]
    return f"{line}…"
