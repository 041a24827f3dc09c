"""``cryogauge serve`` and the page of ``label classes``: real processes, ended as people end them."""

import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cryogauge.classes.labels.store import read_class_labels
from cryogauge.cli.serve import serve
from cryogauge.collect.screen.orders import read_orders
from cryogauge.records import BadInput
from tests.classes.averages import particle
from tests.io.classes.makers import write_stack
from tests.web.leginon_client import Client

TOKEN = "0123456789abcdef"


@contextmanager
def served(module, function, *arguments, **environment):
    """The address that a command prints, while it runs."""
    call = f"import typer; from {module} import {function}; app = typer.Typer(); app.command()({function}); app()"
    process = subprocess.Popen(
        [sys.executable, "-c", call, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", **environment},
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
    finally:
        process.kill()
        process.communicate()


def test_a_lab_is_served_with_a_token_until_it_is_stopped(tmp_path):
    with served(
        "cryogauge.cli.serve", "serve", "--data", tmp_path / "lab", "--host", "0.0.0.0", CRYOGAUGE_TOKEN=TOKEN
    ) as address:
        reached = address.replace("0.0.0.0", "127.0.0.1")
        bare = reached.partition("?")[0]
        assert httpx.get(bare).status_code == 401
        with httpx.Client(follow_redirects=True) as client:
            assert "/classes/" in client.get(reached).text
            assert "Send a job" in client.get(f"{bare}classes/").text
    assert (tmp_path / "lab" / "classes" / "pool" / "labels.sqlite").is_file()


def test_leginon_is_answered_without_the_other_pages(tmp_path):
    with served(
        "cryogauge.cli.serve", "serve", "--leginon", tmp_path / "leginon", "--host", "0.0.0.0", CRYOGAUGE_TOKEN=TOKEN
    ) as address:
        client = Client(address.replace("0.0.0.0", "127.0.0.1").partition("?")[0], "krios1", TOKEN)
        assert client.is_there()
        client.initialize()
        assert client.push_lm(np.ones((64, 64)), 1, 1).json()["squares"] == 0
    assert (tmp_path / "leginon" / "krios1" / "session_0001.jsonl").is_file()


def test_sessions_are_watched_with_one_token_and_driven_with_another(tmp_path):
    folder = tmp_path / "screened"
    folder.mkdir()
    secrets = {"CRYOGAUGE_TOKEN": TOKEN, "CRYOGAUGE_DRIVE_TOKEN": TOKEN[::-1]}
    with served("cryogauge.cli.serve", "serve", "--session", folder, **secrets) as address:
        bare = address.partition("?")[0]
        watching, driving = ({"Authorization": f"Bearer {token}"} for token in secrets.values())
        page = httpx.get(f"{bare}collect/", headers=watching).text
        assert "has not begun" in page
        key = page.partition('href="/collect/')[2].partition("/")[0]
        base = f"{bare}collect/{key}"
        order = {"order": "pause", "by": "Ada"}
        assert httpx.post(f"{base}/api/orders", json=order, headers=watching).status_code == 403
        assert httpx.post(f"{base}/api/orders", json=order, headers=driving).status_code == 204
        assert httpx.get(f"{bare}classes/", headers=watching).status_code == 404
    assert read_orders(folder).paused == "Ada"


def test_something_must_be_served():
    app = typer.Typer()
    app.command()(serve)
    with pytest.raises(BadInput, match="nothing to serve"):
        CliRunner().invoke(app, [], catch_exceptions=False)
    with pytest.raises(BadInput, match="both tokens are the same"):
        CliRunner().invoke(app, ["--token", TOKEN, "--drive-token", TOKEN, "--session", "."], catch_exceptions=False)


def test_other_machines_need_a_token(tmp_path):
    app = typer.Typer()
    app.command()(serve)
    with pytest.raises(BadInput, match="anybody there could use the pages"):
        CliRunner().invoke(app, ["--data", str(tmp_path / "lab"), "--host", "0.0.0.0"], catch_exceptions=False)
    assert not (tmp_path / "lab").exists()


def test_averages_are_labelled_over_the_page_of_the_command(tmp_path):
    rng = np.random.default_rng(0)
    write_stack(tmp_path / "one.mrcs", np.stack([particle(32, rng, radius_px=6) for _ in range(3)]))
    (tmp_path / "broken.mrcs").write_bytes(b"nothing" * 300)
    labels = tmp_path / "labels.sqlite"
    call = (tmp_path / "one.mrcs", tmp_path / "broken.mrcs", "--labels", labels, "--annotator", "Ada", "--no-browser")
    with served("cryogauge.cli.label_classes", "label_classes", *call) as address:
        state = httpx.get(f"{address}api/next", params={"annotator": "Ada"}).json()
        assert state["total"] == 3
        said = {"annotator": "Ada", "image": state["showings"][0]["image"], "repeat": False, "grade": 2, "seconds": 1}
        assert httpx.post(f"{address}api/label", json=said).json()["done"] == 1
    table = read_class_labels(labels)
    assert table["file"].tolist() == [str(tmp_path / "one.mrcs")]
