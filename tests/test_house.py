"""The house as a whole: layers, cheap imports, entry points, what the wheel carries."""

import json
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "cryogauge"
HEAVY = ("torch", "monai", "dask", "distributed", "numba", "scipy", "pandas", "tensorstore", "copick", "h5py")

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="runs from a clone only")


def _run(*command: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_imports_point_downwards():
    done = _run(str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache", cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_a_layer_violation_is_noticed(tmp_path):
    """The contract is worth something only if it fails when records reach up."""
    import shutil

    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", "weights")
    shutil.copytree(PACKAGE, tmp_path / "src" / "cryogauge", ignore=ignored)
    with (tmp_path / "src" / "cryogauge" / "records" / "errors.py").open("a") as file:
        file.write("\nimport cryogauge.io\n")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'src')!r})\n"
        "from importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(no_cache=True))"
    )
    done = _run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.returncode == 1
    assert "cryogauge.records is not allowed to import cryogauge.io" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"], ["simulate", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('LOADED', sorted({set(HEAVY)!r} & sys.modules.keys())))\n"
        f"sys.argv = ['cryogauge', *{arguments!r}]\n"
        "from cryogauge.cli import main\n"
        "main()"
    )
    done = _run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("LOADED []"), done.stdout[-300:]


def test_importing_the_package_loads_nothing():
    code = f"import cryogauge, sys; print(sorted({{*{HEAVY!r}, 'numpy'}} & sys.modules.keys()))"
    assert _run(sys.executable, "-c", code).stdout.strip() == "[]"


def test_lazy_names_are_those_of_their_rooms():
    import cryogauge
    import cryogauge.io
    import cryogauge.score

    assert cryogauge.open_volume is cryogauge.io.open_volume
    assert cryogauge.score_tomogram is cryogauge.score.score_tomogram
    assert {"open_volume", "score_tomogram"} <= set(dir(cryogauge))
    with pytest.raises(AttributeError, match="no_such_name"):
        cryogauge.no_such_name  # noqa: B018


def test_our_formats_come_through_the_entry_points():
    formats = {entry.name: entry.load() for entry in entry_points(group="cryogauge.formats")}
    assert {"mrc", "hdf", "zarr", "tiff", "copick"} <= formats.keys()
    assert all(formats[name].name == name for name in ("mrc", "hdf", "zarr", "tiff", "copick"))


def test_our_drivers_come_through_the_entry_points():
    drivers = {entry.name: entry.load() for entry in entry_points(group="cryogauge.drivers")}
    assert {"simulated", "serialem", "temscript", "epu", "leginon"} <= drivers.keys()


def test_weights_are_small_and_carry_their_cards():
    weights = sorted((PACKAGE / "weights").glob("*.safetensors"))
    assert weights, "no weights are shipped"
    assert sum(path.stat().st_size for path in weights) < 10e6
    for path in weights:
        card = json.loads(path.with_suffix(".json").read_text())
        assert isinstance(card, dict), path.name


def test_the_wheel_carries_what_is_not_python(tmp_path):
    done = _run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(tmp_path), str(ROOT)),
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        carried = set(wheel.namelist())
    wanted = {
        f"cryogauge/{path.relative_to(PACKAGE)}"
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".nbi", ".nbc"}
    }
    assert wanted <= carried
    assert not {name for name in carried if name.startswith("tests/")}
