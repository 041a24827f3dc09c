"""All real single slices on one sheet, from the best to the worst: ``python -m validation.contact_sheet``.

The sheet goes into the ignored ``work/``: the licences of the pictures do not let them into the repository.
"""

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cryogauge.score.tomogram import eight_bit
from validation.held_out import WORK
from validation.real_files import data_folder, picture_score, read, single_slices

_COLUMNS, _EDGE_PX, _CAPTION_PX, _ROWS = 8, 240, 30, 6


def main() -> None:
    """Write ``work/validation/contact-sheet-1.png`` …, forty-eight slices a page, and print where they lie."""
    if data_folder() is None:
        raise SystemExit("CRYOGAUGE_DATA does not name the folder of real files")
    ranked = sorted(single_slices(), key=picture_score, reverse=True)
    a_page = _COLUMNS * _ROWS
    WORK.mkdir(parents=True, exist_ok=True)
    for page in range(math.ceil(len(ranked) / a_page)):
        path = WORK / f"contact-sheet-{page + 1}.png"
        _sheet(ranked[page * a_page : (page + 1) * a_page], page * a_page).save(path)
        print(path)


def _sheet(names: list[str], first: int) -> Image.Image:
    """One page; captions give rank, score, folder and file."""
    rows = math.ceil(len(names) / _COLUMNS)
    sheet = Image.new("L", (_COLUMNS * _EDGE_PX, rows * (_EDGE_PX + _CAPTION_PX)), 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for place, name in enumerate(names):
        left, top = (place % _COLUMNS) * _EDGE_PX, (place // _COLUMNS) * (_EDGE_PX + _CAPTION_PX)
        folder, _, file = name.removeprefix("slices/").rpartition("/")
        pen.text((left + 2, top + 1), f"{first + place + 1}. score {picture_score(name):.2f}", 0, font)
        pen.text((left + 2, top + 14), f"{folder.split('_', 1)[1][:20]} {file[:16]}", 0, font)
        picture = Image.fromarray(np.ascontiguousarray(eight_bit(read(name, "picture")[0])))
        picture.thumbnail((_EDGE_PX - 4, _EDGE_PX - 4))
        sheet.paste(picture, (left + 2, top + _CAPTION_PX))
    return sheet


if __name__ == "__main__":
    main()
