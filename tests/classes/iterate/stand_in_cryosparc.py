"""A server that speaks cryoSPARC's HTTP interface as its client asks it, for one project of simulated particles.

The client learns every call from the server's own OpenAPI description, so this one describes what it serves. Jobs run
for as many looks as they are told, and classify particles by the truth that the test put into their uids.
"""

import json
import re
import threading
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from tempfile import TemporaryFile
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np
from cryosparc import mrc
from cryosparc.dataset import Dataset

EMAIL, PASSWORD = "alice@example.org", "secret"
BOX, PIXEL_A = 32, 3.0
_PROJECT_JOB = ("project_uid", "job_uid")
_DATASET = "application/x-cryosparc-dataset"
#: What a type of job knows: inputs do not matter to the client.
PARAMETERS = {
    "class_2D_new": {
        "class2D_K", "class2D_window_inner_A", "class2D_max_res", "class2D_sigma_init_factor", "class2D_force_max",
        "class2D_num_full_iter_batch", "class2D_num_full_iter_batchsize_per_class", "random_seed",
    },
    "extract_micrographs_multi": {"box_size_pix"},
    "homo_abinit": {
        "abinit_K", "abinit_max_res", "abinit_init_res", "abinit_minisize_init", "abinit_minisize", "random_seed",
    },
}  # fmt: skip


def _call(name, path, method="get", *, query=(), body=None, answer="object"):
    """A call in OpenAPI: name of the function, path parameters in braces."""
    schema = {"summary": name, "parameters": []}
    schema["parameters"] += [{"name": each, "in": "path", "required": True} for each in re.findall(r"{(\w+)}", path)]
    schema["parameters"] += [{"name": each, "in": "query", "required": False} for each in query]
    if body == "form":
        schema["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": {}}}}
    elif body:
        schema["requestBody"] = {"content": {body: {"schema": {"title": "Params"}}}}
    kinds = {"dataset": _DATASET, "stream": "application/octet-stream", "object": "application/json"}
    content = {kinds.get(answer, "application/json"): {"schema": {}}}
    if answer not in kinds:
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}
    schema["responses"] = {"200": {"content": content}}
    return path, method, schema


_JOB = "/projects/{project_uid}/jobs/{job_uid}"
CALLS = [
    _call("login", "/login", "post", body="form", answer="Token"),
    _call("users.me", "/users/me", answer="User"),
    _call("config.get_version", "/config/version"),
    _call("job_register", "/job_register", answer="JobRegister"),
    _call("jobs.find_one", _JOB, answer="Job"),
    _call(
        "jobs.create", "/projects/{project_uid}/workspaces/{workspace_uid}/jobs", "post",
        query=("type", "title", "description"), body="application/json", answer="Job",
    ),
    _call(
        "jobs.connect", _JOB + "/inputs/{input_name}", "post", query=("source_job_uid", "source_output_name"),
        answer="Job",
    ),
    _call("jobs.enqueue", _JOB + "/enqueue", "post", query=("lane", "hostname", "gpus"), answer="Job"),
    _call("jobs.kill", _JOB + "/kill", "post", answer="Job"),
    _call("jobs.load_output", _JOB + "/outputs/{output_name}", query=("version", "slots"), answer="dataset"),
    _call(
        "jobs.create_external_result", "/projects/{project_uid}/workspaces/{workspace_uid}/external", "post",
        body="application/json", answer="Job",
    ),
    _call("jobs.mark_running", _JOB + "/running", "post", query=("status",), answer="Job"),
    _call("jobs.mark_completed", _JOB + "/completed", "post", answer="Job"),
    _call("jobs.mark_failed", _JOB + "/failed", "post", query=("error",), answer="Job"),
    _call(
        "jobs.save_output", _JOB + "/outputs/{output_name}", "put", query=("version",), body=_DATASET, answer="Job"
    ),
    _call("projects.download_file", "/projects/{project_uid}/file", query=("path",), answer="stream"),
]  # fmt: skip


class Cryosparc:
    """The state of the server.

    Attributes
    ----------
    looks
        How often a job is looked at before it is done.
    fail
        Types of jobs that fail.
    down
        Whether connections are cut.
    """

    def __init__(self, uids: np.ndarray) -> None:
        self.looks, self.fail, self.down = 1, set(), False
        self.jobs, self.files, self.asked = {}, {}, []
        self.url = ""
        particles = Dataset({"uid": uids}).add_fields(["blob/shape", "blob/psize_A"], [("<u4", (2,)), "<f4"])
        particles["blob/shape"] = np.full((len(uids), 2), BOX, np.uint32)
        particles["blob/psize_A"] = np.full(len(uids), PIXEL_A, np.float32)
        self.make("extract", outputs={"particles": particles}, status="completed")

    def make(self, kind, *, parameters=None, outputs=None, status="building"):
        uid = f"J{len(self.jobs) + 1}"
        self.jobs[uid] = {
            "type": kind, "params": parameters or {}, "outputs": outputs or {}, "status": status, "looks": 0,
            "inputs": {}, "error": "",
        }  # fmt: skip
        return uid

    def document(self, uid):
        job = self.jobs[uid]
        return {
            "_id": "0" * 24, "uid": uid, "project_uid": "P3", "job_dir": uid, "status": job["status"],
            "uid_num": int(uid[1:]), "project_uid_num": 3, "status_num": 0, "build_errors": [],
            "job_dir_size_last_updated": "2025-01-01T00:00:00Z", "title": "",
            "spec": {
                "type": job["type"], "params": job["params"], "ui_tile_width": 1, "ui_tile_height": 1,
                "resource_spec": {}, "inputs": {}, "outputs": {},
            },
            "errors_run": [{"message": job["error"]}] if job["error"] else [],
        }  # fmt: skip

    def look(self, uid):
        job = self.jobs[uid]
        if job["status"] == "queued":
            job["looks"] += 1
            if job["looks"] > self.looks:
                failed = job["type"] in self.fail
                job["status"] = "failed" if failed else "completed"
                job["error"] = "CUDA out of memory" if failed else ""
                if not failed:
                    self.work(uid)

    def work(self, uid):
        """The least a job can do and still be told right from wrong: classes by uid, odd ones true particles."""
        job = self.jobs[uid]
        source, output = job["inputs"]["particles"][0]
        uids = np.asarray(self.jobs[source]["outputs"][output]["uid"])
        if job["type"] == "class_2D_new":
            count = job["params"]["class2D_K"]
            classes = uids % np.uint64(count)
            found = Dataset({"uid": uids}).add_fields(["alignments2D/class"], ["<u4"])
            found["alignments2D/class"] = classes.astype(np.uint32)
            averages = Dataset.allocate(count, [("blob/path", "O"), ("blob/idx", "<u4"), ("blob/psize_A", "<f4"),
                                                ("blob/res_A", "<f4")])  # fmt: skip
            averages["blob/path"] = [f">{uid}/averages.mrc"] * count
            averages["blob/idx"] = np.arange(count, dtype=np.uint32)
            averages["blob/psize_A"] = np.full(count, PIXEL_A, np.float32)
            averages["blob/res_A"] = np.full(count, 9.0, np.float32)
            images = np.stack([np.full((BOX, BOX), k, np.float32) for k in range(count)])
            self.files[f"{uid}/averages.mrc"] = _mrc(images)
            job["outputs"] = {"particles": found, "class_averages": averages}
        elif job["type"] == "homo_abinit":
            volume = Dataset.allocate(1, [("map/path", "O")])
            volume["map/path"] = [f"{uid}/volume.mrc"]
            grid = np.random.default_rng(job["params"]["random_seed"]).normal(size=(16, 16, 16)).astype(np.float32)
            self.files[f"{uid}/volume.mrc"] = _mrc(grid)
            job["outputs"] = {"volume_class_0": volume}
        else:
            job["outputs"] = {"particles": self.jobs[source]["outputs"][output]}


def _mrc(data):
    with TemporaryFile() as file:  # the client's writer wants a real one
        mrc.write(file, data, PIXEL_A)
        file.seek(0)
        return file.read()


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def log_message(self, *_):
        pass

    def _answer(self, content, kind="application/json", code=200):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _handle(self):
        state = self.server.state
        if state.down:
            self.connection.close()
            return
        length = self.headers.get("Content-Length")
        body = self.rfile.read(int(length)) if length else self._chunks()
        address = urlparse(self.path)
        path = unquote(address.path).removeprefix("/api/cmd")
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if path == "/openapi.json":
            paths = {}
            for call, method, schema in CALLS:
                paths.setdefault(call, {})[method] = schema
            self._answer({"info": {}, "components": {}, "paths": paths})
            return
        if path != "/login" and self.headers.get("Authorization") != "Bearer token":
            self._answer({"detail": "not logged in"}, code=401)
            return
        for call, method, schema in CALLS:
            pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", call)
            found = re.fullmatch(pattern, path)
            if found and method == self.command.lower():
                state.asked.append(schema["summary"])
                self._serve(schema["summary"], found.groupdict(), query, body)
                return
        self._answer({"detail": "no such call"}, code=404)

    do_GET = do_POST = do_PUT = _handle

    def _chunks(self):
        """A body that is sent in chunks, as the client sends datasets."""
        parts = []
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        return b"".join(parts)

    def _serve(self, name, given, query, body):
        state = self.server.state
        uid = given.get("job_uid", "")
        if uid and uid not in state.jobs:
            self._answer({"detail": f"no {uid}"}, code=404)
        elif name == "login":
            form = parse_qs(body.decode())
            right = form["username"] == [EMAIL] and form["password"] == [sha256(PASSWORD.encode()).hexdigest()]
            answer = {"access_token": "token", "token_type": "bearer"} if right else {"detail": "wrong"}
            self._answer(answer, code=200 if right else 401)
        elif name == "users.me":
            self._answer({"name": "alice", "first_name": "Alice", "last_name": "A"})
        elif name == "config.get_version":
            self._answer("v5.0.3")
        elif name == "job_register":
            self._answer(_register())
        elif name == "jobs.load_output":
            outputs = state.jobs[uid]["outputs"]
            if given["output_name"] in outputs:
                self._answer(b"".join(outputs[given["output_name"]].stream()), _DATASET)
            else:
                self._answer({"detail": "no such output"}, code=404)
        elif name == "projects.download_file":
            self._answer(state.files[query["path"].lstrip("/")], "application/octet-stream")
        else:
            self._answer(state.document(self._change(name, uid, given, query, body)))

    def _change(self, name, uid, given, query, body):
        """Calls that change a job and answer with it."""
        state = self.server.state
        if name == "jobs.create":
            return state.make(query["type"], parameters=json.loads(body))
        if name == "jobs.create_external_result":
            return state.make("snowflake")
        job = state.jobs[uid]
        if name == "jobs.find_one":
            state.look(uid)
        elif name == "jobs.connect":
            job["inputs"].setdefault(given["input_name"], []).append(
                (query["source_job_uid"], query["source_output_name"])
            )
        elif name == "jobs.save_output":
            job["outputs"][given["output_name"]] = Dataset.load(BytesIO(body))
        else:
            words = {"enqueue": "queued", "kill": "killed", "mark_running": "running", "mark_completed": "completed"}
            job["status"] = words.get(name.partition(".")[2], "failed")
        return uid


def _register():
    specs = [
        {
            "type": kind, "title": kind, "shorttitle": kind, "description": "", "stability": "stable",
            "category": "particle_curation", "inputs": {}, "outputs": {},
            "params": {name: {"title": name} for name in sorted(names)},
        }
        for kind, names in PARAMETERS.items()
    ]  # fmt: skip
    return {"specs": specs, "categories": {}}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: Cryosparc


@contextmanager
def serving(uids: np.ndarray):
    """Serve a project ``P3`` with the particles of these uids at ``P3/W1/J1:particles``."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.state = Cryosparc(uids)
    server.state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
