"""The documentation is true: its code runs, its commands exist, its links resolve, its figures are measured."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
import yaml

from tools import figures, reference

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
CODE_BLOCK = re.compile(r"(?P<before><!-- not run: [^\n]+ -->\n+)?^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.M | re.S)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _blocks(page: Path, kind: str) -> list[tuple[str, bool]]:
    """Fenced blocks of one kind: the code, and whether it is to be run."""
    return [(m["code"], m["before"] is None) for m in CODE_BLOCK.finditer(page.read_text()) if m["kind"] == kind]


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]


@pytest.fixture
def folder_with_tomogram(tmp_path, monkeypatch):
    """A folder with what the examples name: a small tomogram, a tilt series, and a text file that is none."""
    from cryogauge.io import write_mrc, write_tilt_series
    from cryogauge.records import TILT_COLUMNS, TiltSeries

    noise = np.random.default_rng(0).normal(size=(24, 96, 96)).astype(np.float32)
    write_mrc(tmp_path / "tomogram.mrc", noise, 13.5)
    tilts = pd.DataFrame({name: np.zeros(7) for name in TILT_COLUMNS}).assign(tilt_deg=np.arange(-30, 31, 10))
    write_tilt_series(tmp_path, "TS_01", TiltSeries(noise[:7], 5.0, tilts))
    (tmp_path / "notes.mrc").write_text("the grid was thick today\n" * 60)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [p for p in PAGES if _blocks(p, "python")], ids=_name)
def test_python_examples_run(page, folder_with_tomogram):
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for number, (code, run) in enumerate(_blocks(page, "python")):
        compiled = compile(ast.parse(code), f"{_name(page)}, block {number}", "exec")
        if run:
            exec(compiled, namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if _blocks(p, "yaml")], ids=_name)
def test_recipes_in_examples_are_recipes(page):
    from cryogauge.simulate.recipe import recipe_from

    for code, _ in _blocks(page, "yaml"):
        assert recipe_from(yaml.safe_load(code)).count >= 1


def test_every_kind_of_specimen_is_described():
    from cryogauge.simulate.specimens import KINDS

    page = (ROOT / "docs" / "how-to" / "simulate-a-tilt-series.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == KINDS.keys()


def test_every_flag_is_described():
    from cryogauge.records import PREVIEW

    raised = {
        flag
        for path in (ROOT / "src" / "cryogauge" / "score").rglob("*.py")
        for flag in re.findall(r'notes\["(\w+)"\] = ', path.read_text())
    }
    page = (ROOT / "docs" / "reference" / "flags.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == raised | {"failed", PREVIEW}


def _command_lines(page: Path) -> list[str]:
    text = "\n".join(code for code, _ in _blocks(page, "bash")).replace("\\\n", " ")
    return [line for line in text.splitlines() if line.startswith("cryogauge ")]


@pytest.mark.parametrize("page", [p for p in PAGES if _command_lines(p)], ids=_name)
def test_commands_in_examples_exist(page):
    known = {name: command for name, command, _ in reference.commands(reference.application(), "cryogauge")}
    for line in _command_lines(page):
        words = shlex.split(line, comments=True)
        name = max((n for n in known if words[: len(n.split())] == n.split()), key=len)
        assert not hasattr(known[name], "commands"), f"{line!r} names no command"
        options = {option for p in known[name].params for option in (*p.opts, *p.secondary_opts)} | {"--help"}
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= options, f"{line!r}: no option {used - options}"


def test_the_tutorial_does_what_it_says(tmp_path):
    """Its commands run as typed, in order; what it says they write is there, with the columns it shows."""
    import pandas as pd

    from cryogauge.records import SCORE_COLUMNS, SLICE_COLUMNS

    page = ROOT / "docs" / "tutorial" / "first-ranking.md"
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "COLUMNS": "200", "NO_COLOR": "1"}
    printed = ""
    for line in _command_lines(page):
        done = subprocess.run(shlex.split(line), cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        printed += done.stdout + done.stderr
    for written in re.findall(r"^- `([^`]+)`", page.read_text(), re.M):
        assert (tmp_path / written).exists(), f"{written} was not written"
    for table, columns in (("scores.csv", SCORE_COLUMNS), ("slices.csv", SLICE_COLUMNS)):
        for path in tmp_path.rglob(table):
            assert tuple(pd.read_csv(path).columns) == columns
    assert "report.html" in printed


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_resolve(page):
    text = CODE_BLOCK.sub("", page.read_text())
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^\]^]+\]: (\S+)", text, re.M)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / unquote(path)).resolve() if path else page
        assert linked.exists(), f"{target} leads nowhere"
        if ROOT / "docs" in page.parents:
            assert ROOT / "docs" in linked.parents, f"{target} leaves the site"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{target}: no such heading"


def test_the_site_lists_every_page_once():
    def leaves(node) -> list[str]:
        if isinstance(node, str):
            return [node]
        return [leaf for child in (node.values() if isinstance(node, dict) else node) for leaf in leaves(child)]

    navigation = leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    pages = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(navigation) == sorted(pages)


def test_every_page_begins_with_one_heading():
    for page in PAGES:
        prose = CODE_BLOCK.sub("", page.read_text())
        assert prose.startswith("# "), _name(page)
        assert len(re.findall(r"^# ", prose, re.M)) == 1, _name(page)


def test_the_page_of_figures_is_that_of_the_measurements():
    assert figures.FIGURES_PAGE.read_text() == figures.page(figures.load()), "run: python -m tools.figures"


@pytest.mark.parametrize("path", reference.PAGES)
def test_generated_references_are_up_to_date(path):
    assert (ROOT / "docs" / path).read_text() == reference.PAGES[path](), "run: python -m tools.reference"


def test_every_dependency_has_its_reason_and_its_version():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in stated}  # type: ignore[index]
    pinned = {line.partition("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.M)
    explained = {name.strip() for row in rows for name in row.split(",")}
    assert names <= pinned
    assert names <= explained


def test_run_time_dependencies_are_those_imported():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = {re.match(r"[\w.-]+", requirement)[0].lower() for requirement in project["dependencies"]}  # type: ignore[index]
    distribution = {
        "PIL": "pillow",
        "yaml": "pyyaml",
        "cryoet_data_portal": "cryoet-data-portal",
        "skimage": "scikit-image",
    }
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = {distribution.get(name, name) for name in imported - set(sys.stdlib_module_names) - {"cryogauge"}}
    # Dask imports the first for its keys, tifffile the second for its codecs; neither asks for it.
    indirect = {"cryptography", "imagecodecs"}
    # Modules of microscope programs, which are there where the program is.
    vendors = {"serialem", "pytemscript"}
    assert stated - indirect == foreign - vendors


def test_the_project_speaks_of_itself_alone():
    """No paths of one computer, no trackers, nothing left for later."""
    banned = re.compile(
        "|".join(["/" + "work/", r"\.\./" + "shared", "issue" + r" #\d", "TO" + "DO", "FIX" + "ME", "@" + "@$"])
    )
    exempt = {ROOT / ".gitignore", ROOT / ".ci" / "run", ROOT / "LICENSE"}
    texts = {".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".html", ".css", ".js", ".json", ""}
    found = [
        f"{_name(path)}: {match[0]}"
        for path in _tracked()
        if path.suffix in texts and path not in exempt
        for match in banned.finditer(path.read_text(errors="ignore"))
    ]
    assert not found
