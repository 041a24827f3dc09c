"""Pages on class averages: what strangers may send, what becomes of it, and what people do there."""

import io
import os
import signal
import socket
import sys
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
import starfile

from cryogauge.classes.labels.pool import CONSENT
from cryogauge.io.classes import open_classes, read_labelled_classes
from cryogauge.records import BadInput
from cryogauge.web.app import create_app, running
from cryogauge.web.classes import ClassPages
from cryogauge.web.retraining import FEWEST_CLASSES, Retraining
from cryogauge.web.serve_pages import start_router
from cryogauge.web.upload_checks import check_content, check_file_name, check_references
from cryogauge.web.uploads import Uploads, sent_files
from tests.classes.averages import particle
from tests.io.classes.makers import cs_table, save_cs, write_cryosparc, write_relion, write_stack

TOKEN = "0123456789abcdef"


@contextmanager
def serving(folder, *, quota=10**8, largest=10**7, token=None, **options):
    with ClassPages(folder / "classes", quota_bytes=quota, **options) as pages:
        group = pages.group()
        app = create_app("Lab", start_router([group]), *group.routers, token=token, largest_file_bytes=largest)
        with running(app) as address:
            yield address, pages


def begin(client, name="job", **more):
    answer = client.post("/classes/api/jobs", json={"name": name, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def send(client, job, name, content, **headers):
    return client.put(f"/classes/api/jobs/{job}/files/{name}", content=content, headers=headers)


def send_folder(client, folder, name="job", **more):
    """A job with all files of a folder; its id."""
    job = begin(client, name, **more)
    for path in sorted(folder.iterdir()):
        answer = send(client, job, path.name, path.read_bytes())
        assert answer.status_code == 200, answer.text
    answer = client.post(f"/classes/api/jobs/{job}/done", json={})
    assert answer.status_code == 200, answer.text
    return job


def wait(client, job):
    """The state of a job when nothing more will come of it."""
    for _ in range(600):
        found = client.get(f"/classes/api/jobs/{job}").json()
        if found["state"] in ("graded", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError("it was not graded in a minute")


def until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("nothing happened in a minute")


def averages(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([particle(48, rng, radius_px=9) for _ in range(count)])


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """A RELION job, a cryoSPARC job and a plain stack, a folder each."""
    folder = tmp_path_factory.mktemp("jobs")
    write_relion(folder / "relion", [1, 2, 3, 4, 4, 4], count=4, name="Class2D/job012")
    write_stack(folder / "relion" / "run_it025_classes.mrcs", averages(4))
    write_cryosparc(folder / "sparc", [0, 1, 1, 2], count=3)
    write_stack(folder / "sparc" / "J12_020_class_averages.mrc", averages(3, 1))
    (folder / "plain").mkdir()
    write_stack(folder / "plain" / "averages.mrcs", averages(12, 2), 1.0)
    return folder


TRAINER = """
import sys, time, pathlib
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
print("learning from", sys.argv[3], flush=True)
while not (out / "go").exists():
    time.sleep(0.02)
(out / "class-grader.safetensors").write_bytes(b"weights")
"""


@pytest.fixture
def trainer(tmp_path):
    """A program that trains when it is told to, in place of an hour of the real one."""
    path = tmp_path / "trainer.py"
    path.write_text(TRAINER)
    return (sys.executable, str(path))


@pytest.fixture(scope="module")
def lab(tmp_path_factory, jobs):
    """Address, pages and folder of a server that was ended while it graded ``left``; one process grades for all."""
    folder = tmp_path_factory.mktemp("lab")
    with ClassPages(folder / "classes", quota_bytes=10**8) as pages:
        pages.grading.close()
        left = pages.uploads.new("left", "me", 3.0)
        path = pages.uploads.files(left.id) / "averages.mrcs"
        path.write_bytes((jobs / "plain" / "averages.mrcs").read_bytes())
        pages.uploads.change(pages.uploads.finish(left.id, "me"), state="grading")
    with serving(folder) as (address, pages):
        yield address, pages, folder, left.id


# ---- what is refused

NAMES = (
    "../x.mrcs", "..", ".", "", "a/b.mrcs", "/etc/passwd.star", "..\\x.mrcs", ".hidden.star", "x.mrcs\0.star", "x.pkl",
    "x.py", "x.hdf", "x", "-rf.star", "x" * 120 + ".star", "é.mrcs", "x.star\n", "CON:.star", "x.MRCS",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_no_file_gets_a_name_that_is_a_path_or_of_another_kind(name):
    with pytest.raises(BadInput, match="cannot be called"):
        check_file_name(name)


def test_strange_addresses_write_nothing(tmp_path):
    with serving(tmp_path) as (address, pages), httpx.Client(base_url=address) as client:
        job = begin(client)
        for name in ("..%2f..%2fx.mrcs", "%2e%2e", "..%5cx.mrcs", "x.mrcs%00", "x.pkl", "%2fetc%2fx.star"):
            assert send(client, job, name, b"x").status_code in (400, 404), name
        for strange in ("../jobs", "..%2f..", "0" * 16, "x", job[:-1], f"{job}%2f..%2f{job}"):
            assert send(client, strange, "x.mrcs", b"x").status_code in (400, 404)
            assert client.get(f"/classes/jobs/{strange}/sheet").status_code in (400, 404)
        assert not list(pages.uploads.files(job).iterdir())
        assert client.get(f"/classes/jobs/{job}/files/..%2fjob.json").status_code in (400, 404)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {
        "job.json", "labels.sqlite", "labels.sqlite-wal", "labels.sqlite-shm"
    }  # fmt: skip


def test_too_much_is_refused_before_it_is_read(tmp_path, jobs):
    with (
        serving(tmp_path, quota=150_000, largest=100_000) as (address, pages),
        httpx.Client(base_url=address) as client,
    ):
        job = begin(client)
        assert send(client, job, "a.mrcs", b"x" * 100_001).status_code == 413
        assert send(client, job, "a.mrcs", b"x" * 90_000).status_code == 200
        refused = send(client, job, "b.mrcs", b"x" * 90_000)
        assert refused.status_code == 400
        assert "room" in refused.json()["message"]
        assert send(client, job, "b.mrcs", b"").status_code == 400
        assert client.post("/classes/api/jobs", content=b"x" * 2**21).status_code == 413

        def endless():
            yield b"x" * 10

        assert client.put(f"/classes/api/jobs/{job}/files/c.mrcs", content=endless()).status_code == 411
        assert [path.name for path in pages.uploads.files(job).iterdir()] == ["a.mrcs"]


def test_what_is_cut_off_leaves_nothing(tmp_path):
    with serving(tmp_path) as (address, pages):
        with httpx.Client(base_url=address) as client:
            job = begin(client)
            cookie = client.cookies["cryogauge_visitor"]
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        head = (
            f"PUT /classes/api/jobs/{job}/files/a.mrcs HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Cookie: cryogauge_visitor={cookie}\r\nContent-Length: 1000\r\n\r\n"
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + b"x" * 500)
            until(lambda: list(pages.uploads.files(job).iterdir()))
        until(lambda: not list(pages.uploads.files(job).iterdir()))


def now(coroutine):
    """Run what waits for nothing."""
    with pytest.raises(StopIteration):
        coroutine.send(None)


def test_no_file_comes_in_behind_the_check(tmp_path, jobs):
    """Of one that is slow, the job is declared whole in the middle: it would be opened though nobody looked at it."""
    uploads = Uploads(tmp_path, 10**8)
    job = uploads.new("job", "me", 3.0)
    (uploads.files(job.id) / "averages.mrcs").write_bytes((jobs / "plain" / "averages.mrcs").read_bytes())

    async def slow():
        yield b"x" * 10
        assert uploads.finish(job.id, "me").state == "waiting"
        yield b"x" * 10

    with pytest.raises(BadInput, match="have come"):
        now(uploads.receive(job.id, "me", "evil.cs", 20, slow()))
    assert [path.name for path in uploads.files(job.id).iterdir()] == ["averages.mrcs"]
    assert sent_files(uploads.files(job.id))


def test_room_is_counted_while_files_of_others_go_away(tmp_path):
    uploads = Uploads(tmp_path, 10**4)
    job = uploads.new("job", "me", None)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")

    async def bytes_of(count):
        yield b"x" * count

    now(uploads.receive(job.id, "me", "a.mrcs", 5000, bytes_of(5000)))
    with pytest.raises(BadInput, match="room for"):
        now(uploads.receive(job.id, "me", "b.mrcs", 5000, bytes_of(5000)))


def test_a_foreign_page_and_a_stranger_without_the_token_get_nowhere(tmp_path):
    with serving(tmp_path, token=TOKEN) as (address, pages):
        bare = address.partition("?")[0]
        for path in ("", "classes/", "classes/pool", "classes/pool/labels.csv"):
            assert httpx.get(bare + path).status_code == 401
        assert httpx.post(f"{bare}classes/api/jobs", json={"name": "x"}).status_code == 401
        key = {"Authorization": f"Bearer {TOKEN}"}
        foreign = {**key, "Origin": "https://elsewhere.example"}
        for method, path in (("POST", "api/jobs"), ("PUT", "api/jobs/x/files/a.mrcs"), ("POST", "pool/train"),
                             ("POST", "jobs/x/delete")):  # fmt: skip
            assert httpx.request(method, f"{bare}classes/{path}", headers=foreign, json={}).status_code == 403
        assert httpx.post(f"{bare}classes/api/jobs", json={"name": "x"}, headers=key).status_code == 200
        assert pages.uploads.all() == []


def test_pickles_and_what_only_looks_the_part_are_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    evil = np.array([(Trap(),)], dtype=[("blob/path", object)])
    with (tmp_path / "evil.cs").open("wb") as file:
        np.save(file, evil, allow_pickle=True)
    header = b'{"length": 1000000000000, "dtype": [["uid", "<u8"]], "compression": "lz4", "compressed_fields": ["uid"]}'
    (tmp_path / "bomb.cs").write_bytes(b"\x95CSDAT" + len(header).to_bytes(4, "little") + header + b"\0" * 64)
    (tmp_path / "pickle.cs").write_bytes(b"\x80\x04\x95")
    (tmp_path / "text.mrcs").write_text("hello" * 1000)
    (tmp_path / "binary.star").write_bytes(b"data_\0" * 100)
    (tmp_path / "words.star").write_text("nothing of the kind")
    for name in ("evil.cs", "bomb.cs", "pickle.cs", "text.mrcs", "binary.star", "words.star"):
        with pytest.raises(BadInput):
            check_content(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
    with serving(tmp_path / "lab") as (address, pages), httpx.Client(base_url=address) as client:
        job = begin(client)
        send(client, job, "evil.cs", (tmp_path / "evil.cs").read_bytes())
        refused = client.post(f"/classes/api/jobs/{job}/done", json={})
        assert refused.status_code == 400
        assert str(tmp_path) not in refused.text
        assert not list(pages.uploads.files(job).iterdir())
        assert client.post(f"/classes/api/jobs/{job}/done", json={}).status_code == 400  # nothing is left to grade
    assert not (tmp_path / "sprung").exists()


def test_tables_that_name_files_elsewhere_are_refused(tmp_path, jobs):
    """A table could have the averages of others, or any file of this machine, shown as its own."""
    secret = tmp_path / "secret.mrcs"
    write_stack(secret, averages(4))
    for name in (str(secret), "../secret.mrcs", "secret.mrcs"):
        folder = tmp_path / "star"
        write_relion(folder, [1], count=4)
        model = folder / "run_it025_model.star"
        model.write_text(model.read_text().replace("star/run_it025_classes.mrcs", name))
        with pytest.raises(BadInput, match="was not sent"):
            check_references(folder)
        write_cryosparc(tmp_path / "J1", [0], count=1)
        table = cs_table({"blob/path": np.array([name.encode()]), "blob/idx": np.zeros(1, np.uint32)})
        save_cs(tmp_path / "J1" / "J12_020_class_averages.cs", table)
        with pytest.raises(BadInput, match="was not sent"):
            check_references(tmp_path / "J1")
    for kind in ("relion", "sparc", "plain"):
        check_references(jobs / kind)


# ---- what becomes of what is sent


def test_from_files_to_grades_particles_and_away(lab, tmp_path, jobs):
    address, pages, folder, _ = lab
    with httpx.Client(base_url=address) as client:
        sent = {kind: send_folder(client, jobs / kind, kind) for kind in ("relion", "sparc")}
        sent["plain"] = send_folder(client, jobs / "plain", "plain", pixel_size_A=3.0)
        found = {kind: wait(client, job) for kind, job in sent.items()}
        assert {kind: (each["state"], each["classes"]) for kind, each in found.items()} == {
            "relion": ("graded", 4), "sparc": ("graded", 3), "plain": ("graded", 12)
        }, found  # fmt: skip
        listed = client.get("/classes/").text
        assert all(kind in listed for kind in sent)
        star = client.get(f"/classes/jobs/{sent['relion']}/files/classes_graded.star").text
        assert star.count("@Class2D/job012/run_it025_classes.mrcs") == 4  # as the sender's project names them
        sheet = client.get(f"/classes/jobs/{sent['relion']}/sheet")
        assert "sandbox" in sheet.headers["content-security-policy"]
        table = client.get(f"/classes/jobs/{sent['sparc']}/files/grades.csv").text
        for text in (star, sheet.text, table, client.get(f"/classes/jobs/{sent['plain']}").text):
            assert str(folder) not in text
        packed = client.get(f"/classes/jobs/{sent['relion']}/particles", params={"cutoff": 6})
        with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
            particles = io.StringIO(archive.read("particles.star").decode())
        (tmp_path / "particles.star").write_text(particles.getvalue())
        blocks: dict = starfile.read(tmp_path / "particles.star", always_dict=True)  # pyright: ignore
        assert blocks["particles"]["rlnClassNumber"].tolist() == [1, 2, 3, 4, 4, 4]
        none = client.get(f"/classes/jobs/{sent['relion']}/particles", params={"cutoff": 0})
        assert (none.status_code, "no class is chosen" in none.text) == (400, True)
        with httpx.Client(base_url=address) as other:
            assert other.post(f"/classes/jobs/{sent['relion']}/delete").status_code == 400
            assert send(other, sent["relion"], "x.mrcs", b"x").status_code == 400
        assert client.post(f"/classes/jobs/{sent['relion']}/delete").status_code == 303
        assert client.get(f"/classes/api/jobs/{sent['relion']}").status_code == 400
        assert not pages.uploads.files(sent["relion"]).exists()

        # grades for the pool
        base = f"/classes/jobs/{sent['plain']}/label"
        state = client.get(f"{base}/api/next", params={"annotator": "Ada"}).json()
        said = {"annotator": "Ada", "seconds": 1.0, "grade": 2.0}
        showing = {name: state["showings"][0][name] for name in ("image", "repeat")}
        assert client.post(f"{base}/api/label", json=said | showing).status_code == 400  # no consent
        assert "Ada" not in set(pages.pool.labels()["annotator"])
        while state["showings"]:
            showing = {name: state["showings"][0][name] for name in ("image", "repeat")}
            state = client.post(f"{base}/api/label", json={**said, **showing, "agreed": True}).json()
        labels = pages.pool.labels()
        assert set(labels["consent"]) == {CONSENT}
        client.post(f"/classes/jobs/{sent['plain']}/delete")
        assert "Ada" in client.get("/classes/pool").text
        (kept,) = read_labelled_classes(pages.pool.write("labels.csv"))  # though the job is gone
        assert kept.truth["grade"].tolist() == [2.0] * 12
        assert kept.stack.pixel_size_A == 3.0
        np.testing.assert_allclose(kept.stack.images, open_classes(jobs / "plain" / "averages.mrcs").images, rtol=1e-6)


def test_bad_jobs_say_why(lab, tmp_path, jobs):
    write_stack(tmp_path / "small.mrcs", averages(3)[:, :20, :20])
    with httpx.Client(base_url=lab[0]) as client:
        bad = send_folder(client, tmp_path)
        assert wait(client, bad)["state"] == "failed"
        assert "20 px" in client.get(f"/classes/jobs/{bad}").text
        assert client.get(f"/classes/jobs/{bad}/sheet").status_code == 400
        two = begin(client)
        for name in ("a.mrcs", "b.mrcs"):
            send(client, two, name, (jobs / "plain" / "averages.mrcs").read_bytes())
        assert "which of a.mrcs, b.mrcs" in client.post(f"/classes/api/jobs/{two}/done", json={}).text


def test_what_was_being_graded_when_the_server_ended_is_graded_by_the_next(lab):
    with httpx.Client(base_url=lab[0]) as client:
        assert wait(client, lab[3])["state"] == "graded"


# ---- training


def test_one_training_at_a_time_that_outlives_the_server(tmp_path, trainer):
    def write(name):
        (tmp_path / name).write_text("file,class,grade\n")
        return tmp_path / name

    first = Retraining(tmp_path / "training", ("--minutes", "1"), trainer)
    with pytest.raises(BadInput, match="too few"):
        first.start(write, FEWEST_CLASSES - 1, 5)
    training = first.start(write, 30, 3)
    assert training.command[2:5] == ("train", "class-grader", str(tmp_path / "labels-1.csv"))
    until(lambda: "learning from" in first.log(1))
    after = Retraining(tmp_path / "training", (), trainer)  # another server finds it under way
    assert after.all()[0][1] == "running"
    with pytest.raises(BadInput, match="under way"):
        after.start(write, 30, 3)
    with pytest.raises(BadInput, match="no weights yet"):
        after.use(1)
    after.stop(1)
    until(lambda: first.all()[0][1] == "stopped")
    again = after.go_on(1)
    assert again.command == training.command
    (tmp_path / "training" / "1" / "go").touch()
    until(lambda: after.all()[0][1] == "done")
    after.use(1)
    assert Retraining(tmp_path / "training", (), trainer).weights() == tmp_path / "training/1/class-grader.safetensors"
    assert after.start(write, 30, 3).number == 2
    os.killpg(after.all()[0][0].pid, signal.SIGKILL)
    until(lambda: after.all()[0][1] == "stopped")
    after.use(None)
    assert after.weights() is None


# ---- in a browser


def test_sent_seen_graded_by_hand_and_trained_in_a_browser(visit, expect, lab, jobs):
    address, pages, *_ = lab
    others = len(pages.pool.labels())
    page = visit(address, 1000)
    page.click("text=Class averages")
    page.fill("#job-name", "<b>my job</b>")
    page.fill("#pixel", "3")
    page.set_input_files("#files", str(jobs / "plain" / "averages.mrcs"))
    page.click("#send button")
    page.wait_for_selector("text=See the averages by grade", timeout=60_000)
    expect(page.locator("h1")).to_have_text("<b>my job</b>")
    page.click("text=See the averages by grade")
    expect(page.locator("#kept")).to_contain_text("of 12 classes")
    page.go_back()
    page.click("text=Grade them yourself")
    page.fill("#annotator", "Ben")
    page.check("#agreed")
    page.click("#who button")
    for number in range(1, 4):
        page.wait_for_function("n => Number(document.getElementById('view').dataset.shown) === n", arg=number)
        page.keyboard.press("b")
    page.wait_for_function("() => document.getElementById('far').textContent.startsWith('3 of')")
    page.goto(f"{address}classes/pool")
    assert f"{others + 3}\ngrades" in page.inner_text(".tiles")
    page.click("text=Train from the pool")
    expect(page.locator("main")).to_contain_text("too few")
    visit.complaints.clear()  # the browser told of the status too
    page.goto(f"{address}classes/")
    page.click("text=<b>my job</b>")
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("text=Delete this job")
    page.wait_for_url(f"{address}classes/")
    assert "my job" not in page.inner_text("main")
    assert len(pages.pool.labels()) == others + 3


def test_what_is_typed_before_the_script_comes_counts(visit, lab):
    address, _, _, left = lab
    with httpx.Client(base_url=address) as client:
        assert wait(client, left)["state"] == "graded"
    page, held = visit(address), []
    page.route("**/static/queue.js", lambda route: held.append(route))
    with page.expect_request("**/static/queue.js"):
        page.goto(f"{address}classes/jobs/{left}/label/", wait_until="commit")
    page.fill("#annotator", "Eve")
    page.check("#agreed")
    assert page.is_disabled("#who button")
    held[0].continue_()
    page.click("#who button")
    page.wait_for_function("() => Number(document.getElementById('view').dataset.shown) === 1")


def test_nothing_sticks_out_of_a_narrow_page(visit, tmp_path):
    with serving(tmp_path) as (address, pages):
        job = pages.uploads.new("W" * 100, "me", 1.0)
        pages.uploads.change(job, state="failed", message="x" * 200)
        pages.uploads.change(pages.uploads.new("Apoferritin, day 2", "me", 1.0), state="failed")
        with visit(address, 390, "dark") as page:
            for path in ("", "classes/", "classes/pool", f"classes/jobs/{job.id}"):
                page.goto(address + path)
                assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            page.goto(f"{address}classes/")
            name = page.locator("text=Apoferritin, day 2").bounding_box()
            assert name is not None
            assert name["height"] < 100  # no column of single letters
