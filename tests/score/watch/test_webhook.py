"""Real requests to a real server, which may be down."""

import hashlib
import hmac
import http.server
import json
import threading
import time
from contextlib import contextmanager

import pytest

from cryogauge.records import BadInput
from cryogauge.score.watch.feed import Feed
from cryogauge.score.watch.webhook import Webhook


@contextmanager
def receiver(answers=None, port=0):
    """A server that gives the answers in turn, 204 after the last; what it got, and its port."""
    answers, got = list(answers or []), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = answers.pop(0) if answers else 204
            got.append((json.loads(body)["id"], answer, dict(self.headers), body))
            self.send_response(answer)
            if answer == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield got, server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def sending(tmp_path, port, path="/hook", said=None, **options):
    with Feed(tmp_path / "feed.jsonl") as feed:
        url = f"http://127.0.0.1:{port}{path}"
        said = [] if said is None else said
        hook = Webhook(url, feed, tmp_path / "webhook.json", say=said.append, first_pause_s=0.01, **options)
        feed.append("session_start")
        hook.start()
        yield feed
        hook.stop()


def ids(got, status=204):
    return [number for number, answer, _, _ in got if answer == status]


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_every_event_is_posted_once_in_order_and_signed(tmp_path):
    with receiver() as (got, port):
        with sending(tmp_path, port, secret="sésame") as feed:
            for name in "abc":
                feed.append("scored", name=name)
        assert ids(got) == [1, 2, 3, 4]
        lines = (tmp_path / "feed.jsonl").read_bytes().splitlines()
        for (_, _, headers, body), line in zip(got, lines, strict=True):
            assert json.loads(body) == json.loads(line)
            digest = hmac.new("sésame".encode(), body, hashlib.sha256).hexdigest()
            assert headers["X-Cryogauge-Signature"] == f"sha256={digest}"
            assert headers["Content-Type"] == "application/json"
        assert (got[1][2]["X-Cryogauge-Event"], got[1][2]["X-Cryogauge-Id"]) == ("scored", "2")
        assert "hook" not in (tmp_path / "webhook.json").read_text(), "an address may hold a secret"

        with sending(tmp_path, port) as feed:
            feed.append("scored", name="d")
        assert ids(got) == [1, 2, 3, 4, 5, 6]
        assert "X-Cryogauge-Signature" not in got[-1][2]


def test_a_server_that_is_down_gets_all_in_order_when_it_is_back(tmp_path):
    with receiver() as (_, port):
        pass
    said = []
    with sending(tmp_path, port, said=said) as feed:
        feed.append("scored", name="a")
        wait_until(lambda: said)
        assert "event 1 was not sent to 127.0.0.1" in said[0]
        with receiver(port=port) as (got, _):
            feed.append("scored", name="b")
            wait_until(lambda: ids(got) == [1, 2, 3])


def test_what_was_not_sent_is_sent_at_the_next_start(tmp_path):
    with receiver() as (got, port), sending(tmp_path, port) as feed:
        wait_until(lambda: ids(got) == [1])
    with sending(tmp_path, port) as feed:
        feed.append("scored", name="a")
    with receiver(port=port) as (got, _):
        with sending(tmp_path, port):
            wait_until(lambda: ids(got) == [2, 3, 4])
        with sending(tmp_path, port, path="/another"):
            wait_until(lambda: len(got) == 4)
        assert ids(got) == [2, 3, 4, 5], "an address not used before hears of its own session only"


def test_a_server_in_trouble_is_tried_again_and_a_refused_event_is_not(tmp_path):
    said = []
    with receiver([500, 302, 429, 204, 422]) as (got, port), sending(tmp_path, port, said=said) as feed:
        feed.append("scored", name="refused")
        feed.append("scored", name="next")
        wait_until(lambda: len(got) == 6)
    assert [(number, answer) for number, answer, _, _ in got] == [
        (1, 500), (1, 302), (1, 429), (1, 204), (2, 422), (3, 204)
    ]  # fmt: skip
    assert any("refuses event 2 with 422" in text for text in said)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "lab.example/hook", "http://", ""])
def test_only_web_addresses_are_posted_to(tmp_path, url):
    with Feed(tmp_path / "feed.jsonl") as feed, pytest.raises(BadInput, match="no address to send events to"):
        Webhook(url, feed, tmp_path / "webhook.json")


@pytest.mark.parametrize("text", ["no json", "[]", '{"a": "b"}', '{"a": -1}', '{"a": true}'])
def test_damaged_receipts_are_told(tmp_path, text):
    (tmp_path / "webhook.json").write_text(text)
    with Feed(tmp_path / "feed.jsonl") as feed, pytest.raises(BadInput, match=r"webhook\.json"):
        Webhook("http://127.0.0.1/", feed, tmp_path / "webhook.json")
