"""Leginon's calls over real connections, by a client that asks as Leginon's does."""

import base64
import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import numpy as np
import pytest

from cryogauge.web.app import create_app, running
from cryogauge.web.leginon import LARGEST_BY_PATH, LeginonPages
from cryogauge.web.serve_pages import start_router
from tests.collect.targets.grids import holes, mesh
from tests.web.leginon_client import Client

TOKEN = "0123456789abcdef"
TILE, CENTRES, _ = mesh((192, 224), pitch=56.0, side=36.0, seed=3)
SQUARE, HOLES, _ = holes((112, 112), pitch=28.0, diameter=14.0, seed=2)


@contextmanager
def served_from(folder, token=None):
    with LeginonPages(folder) as pages:
        group = pages.group()
        app = create_app("T", start_router([group]), *group.routers, token=token, largest_by_path=LARGEST_BY_PATH)
        with running(app) as address:
            yield address


@pytest.fixture
def served(tmp_path):
    with served_from(tmp_path / "leginon") as address:
        yield address


def test_a_session_as_leginon_drives_it(served, tmp_path):
    client = Client(served)
    assert client.is_there()
    client.initialize()
    client.push_lm(TILE, 5897, 1945)
    squares = client.current_lm_state()
    assert len(squares) >= len(CENTRES)
    inner = CENTRES[(CENTRES > 24).all(1) & (np.array(TILE.shape[::-1]) - 24 > CENTRES).all(1)]
    assert len(inner) >= 3
    for centre in inner:
        nearest = min(squares, key=lambda s: np.hypot(*(np.array(s["center"]) - centre)))
        assert np.hypot(*(np.array(nearest["center"]) - centre)) < 3
        assert np.allclose(np.mean(nearest["vertices"], 0), nearest["center"], atol=1e-6)
    assert {(s["grid_id"], s["tile_id"], s["visited"], s["learned"]) for s in squares} == {(5897, 1945, False, False)}
    assert client.select_next_square()[0]["square_id"] == squares[0]["square_id"]

    client.set_noice_hole_intensity(420)
    first = squares[0]["square_id"]
    found = client.push_and_evaluate_mm(SQUARE, 5897, 1945, first, 77)
    assert {(h["mm_img_id"], h["square_id"]) for h in found} == {(77, first)}
    assert len(found) >= len(HOLES) - 2
    assert 0 < found[0]["ice_pred"] < 100
    told = client.visit_holes([h["hole_id"] for h in found[:2]], [3.4, 3.9], [31.0, 28.0])
    assert told.json() == {"visited": 2}
    client.visit_square(squares[1]["square_id"])
    left = client.select_next_square(5897)
    assert not {first, squares[1]["square_id"]} & {s["square_id"] for s in left}
    assert client.select_next_square(5898) == []

    saved = client.save_state("/somewhere/else/krios.state").json()["saved"]
    assert (tmp_path / "leginon" / "leginon" / saved).is_file()
    client.initialize(["/somewhere/else/krios.state"])
    assert client.current_lm_state() == []
    assert "krios.state" in httpx.get(f"{served}leginon/").text


def test_what_cannot_be_is_told_and_shown(served):
    client = Client(served)
    for answer, told in [
        (client.visit_square(7), "no square 7"),
        (client.visit_holes([7], [3.0], [30.0]), "no hole 7"),
        (client.visit_holes([7, 8], [3.0], [30.0]), "differ in length"),
        (client.initialize(["unknown"]), "no saved state unknown"),
        (client.save_state("../.."), "no name of a state"),
        (client.push_lm(np.array([[1.0, 2.0], ["a", "b"]]), 1, 1), "row 0"),
        (httpx.post(f"{served}push_lm", content="nonsense"), "no JSON"),
        (httpx.post(f"{served}push_lm", content='{"image": "/etc/passwd"}'), "needs an image"),
    ]:
        assert answer.status_code == 400, told
        assert told in answer.json()["message"]
    assert "no hole 7" in httpx.get(f"{served}leginon/").text
    assert client.push_lm(np.ones((64, 64)), 1, 1).json()["squares"] == 0  # a tile beside the grid is no fault
    large = {"Content-Length": str(2**20 + 1), "Content-Type": "text/plain"}
    assert httpx.post(f"{served}visit_square", content=b" " * (2**20 + 1), headers=large).status_code == 413


def test_microscopes_are_told_apart_by_name_and_need_the_token(tmp_path):
    with served_from(tmp_path, TOKEN) as address:
        bare = address.partition("?")[0]
        one, other = (Client(bare, name, TOKEN) for name in ("krios1", "glacios"))
        assert one.is_there()
        one.push_lm(TILE, 1, 1)
        assert one.current_lm_state()
        assert other.current_lm_state() == []
        assert not Client(bare).is_there()
        assert not Client(bare, "krios1", "0123456789abcdeX").is_there()
        strange = base64.b64encode(f"../..:{TOKEN}".encode()).decode()
        answer = httpx.get(f"{bare}current_lm_state", headers={"Authorization": f"Basic {strange}"})
        assert answer.status_code == 400
        assert "no name of a microscope" in answer.json()["message"]
    assert {path.name for path in tmp_path.iterdir()} == {".incoming", "krios1", "glacios"}


def test_who_only_watches_changes_nothing(tmp_path):
    with LeginonPages(tmp_path, drivers_only=True) as pages:
        group = pages.group()
        app = create_app("T", start_router([group]), *group.routers, token=TOKEN, drive_token="another" + TOKEN)
        with running(app) as address:
            bare = address.partition("?")[0]
            assert Client(bare, "krios1", TOKEN).initialize().status_code == 403
            assert Client(bare, "krios1", TOKEN).current_lm_state() == []
            assert Client(bare, "krios1", "another" + TOKEN).initialize().is_success


_SERVE = """
import sys
from pathlib import Path
from cryogauge.web.app import create_app, serve
from cryogauge.web.leginon import LARGEST_BY_PATH, LeginonPages
from cryogauge.web.serve_pages import start_router
with LeginonPages(Path(sys.argv[1])) as pages:
    group = pages.group()
    app = create_app("T", start_router([group]), *group.routers, largest_by_path=LARGEST_BY_PATH)
    serve(app, on_ready=lambda address: print(address, flush=True))
"""


def test_a_killed_server_goes_on_with_all_it_had_confirmed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        try:
            client = Client(process.stdout.readline().strip())
            client.initialize()
            client.push_lm(TILE, 1, 1)
            before = client.current_lm_state()
            square = before[0]["square_id"]
            found = client.push_and_evaluate_mm(SQUARE, 1, 1, square, 2)
            client.visit_holes([found[0]["hole_id"]], [3.3], [25.0])
        finally:
            process.send_signal(signal.SIGKILL)
    (tmp_path / ".incoming" / "half").write_bytes(b"half a tile")
    with (tmp_path / "leginon" / "session_0001.jsonl").open("ab") as file:
        file.write(b'{"n": 4, "command": "visit_ho')  # the line that the kill cut short
    with served_from(tmp_path) as address:
        client = Client(address)
        after = client.current_lm_state()
        assert [s["square_id"] for s in after] == [s["square_id"] for s in before]
        assert [s["square_id"] for s in after if s["visited"]] == [square]
        assert client.push_lm(TILE, 1, 1).json() == {"squares": "known"}
        again = client.push_and_evaluate_mm(SQUARE, 1, 1, square, 2)
        assert [h["hole_id"] for h in again] == [h["hole_id"] for h in found]
        assert [h["ctf"] for h in again if h["visited"]] == [3.3]
        assert not (tmp_path / ".incoming" / "half").exists()


def test_late_measurements_find_their_session(served):
    client = Client(served)
    client.push_lm(TILE, 1, 1)
    square = client.current_lm_state()[0]["square_id"]
    late = client.push_and_evaluate_mm(SQUARE, 1, 1, square, 2)[0]["hole_id"]
    client.initialize()
    client.push_lm(TILE, 9, 9)
    assert min(s["square_id"] for s in client.current_lm_state()) > square
    assert client.visit_holes([late], [4.0], [20.0]).is_success
    assert not any(s["visited"] for s in client.current_lm_state())
    shown = httpx.get(f"{served}leginon/").text
    assert f"hole {late} was told late" in shown


def test_an_image_is_read_as_it_was_sent(served):
    body = json.dumps({"grid_id": 1, "image": TILE.tolist(), "tile_id": 3}, indent=1)
    assert httpx.post(f"{served}push_lm", content=body).json()["squares"] >= len(CENTRES)
