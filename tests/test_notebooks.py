"""The notebooks run from the first cell of the first to the last of the last, in a folder of their own."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def test_the_notebooks_run_one_after_the_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [path.stem for path in NOTEBOOKS] == ["1-train", "2-predict", "3-submit"]
    for path in NOTEBOOKS:
        namespace: dict[str, object] = {"__name__": "__notebook__"}
        for number, cell in enumerate(json.loads(path.read_text())["cells"]):
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), namespace)
    score = namespace["found"].score  # type: ignore[attr-defined]
    assert 0.2 < score <= 1.2, "forty steps find the large kinds"
    assert (tmp_path / "submission.csv").read_text().startswith("id,experiment,particle_type,x,y,z")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(path):
    cells = json.loads(path.read_text())["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
