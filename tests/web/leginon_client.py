"""What Leginon's client sends and reads, over a real connection, to try a server without Leginon.

It posts text without a content type, looks at no status, takes the answer's JSON text for CSV, and needs every number
of a row to be one, as the client of Leginon's public source does; it asks the server's root whether there is one.
"""

import csv
import io
import json

import httpx

WHOLE = ("square_id", "tile_id", "grid_id", "hole_id", "mm_img_id")
NUMBERS = ("prior_score", "brightness", "area", "radius", "ctf", "ice_thickness", "ctf_pred", "ice_pred", "ctf_var")


class Client:
    """A Leginon whose ``ptolemy.cfg`` holds an address."""

    def __init__(self, address, name="", secret=""):
        scheme, _, rest = address.rstrip("/").partition("://")
        self._base = f"{scheme}://{name}:{secret}@{rest}" if name else address.rstrip("/")

    def is_there(self):
        return httpx.get(self._base).is_success

    def initialize(self, paths=()):
        return self._post("initialize_new_session", {"historical_state_paths": list(paths)})

    def push_lm(self, image, grid_id, tile_id):
        return self._post("push_lm", {"image": image.tolist(), "grid_id": grid_id, "tile_id": tile_id})

    def current_lm_state(self):
        return _squares(httpx.get(f"{self._base}/current_lm_state").json())

    def set_noice_hole_intensity(self, value):
        return self._post("set_noice_hole_intensity", {"value": float(value)})

    def push_and_evaluate_mm(self, image, grid_id, tile_id, square_id, mm_img_id):
        ids = {"grid_id": grid_id, "tile_id": tile_id, "square_id": square_id, "mm_img_id": mm_img_id}
        rows = _rows(self._post("push_and_evaluate_mm", {"image": image.tolist(), **ids}).json())
        return [row | {"image_id": row["mm_img_id"]} for row in rows]

    def visit_square(self, square_id):
        return self._post("visit_square", {"square_id": square_id})

    def visit_holes(self, hole_ids, ctfs, ice_thicknesses):
        return self._post("visit_holes", {"hole_ids": hole_ids, "ctfs": ctfs, "ice_thicknesses": ice_thicknesses})

    def select_next_square(self, grid_id=-1):
        return _squares(self._post("select_next_square", {"value": grid_id}).json())

    def save_state(self, path):
        return self._post("save_state", {"path": path})

    def _post(self, call, values):
        return httpx.post(f"{self._base}/{call}", content=json.dumps(values), timeout=60)


def _rows(text):
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        read = {name: int(float(row[name])) for name in WHOLE if name in row}
        read |= {name: float(row[name]) if row[name] else None for name in NUMBERS if name in row}
        read["visited"] = row["visited"].lower() == "true"
        read["center"] = [float(row["center_x"]), float(row["center_y"])]
        read["score"] = float(row["GP_probs"]) if "GP_probs" in row else read["prior_score"]
        read["learned"], read["why"] = "GP_probs" in row, row["why"]
        rows.append(read)
    return rows


def _squares(text):
    plain = list(csv.DictReader(io.StringIO(text)))
    corners = [[(float(row[f"vert_{k}_x"]), float(row[f"vert_{k}_y"])) for k in (1, 2, 3, 4)] for row in plain]
    return [row | {"vertices": c, "image_id": row["tile_id"]} for row, c in zip(_rows(text), corners, strict=True)]
