"""SHREC's sets from a shell: made, scored, imported."""

import json

from tests.io.shrec import makers


def test_a_set_is_made_scored_and_imported(run, tmp_path):
    made = run("simulate", "shrec", "--out", "s", "--count", "1", "--size", "40,72,72", "--crowding", "3", "--json")
    assert made.returncode == 0, made.stderr
    assert set(json.loads(made.stdout)) == {"set", "table", "settings"}
    truth = (tmp_path / "s/model_0/particle_locations.txt").read_text().splitlines()
    (tmp_path / "sub.txt").write_text("\n".join(" ".join(line.split()[:4]) for line in truth[1:]) + "\n")
    scored = run("challenge", "shrec", "s", "sub.txt", "--out", "score", "--json")
    assert scored.returncode == 0, scored.stderr
    found = json.loads(scored.stdout)
    assert found["localisation"]["fn"] == 1
    assert found["localisation"]["precision"] == 1
    assert json.loads((tmp_path / "score/shrec.json").read_text())["macro_f1"] == found["macro_f1"]
    assert (tmp_path / "score/classes.csv").read_text().startswith("object,group,particles,called,tp")
    assert "background" in (tmp_path / "score/confusion.csv").read_text().splitlines()[0]
    imported = run("project", "import-shrec", "s", "--out", "p")
    assert (imported.returncode, imported.stdout) == (0, "p/copick.json\n")
    again = run("challenge", "shrec", "s/model_0", "p/copick.json", "--user", "shrec")
    assert again.stdout.startswith("macro F1 1.0000; localisation F1 1.0000\n")
    assert "by the rules of 2020" in again.stderr


def test_wrong_calls(run, tmp_path):
    makers.set_2020(tmp_path / "set")
    (tmp_path / "bad.txt").write_text("1bxn 1 2\n")
    for call, said, hint in [
        (["simulate", "shrec", "--out", "s", "--size", "8,64,64"], "holds no proteasome", "at least 40"),
        (["simulate", "shrec", "--out", "s", "--maps", "none"], "there is no folder", "leave --maps away"),
        (["challenge", "shrec", "set", "bad.txt"], "line 1: 3 words", "CLASS X Y Z"),
        (["project", "import-shrec", ".", "--out", "set/model_9/particle_locations.txt"], "cannot be made", "another"),
    ]:
        done = run(*call)
        assert (done.returncode, done.stdout) == (2, ""), call
        assert said in done.stderr
        assert hint in done.stderr
