"""``cryogauge pick audit``, ``cryogauge label audit`` and ``cryogauge pick audit-apply``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryogauge.cli.options import (
    BrowserOption,
    DeviceOption,
    HostOption,
    PortOption,
    TokenOption,
    TomogramWorkersOption,
    TurnsOption,
    make_folder,
    parse_place,
)
from cryogauge.cli.terminal import DebugOption, JsonOption, print_json, show_page, tell

if TYPE_CHECKING:
    import pandas as pd

    from cryogauge.io import TomogramSource
    from cryogauge.pick.audit.batch import Judge
    from cryogauge.pick.model import Picker

AUDIT_EXAMPLES = (
    "cryogauge pick audit copick.json --user noisy --session 1 --model picker/picker.safetensors --out audit",
    "cryogauge pick audit copick.json --user noisy --session 1 "
    "--model a/picker.safetensors --model b/picker.safetensors --out audit",
)
LABEL_EXAMPLES = ("cryogauge label audit audit", "cryogauge label audit audit --count 200 --annotator Ada")
APPLY_EXAMPLES = ("cryogauge pick audit-apply audit --save-as noisy/audited",)
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that `cryogauge pick audit` wrote.", show_default=False)
]


def audit(
    project: Annotated[Path, typer.Argument(metavar="PROJECT", help="A copick configuration.", show_default=False)],
    model: Annotated[
        list[Path],
        typer.Option(
            "--model",
            metavar="FILE",
            help="Weights of `cryogauge train picker`; repeatable. Each tomogram is judged by those that have not "
            "learned from it, as order.json beside them tells.",
        ),
    ],
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="Whose labels.")],
    session: Annotated[str, typer.Option("--session", metavar="ID", help="Which of theirs.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder to write; run again, it does only what is missing.")
    ],
    kind: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Type of the tomograms to look at.")
    ] = None,
    all_turns: TurnsOption = False,
    workers: TomogramWorkersOption = 1,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rank the labels that are most likely wrong, swapped or missing.

    Writes suggestions.csv, the surest first, and report.html; `cryogauge label audit DIR` lets people judge them.
    Networks that have not learned the labels judge them best. Exits with 1 when some tomograms could not be looked at.
    """
    from cryogauge.cli.progress import run_shown
    from cryogauge.cli.tables import write_failures
    from cryogauge.pick.audit.agreement import agreement, told
    from cryogauge.pick.audit.batch import audit_batch, collect, find_judges, judges_of
    from cryogauge.pick.audit.folder import Audit, write_audit
    from cryogauge.pick.audit.page import write_audited
    from cryogauge.pick.audit.store import DECISIONS, DecisionStore
    from cryogauge.pick.audit.suggest import rank
    from cryogauge.pick.model import load_picker
    from cryogauge.pick.order import digest_of_picks

    judges = find_judges([path.absolute() for path in model])
    picker = load_picker([each.weights for each in judges])
    sources, labels = _labelled(project, user, session, kind, picker)
    remembered = [
        each.name for each in sources if all(judge.remembers(each.name) for judge in judges_of(each.name, judges))
    ]
    _tell_judges(judges, remembered, len(sources))
    make_folder(out)
    digest = digest_of_picks(labels)
    if (out / DECISIONS).exists():
        DecisionStore(out / DECISIONS, digest)  # which refuses other labels
    outcomes = audit_batch(sources, labels, judges, out.absolute(), all_turns=all_turns, device=device, workers=workers)
    done, failures = run_shown(outcomes, len(sources), "tomograms", name=lambda item: item.source.name, debug=debug)
    files: dict[str, str] = {each.item.source.name: each.row["file"] for each in done}
    write_failures(out / "failed.csv", failures)
    evidence = collect(out, list(files.values()))
    suggestions, agree = rank(evidence, picker.objects), agreement(evidence, picker.objects)
    weights = tuple(each.weights.name for each in judges)
    uris = {each.name: each.uri for each in sources if each.name in files}
    record = Audit(str(project.absolute()), user, session, digest, picker.objects, uris, tuple(remembered), weights)
    write_audit(out, record, suggestions)
    used: dict[str, object] = {
        "labels": f"{user}/{session}", "weights": ", ".join(weights), "turns": all_turns,
        "judged by a network that learned their labels": ", ".join(remembered) or "none",
    }  # fmt: skip
    report = write_audited(out / "report.html", out, suggestions, failures, used, agree)
    if doubt := told(agree):
        tell(doubt)
    _tell_result(suggestions, len(files), failures, out, report, as_json)
    if failures:
        raise typer.Exit(1)


def _labelled(
    project: Path, user: str, session: str, kind: str | None, picker: "Picker"
) -> "tuple[list[TomogramSource], pd.DataFrame]":
    """The tomograms with labels, and all the labels; raises ``BadInput`` where the network knows none of them."""
    from cryogauge.io import find_tomograms
    from cryogauge.io.copick import open_project, read_project_picks
    from cryogauge.pick.batch import choose
    from cryogauge.records import BadInput

    opened = open_project(project)
    names = [each.name for each in picker.objects]
    lacking = [name for name in names if name not in {each.name for each in opened.objects}]
    if lacking:
        raise BadInput(
            f"the network finds {', '.join(lacking)}, which {project} has no object for",
            "add it to the project's objects, or train a network on this project",
        )
    labels = read_project_picks(opened, user=user, session=session)
    known = labels["object"].isin(names)
    if not known.any():
        raise BadInput(
            f"{user}/{session} has no labels of {', '.join(names)}, which the network knows", "choose another network"
        )
    if not known.all():
        others = ", ".join(sorted(set(labels["object"][~known])))
        tell(f"the network does not know {others}: their {int((~known).sum())} labels are left as they are")
    wanted = set(labels["tomogram"])
    found = [each for each in find_tomograms([str(project)]) if each.uri.rpartition("#")[2].split("/")[0] in wanted]
    if not found:
        raise BadInput(f"no labelled run of {project} has a tomogram", "add the tomograms to the project")
    return choose(found, kind), labels


def _tell_judges(judges: "list[Judge]", remembered: list[str], total: int) -> None:
    for each in judges:
        if each.learned is None:
            tell(f"no order.json beside {each.weights} tells what it learned from: taken for none of these tomograms")
    if remembered:
        tell(
            f"{len(remembered)} of {total} tomograms are judged by a network that learned from their labels and may "
            "agree with wrong ones: train several, each without some tomograms (--keep-out), and give all of them"
        )


def _tell_result(
    suggestions: "pd.DataFrame", tomograms: int, failures: list[Any], out: Path, report: Path, as_json: bool
) -> None:
    likely = suggestions[suggestions["score"] >= 0.5]
    counts = {sort: int((likely["kind"] == sort).sum()) for sort in ("missing", "wrong", "swapped")}
    if as_json:
        failed = [{"tomogram": each.tomogram, "message": each.message} for each in failures]
        print_json({"likely": counts, "suggestions": len(suggestions), "failed": failed, "out": out, "report": report})
    else:
        for sort, count in counts.items():
            print(f"{sort}: {count}")
    tell(
        f"{len(suggestions)} suggestions in {tomograms} tomograms, {len(likely)} of them more likely than not; "
        f"{len(failures)} failed; report: {report}"
    )
    if len(suggestions):
        tell(f"judge them: cryogauge label audit {out}")


def label_audit(
    folder: FolderArgument,
    count: Annotated[
        int, typer.Option("--count", metavar="N", min=1, help="Suggestions to judge, the surest first.")
    ] = 50,
    annotator: Annotated[
        str, typer.Option("--annotator", metavar="NAME", help="Who judges; the page asks where this is not given.")
    ] = "",
    host: HostOption = "127.0.0.1",
    port: PortOption = 0,
    token: TokenOption = None,
    browser: BrowserOption = True,
    debug: DebugOption = False,
) -> None:
    """Serve a page on which suspected labels are judged, one at a time and by the keyboard, until Ctrl-C.

    Answers are kept as they are given; the same command goes on where it was stopped. The page writes the corrected
    labels back as a new session, as `cryogauge pick audit-apply` does.
    """
    from cryogauge.pick.audit.session import AuditSession
    from cryogauge.score.labels.people import check_name
    from cryogauge.web.app import create_app, serve
    from cryogauge.web.audit import audit_router
    from cryogauge.web.guard import check_reach

    annotator = check_name(annotator) if annotator else ""
    check_reach(host, token)
    session = AuditSession(folder, count)

    def ready(address: str) -> None:
        show_page(address, "open this page to judge; Ctrl-C ends", browser=browser)

    router = audit_router(session, annotator=annotator)
    serve(create_app("Audit labels", router, token=token), host=host, port=port, on_ready=ready)
    tell(f"{len(session.store.rows())} answers in {session.store.path}")


def audit_apply(
    folder: FolderArgument,
    save_as: Annotated[
        str, typer.Option("--save-as", metavar="USER/SESSION", help="As whose picks the new labels are written.")
    ],
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write the labels with what people decided as another session; the audited ones stay as they are."""
    from cryogauge.pick.audit.apply import write_back
    from cryogauge.pick.audit.folder import read_audit
    from cryogauge.pick.audit.store import DECISIONS, DecisionStore
    from cryogauge.records import BadInput

    user, session = parse_place(save_as, "noisy/audited")
    record, _ = read_audit(folder)
    store = DecisionStore(folder / DECISIONS, record.labels) if (folder / DECISIONS).exists() else None
    if store is None or store.rows().empty:
        raise BadInput(f"nothing was decided in {folder}", f"judge first: cryogauge label audit {folder}")
    done = write_back(record, store, user, session)
    if as_json:
        counts = {"added": done.added, "removed": done.removed, "renamed": done.renamed}
        print_json({**counts, "labels": len(done.picks), "without_angles": done.without_angles})
        return
    print(f"labels: {len(done.picks)}")
    tell(f"written into {record.config} as {user}/{session}: {done.text}")
