"""Where images lie in one another, from their stage positions and orientations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from cryogauge.records.session import CollectionSession, session_table

#: How much coarser the pixels of a parent are at least: pictures of one magnification lie beside one another.
_COARSER = 2.0


def pixel_of(image: Mapping[Any, Any], x_um: np.ndarray, y_um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stage positions as positions in an image.

    Parameters
    ----------
    image
        A row of ``IMAGES``.
    x_um, y_um
        On the stage.

    Returns
    -------
    x_px, y_px
        The centre of the first pixel is 0, the centre of the picture (n − 1) / 2; NaN where the image does not say
        where it is or how it is turned.
    """
    dx, dy = x_um - image["stage_x_um"], y_um - image["stage_y_um"]
    x_px = image["x_px_per_um_x"] * dx + image["x_px_per_um_y"] * dy + (image["width_px"] - 1) / 2
    y_px = image["y_px_per_um_x"] * dx + image["y_px_per_um_y"] * dy + (image["height_px"] - 1) / 2
    return x_px, y_px


def spans(image: Mapping[Any, Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """The corners of an image's field on the stage, µm, in order around it; ``None`` where it does not say."""
    matrix = np.array([[image["x_px_per_um_x"], image["x_px_per_um_y"]],
                       [image["y_px_per_um_x"], image["y_px_per_um_y"]]], np.float64)  # fmt: skip
    size = np.array([image["width_px"], image["height_px"]], np.float64)
    centre = np.array([image["stage_x_um"], image["stage_y_um"]], np.float64)
    if not (np.isfinite(matrix).all() and np.isfinite(size).all() and np.isfinite(centre).all()):
        return None
    if np.linalg.det(matrix) == 0:
        return None
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * size
    x, y = np.linalg.solve(matrix, corners.T) + centre[:, None]
    return x, y


def with_computed_places(session: CollectionSession) -> CollectionSession:
    """The session with a place for each image that lies in a coarser one and of which no place is stated yet.

    The parent is, of the images of the same grid and registration whose pixels are at least twice as large and whose
    field holds the centre of the image, that with the smallest pixels, and of several the one whose centre is nearest.
    """
    images = session.images
    stated = set(session.places["image"]) - {""}
    rows = [
        row
        for _, group in images.groupby(["grid", "registration"], dropna=False, sort=False)
        for row in _of_group(group.sort_values("pixel_size_A", kind="stable"), stated)
    ]
    if not rows:
        return session
    places = pd.concat([session.places, session_table("places", rows)], ignore_index=True)
    return replace(session, places=places)


def _of_group(images: pd.DataFrame, stated: set[str]) -> list[dict[str, Any]]:
    """Places of images that are sorted by the size of their pixels."""
    rows = []
    table = images.to_dict("records")
    columns = {name: images[name].to_numpy(np.float64) for name in images if images[name].dtype.kind == "f"}
    for image in table:
        corners = spans(image)
        if corners is None or image["image"] in stated or not np.isfinite(image["pixel_size_A"]):
            continue
        x_px, y_px = pixel_of(columns, image["stage_x_um"], image["stage_y_um"])
        width, height = columns["width_px"], columns["height_px"]
        holds = (x_px >= -0.5) & (x_px <= width - 0.5) & (y_px >= -0.5) & (y_px <= height - 0.5)
        holds &= columns["pixel_size_A"] >= _COARSER * image["pixel_size_A"]
        if not holds.any():
            continue
        finest = holds & (columns["pixel_size_A"] == columns["pixel_size_A"][holds].min())
        off = np.hypot(x_px - (width - 1) / 2, y_px - (height - 1) / 2)
        parent = table[int(np.argmin(np.where(finest, off, np.inf)))]
        outline_x, outline_y = pixel_of(parent, *corners)
        kind = image["level"] if image["level"] in ("square", "hole", "exposure", "focus") else "area"
        rows.append({
            "place": f"{image['image']}@{parent['image']}", "grid": image["grid"], "kind": kind,
            "parent": parent["image"], "image": image["image"], "origin": "computed",
            "stage_x_um": image["stage_x_um"], "stage_y_um": image["stage_y_um"], "stage_z_um": image["stage_z_um"],
            "registration": image["registration"], "outline_x_um": corners[0], "outline_y_um": corners[1],
            "outline_x_px": outline_x, "outline_y_px": outline_y,
        })  # fmt: skip
    return rows
