"""The runner finds measurements by the name of their module or of a figure."""

import sys

import pytest

from tools.measure import measurements


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "somebenchmarks"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "bench_one.py").write_text("FIGURES = ('a', 'b')\ndef run(small=False):\n    return {'a': 1.0}\n")
    (folder / "bench_two.py").write_text("FIGURES = ('c',)\ndef run(small=False):\n    return {'c': 2.0}\n")
    (folder / "helper.py").write_text("raise RuntimeError('not a measurement')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "somebenchmarks"
    for name in [name for name in sys.modules if name.startswith("somebenchmarks")]:
        del sys.modules[name]


@pytest.mark.parametrize(("only", "found"), [(None, ["one", "two"]), ("two", ["two"]), ("b", ["one"])])
def test_measurements(package, only, found):
    modules = measurements(package, "bench_", only)
    assert [module.__name__.rpartition("_")[2] for module in modules] == found


def test_an_unknown_name_is_one_line_and_a_hint(package):
    with pytest.raises(SystemExit, match="hint: one of one, two"):
        measurements(package, "bench_", "three")


@pytest.mark.parametrize(("folder", "prefix"), [("benchmarks", "bench_"), ("validation", "check_")])
def test_every_measurement_declares_its_figures(folder, prefix):
    from tools.goals import FIGURES

    declared = {figure.name for figure in FIGURES}
    modules = measurements(folder, prefix)
    claimed = [name for module in modules for name in module.FIGURES]
    assert modules
    assert set(claimed) <= declared
    assert len(claimed) == len(set(claimed)), "two modules measure the same figure"
    assert all(callable(module.run) for module in modules)
