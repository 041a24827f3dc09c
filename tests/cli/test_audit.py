"""``cryogauge pick audit``, ``label audit`` and ``pick audit-apply``: real processes, a real project."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pandas as pd
import pytest

from cryogauge.cli import main
from cryogauge.io.copick import open_project, read_project_picks, write_project_picks
from cryogauge.pick.model import load_picker
from tests.cli.test_picker import write_picker
from tests.pick.worlds import make_project

AUDIT = ("--user", "truth", "--session", "1", "--model", "p.safetensors", "--out", "audit")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_picker(tmp_path / "p.safetensors")
    return make_project(tmp_path / "project")


def test_audit_judge_and_apply(tmp_path, run, project):
    (tmp_path / "order.json").write_text(json.dumps({"learned": ["w0", "w1", "w2"], "kept_out": ["w3"], "ordered": {}}))
    done = run("pick", "audit", project, *AUDIT, "--json")
    assert done.returncode == 0, done.stderr
    assert "3 of 4 tomograms are judged by a network that learned from their labels" in done.stderr
    told = json.loads(done.stdout)
    table = pd.read_csv(tmp_path / "audit" / "suggestions.csv")
    assert told["suggestions"] == len(table) > 0
    assert "Audit of labels" in (tmp_path / "audit" / "report.html").read_text()
    again = run("pick", "audit", project, *AUDIT)
    assert again.returncode == 0
    assert pd.read_csv(tmp_path / "audit" / "suggestions.csv").equals(table)
    address = None
    server = subprocess.Popen(
        [sys.executable, "-m", "cryogauge", "label", "audit", "audit", "--no-browser", "--count", "3"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        state = httpx.get(f"{address}api/next", params={"annotator": "Ada"}).json()
        assert state["total"] == 3
        early = run("pick", "audit-apply", "audit", "--save-as", "truth/audited")
        assert early.returncode
        assert "nothing was decided in audit" in early.stderr
        for each in state["upcoming"]:
            body = {"annotator": "Ada", "suggestion": each["id"], "said": "", "seconds": 1.0}
            assert httpx.post(f"{address}api/answer", json=body).status_code == 200
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=120)
        assert server.returncode == 0
        assert "3 answers in" in errors
    finally:
        server.kill()
        server.communicate()
    done = run("pick", "audit-apply", "audit", "--save-as", "truth/audited", "--json")
    assert done.returncode == 0, done.stderr
    removed = json.loads(done.stdout)["removed"]
    assert removed == sum(each["kind"] != "missing" for each in state["upcoming"])
    opened = open_project(project)
    old, new = (read_project_picks(opened, user="truth", session=each) for each in ("1", "audited"))
    assert len(new) == len(old) - removed


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (["pick", "audit", "none.json", *AUDIT], "none.json does not exist"),
        (["pick", "audit", "p.json", *AUDIT], "is no copick configuration"),
        (["pick", "audit", "project/copick.json", *AUDIT[:5], "none.safetensors", *AUDIT[6:]], "none"),
        (["pick", "audit", "project/copick.json", "--user", "nobody", *AUDIT[2:]], "nobody"),
        (["pick", "audit", "project/copick.json", *AUDIT, "--type", "denoised"], "no tomogram of type denoised"),
        (["pick", "audit", "project/copick.json", *AUDIT[:6]], "--out"),
        (["label", "audit", "nowhere", "--no-browser"], "holds no audit"),
        (["label", "audit", "project", "--no-browser", "--host", "0.0.0.0"], "other machines could reach"),
        (["label", "audit", "project", "--no-browser", "--annotator", "=x"], "no name"),
        (["pick", "audit-apply", "project", "--save-as", "a"], "names no user and session"),
        (["pick", "audit-apply", "project", "--save-as", "a/b"], "holds no audit"),
    ],
)
def test_wrong_calls(tmp_path, monkeypatch, capsys, project, call, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(call)
    assert ended.value.code == 2
    output, errors = capsys.readouterr()
    assert told in errors
    assert output == ""


def test_kinds_that_network_and_project_do_not_share(tmp_path, monkeypatch, capsys, project):
    monkeypatch.chdir(tmp_path)
    assert {each.name for each in load_picker([tmp_path / "p.safetensors"]).objects} == {"small", "large"}
    document = json.loads(project.read_text())
    write_project_picks(
        open_project(project), read_project_picks(open_project(project)).assign(object="small"), user="a", session="1"
    )
    document["pickable_objects"] = document["pickable_objects"][:1]
    project.write_text(json.dumps(document))
    with pytest.raises(SystemExit) as ended:
        main(["pick", "audit", "project/copick.json", "--user", "a", *AUDIT[2:]])
    assert ended.value.code == 2
    assert "finds large, which project/copick.json has no object for" in capsys.readouterr().err
