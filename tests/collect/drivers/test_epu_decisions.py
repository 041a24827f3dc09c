"""What is sent to the Decision Service, by its published description."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import UUID, uuid4

import pytest

from cryogauge.collect.drivers.epu_decisions import Choice, registered_areas, send_choices
from cryogauge.records import BadInput
from cryogauge.records.faults import ConnectionLost

SESSION = uuid4()
AREAS = [
    {"id": 100, "sessionId": str(SESSION), "areaType": "gridsquare"},
    {"id": 200, "sessionId": str(SESSION), "areaType": "foilhole", "parentId": 100},
    {"id": 201, "sessionId": str(SESSION), "areaType": "foilhole", "parentId": 101},
]


class Service(BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        asked = dict(pair.split("=") for pair in query.split("&"))
        if path != f"/api/v1/Session/{SESSION}/Areas":
            return self.send_error(404)
        kept = [area for area in AREAS if area["areaType"] == asked["areaType"]]
        parent = asked.get("parentAreaId")
        return self._answer(200, [area for area in kept if parent is None or str(area.get("parentId")) == parent])

    def do_POST(self):
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/api/v1/Decisions":
            return self.send_error(404)
        self.server.decisions.extend(content)
        return self._answer(201, content)

    def _answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): ...


@pytest.fixture
def service():
    server = HTTPServer(("127.0.0.1", 0), Service)
    server.decisions = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_areas_by_kind_and_square(service):
    assert registered_areas(service.url, SESSION, "gridsquare") == [100]
    assert registered_areas(service.url + "/", SESSION, "foilhole") == [200, 201]
    assert registered_areas(service.url, SESSION, "foilhole", parent=100) == [200]


def test_an_answer_that_is_none(service, monkeypatch):
    monkeypatch.setitem(AREAS[0], "id", "one")
    with pytest.raises(BadInput, match="no areas"):
        registered_areas(service.url, SESSION, "gridsquare")


def test_choices_are_sent_at_once(service):
    send_choices(service.url, SESSION, "foilhole", {200: Choice(True), 201: Choice(False, "the ice is too thick")})
    kept = [
        {name: decision[name] for name in decision if name not in ("id", "timestamp")} for decision in service.decisions
    ]
    common = {
        "sessionId": str(SESSION),
        "decisionType": "foilHoleSelection",
        "pluginType": "custom",
        "decidedBy": "cryogauge",
    }
    assert kept == [
        {**common, "areaId": 200, "decisionValue": "true", "details": ""},
        {**common, "areaId": 201, "decisionValue": "false", "details": "the ice is too thick"},
    ]
    assert len({UUID(decision["id"]) for decision in service.decisions}) == 2


def test_what_is_not_registered_is_not_sent(service):
    with pytest.raises(BadInput, match="999"):
        send_choices(service.url, SESSION, "foilhole", {200: Choice(True), 999: Choice(True)})
    with pytest.raises(BadInput, match="404"):
        registered_areas(service.url, uuid4(), "foilhole")
    with pytest.raises(BadInput, match="atlas"):
        registered_areas(service.url, SESSION, "atlas")
    assert service.decisions == []


def test_no_service():
    with pytest.raises(ConnectionLost):
        registered_areas("http://127.0.0.1:9", SESSION, "foilhole")
    with pytest.raises(BadInput, match="web service"):
        registered_areas("file:///etc/passwd", SESSION, "foilhole")
