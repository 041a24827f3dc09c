"""``cryogauge label``: a real process, real labels."""

import json
import signal
import subprocess
from contextlib import contextmanager

import httpx
import pandas as pd
import pytest

from cryogauge.cli import main
from cryogauge.score.labels import read_labels

TOKEN = "0123456789abcdef"


@pytest.fixture
def label(command):
    """``with label(*arguments) as address``: the page of ``label slices``; afterwards ``label.errors``."""

    class Label:
        errors = ""

        @contextmanager
        def __call__(self, *arguments, number=signal.SIGINT, **environment):
            process = subprocess.Popen(
                command.arguments(["label", "slices", *arguments, "--no-browser"]),
                cwd=command.folder,
                env=command.environment | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                assert process.stdout is not None
                yield process.stdout.readline().strip()
                process.send_signal(number)
                _, self.errors = process.communicate(timeout=120)
                assert process.returncode == 0, self.errors
            finally:
                process.kill()
                process.communicate()

    return Label()


def _label(address, category, count, name="Ada"):
    state = httpx.get(f"{address}api/next", params={"annotator": name}).json()
    for _ in range(count):
        showing = state["showings"][0]
        said = {"annotator": name, "slice": showing["slice"], "repeat": showing["repeat"], "seconds": 2.0}
        state = httpx.post(f"{address}api/label", json=said | {"category": category}).json()
    return state


def test_label_stop_go_on_and_export(label, command, tomogram):
    tomogram("data/one.mrc", 0.1)
    tomogram("data/two.mrc", 0.2)
    (command.folder / "data" / "broken.mrc").write_bytes(b"nothing" * 300)
    with label("data", "--labels", "l.sqlite", "--per-tomogram", "3") as address:
        assert _label(address, 4, 2)["done"] == 2
    assert "left out" in label.errors
    assert "broken.mrc" in label.errors
    assert "6 slices of 2 tomograms" in label.errors
    assert "2 labels in l.sqlite" in label.errors
    with label(
        "data/one.mrc", "data/two.mrc", "--labels", "l.sqlite", "--per-tomogram", "3", "--annotator", "Ada",
        number=signal.SIGTERM,
    ) as address:  # fmt: skip
        assert 'data-annotator="Ada"' in httpx.get(address).text
        assert _label(address, 3, 2)["done"] == 4
        assert _label(address, 4, 4, "Ben")["done"] == 4
    done = command("label", "export", "l.sqlite", "--out", "labels.csv")
    assert done.returncode == 0, done.stderr
    table = read_labels(command.folder / "labels.csv")
    assert table["category"].tolist() == [4, 4, 3, 3, 4, 4, 4, 4]
    assert set(table["tomogram"]) == {"one", "two"}
    for source in ("l.sqlite", "labels.csv"):
        done = command("label", "agreement", source, "--json")
        told = json.loads(done.stdout)
        assert [(each["annotator"], each["labels"]) for each in told["people"]] == [("Ada", 4), ("Ben", 4)]
        pair = told["agreement"][-1]
        assert (pair["first"], pair["second"], pair["within_one"]) == ("Ada", "Ben", 1.0)
        assert pair["slices"] >= 2
    done = command("label", "agreement", "l.sqlite")
    assert "Ben" in done.stdout
    assert "the same, on repeats" in done.stdout


def test_scores_choose_half(label, command, tomogram):
    tomogram("data/one.mrc", 0.1)
    scores = command.folder / "scores"
    scores.mkdir()
    rows = [("one", z, 0.5, [0.1, 0.1, 0.9, 0.1][z], 3.0, 3.0) for z in range(4)]
    header = ["tomogram", "z", "score", "uncertainty", "smallest_feature_px", "smallest_feature_nm"]
    pd.DataFrame(rows, columns=pd.Index(header)).to_csv(scores / "slices.csv", index=False)
    with label("data", "--labels", "l.sqlite", "--per-tomogram", "2", "--scores", "scores") as address:
        _label(address, 1, 2)
    assert "1 tomogram, 1 of them with scores" in label.errors
    table = read_labels(command.folder / "l.sqlite")
    assert set(table["chosen"]) == {"random", "unsure"}
    assert table.set_index("z")["chosen"][2] == "unsure"
    pd.DataFrame(rows, columns=pd.Index(header)).assign(tomogram="other").to_csv(scores / "slices.csv", index=False)
    done = command("label", "slices", "data", "--labels", "l.sqlite", "--scores", "scores")
    assert done.returncode == 2
    assert "scores of other tomograms" in done.stderr


def test_the_token_may_come_from_the_environment(label, tomogram):
    tomogram("data/one.mrc", 0.1)
    with label("data", "--labels", "l.sqlite", CRYOGAUGE_TOKEN=TOKEN) as address:
        assert address.endswith(f"/?token={TOKEN}")
        assert httpx.get(address.partition("?")[0]).status_code == 401
        assert httpx.get(address, follow_redirects=True).status_code in (200, 401)
        with httpx.Client(follow_redirects=True) as client:
            assert "Label slices" in client.get(address).text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["none", "--labels", "l.sqlite"], "none"),
        (["data", "--labels", "nowhere/l.sqlite"], "no folder nowhere"),
        (["data", "--labels", "data/one.mrc"], "no store of labels"),
        (["data", "--labels", "l.sqlite", "--host", "0.0.0.0"], "other machines could reach"),
        (["data", "--labels", "l.sqlite", "--token", "short"], "a token needs"),
        (["data", "--labels", "l.sqlite", "--annotator", "=x"], "no name"),
        (["data", "--labels", "l.sqlite", "--scores", "nowhere"], "does not exist"),
        (["data", "--labels", "l.sqlite", "--per-tomogram", "0"], "per-tomogram"),
        (["data"], "--labels"),
    ],
)
def test_wrong_calls(tmp_path, monkeypatch, capsys, tomogram, arguments, told):
    tomogram("data/one.mrc", 0.1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["label", "slices", *arguments, "--no-browser"])
    assert ended.value.code == 2
    output, errors = capsys.readouterr()
    assert told in errors
    assert output == ""


def test_labels_that_are_none(tmp_path, monkeypatch, capsys, tomogram):
    tomogram("one.mrc", 0.1)
    monkeypatch.chdir(tmp_path)
    for call in (["agreement", "none.sqlite"], ["agreement", "one.mrc"], ["export", "none.csv", "--out", "o.csv"]):
        with pytest.raises(SystemExit) as ended:
            main(["label", *call])
        assert ended.value.code == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "none.sqlite").exists()
