"""Run the measurements of a folder and record their figures."""

import argparse
import importlib
import pkgutil
from types import ModuleType

from tools.figures import record, told, write_page
from tools.goals import FIGURES


def measurements(package: str, prefix: str, only: str | None = None) -> list[ModuleType]:
    """The modules ``package.<prefix>*``, each with ``FIGURES`` (names) and ``run(small) -> {name: value}``.

    Parameters
    ----------
    package, prefix
        Where they are and how their names begin.
    only
        The rest of one module's name, or the name of one figure; all modules without it.

    Raises
    ------
    SystemExit
        When ``only`` names neither.
    """
    path = importlib.import_module(package).__path__
    names = sorted(info.name for info in pkgutil.iter_modules(path) if info.name.startswith(prefix))
    modules = [importlib.import_module(f"{package}.{name}") for name in names]
    if only is None:
        return modules
    chosen = [m for m in modules if only == _short(m, prefix) or only in m.FIGURES]
    if not chosen:
        known = ", ".join(_short(m, prefix) for m in modules)
        raise SystemExit(f"no measurement is called {only}\nhint: one of {known}, or the name of a figure")
    return chosen


def _short(module: ModuleType, prefix: str) -> str:
    return module.__name__.rpartition(".")[2].removeprefix(prefix)


def main(package: str, prefix: str, target: str) -> None:
    """Command line of ``python -m benchmarks`` and ``python -m validation``.

    Each module's figures are recorded as soon as it ends. Exits 1 when a goal was missed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    parser.add_argument("only", nargs="?", help="one measurement or one figure")
    parser.add_argument("--small", action="store_true", help="a quick try whose numbers are not recorded")
    arguments = parser.parse_args()

    declared = {figure.name for figure in FIGURES}
    missed = []
    for module in measurements(package, prefix, arguments.only):
        name = _short(module, prefix)
        print(f"== {name}", flush=True)
        results = module.run(small=arguments.small)
        for extra in sorted(results.keys() - declared):
            print(f"   {extra} = {results[extra]:.4g} (not recorded)")
        kept = {key: value for key, value in results.items() if key in declared}
        if arguments.small:
            for key, value in kept.items():
                print(f"   {key} = {told(value)} (small: not recorded)")
            continue
        for entry in record(kept, f"make {target} ONLY={name}"):
            verdict = {True: "reached", False: "MISSED", None: ""}[entry["met"]]
            print(
                f"   {entry['name']} = {told(entry['value'])} {entry['unit']}  goal {entry['goal'] or '-'}  {verdict}"
            )
            missed += [entry["name"]] if entry["met"] is False else []
    if not arguments.small:
        write_page()
    if missed:
        raise SystemExit(f"goals missed: {', '.join(missed)}")
