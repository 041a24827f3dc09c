"""The skeleton of the pages, over real connections."""

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter, Request

from cryogauge.records import BadInput
from cryogauge.web.app import _bind, create_app, page, running, serve
from cryogauge.web.guard import LARGEST_BODY_BYTES, is_local

TOKEN = "0123456789abcdef-_~"


def _router():
    router = APIRouter()

    @router.get("/")
    def start(request: Request):
        return page(request, "base.html")

    @router.get("/wrong")
    def wrong():
        raise BadInput("<b>no</b>", "try yes")

    @router.post("/echo")
    def echo(text: dict[str, int]):
        return text

    return router


@pytest.fixture(scope="module")
def address():
    with running(create_app("A & <b>test</b>", _router())) as address:
        yield address


@pytest.fixture(scope="module")
def guarded():
    with running(create_app("Test", _router(), token=TOKEN)) as address:
        yield address


def test_pages_are_escaped_and_dressed(address):
    answer = httpx.get(address)
    assert answer.status_code == 200
    for place in ("<h1>{}</h1>", "<title>{} · cryogauge</title>"):
        assert place.format("A &amp; &lt;b&gt;test&lt;/b&gt;") in answer.text
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    style = httpx.get(address + "static/web.css")
    assert style.headers["content-type"].startswith("text/css")
    assert style.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["docs", "openapi.json", "static/../app.py", "static/%2e%2e/app.py", "nowhere"])
def test_there_is_nothing_else(address, path):
    answer = httpx.get(address + path)
    assert answer.status_code == 404
    assert "content-security-policy" in answer.headers


def test_bad_input_is_told_to_scripts_and_people(address):
    assert httpx.get(address + "wrong").json() == {"message": "<b>no</b>", "hint": "try yes"}
    answer = httpx.get(address + "wrong", headers={"Accept": "text/html"})
    assert answer.status_code == 400
    assert "&lt;b&gt;no&lt;/b&gt;" in answer.text
    answer = httpx.get(address + "<nowhere>", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "there is no page /&lt;nowhere&gt;" in answer.text
    assert httpx.get(address + "nowhere").json() == {"message": "there is no page /nowhere", "hint": ""}
    answer = httpx.post(address + "echo", json={"a": "x"})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("a: ")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "[", "a@b@"])
def test_other_names_for_this_machine_are_refused(address, host):
    host = host.format(port=urlsplit(address).port)
    assert httpx.get(address, headers={"Host": host}).status_code in (400, 403)


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1", "[::1]:{port}"])
def test_its_own_names_are_accepted(address, host):
    assert httpx.get(address, headers={"Host": host.format(port=urlsplit(address).port)}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program
        ({"Origin": "{self}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_other_sites_may_not_post(address, headers, status):
    headers = {name: value.format(self=address.rstrip("/")) for name, value in headers.items()}
    assert httpx.post(address + "echo", json={"a": 1}, headers=headers).status_code == status


def test_large_requests_are_refused(address):
    body = b'{"a": 1' + b" " * LARGEST_BODY_BYTES + b"}"
    assert httpx.post(address + "echo", content=body).status_code == 413
    assert httpx.post(address + "echo", content=iter([b'{"a": 1}'])).status_code == 411


def test_a_token_is_needed_and_becomes_a_cookie(guarded):
    start, _, query = guarded.partition("?")
    assert query == f"token={TOKEN}"
    for wrong in ("", f"?token={TOKEN[:-1]}", "?token=", "?token=ä"):
        answer = httpx.get(start + wrong)
        assert answer.status_code == 401
        assert "content-security-policy" in answer.headers
    assert httpx.get(start + "static/web.css").status_code == 401
    assert httpx.get(start, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert httpx.get(start, headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    with httpx.Client() as browser:
        answer = browser.get(f"{start}?a=1&token={TOKEN}&b=%26")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?a=1&b=%26"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert TOKEN not in cookie
        assert browser.get(start).status_code == 200
        assert browser.post(start + "echo", json={}).status_code == 200
    # The token is no way around the check of origin, and a redirect stays on this site.
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "http://evil.example"}
    assert httpx.post(start + "echo", json={}, headers=headers).status_code == 403
    assert httpx.get(f"{start}/evil.example/?token={TOKEN}").headers["location"] == "/evil.example/"


def test_a_token_must_be_worth_the_name():
    for token in ("", "short", "with space in the middle", "ümlaut-ümlaut-ümlaut"):
        with pytest.raises(BadInput, match="a token needs"):
            create_app("Test", token=token)


def test_other_machines_need_a_token():
    def never(address):
        raise AssertionError(address)

    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        assert not is_local(host)
        with pytest.raises(BadInput, match="other machines"):
            serve(create_app("Test"), host=host, on_ready=never)


def test_answers_are_not_held_back():
    """asyncio sets TCP_NODELAY only where the protocol is named; without it small answers wait 40 ms."""
    with _bind("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_a_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"cannot serve at 127.0.0.1:{port}: address already in use"):
            serve(create_app("Test"), port=port, on_ready=print)
    with pytest.raises(BadInput, match="no port 70000"):
        serve(create_app("Test"), port=70_000, on_ready=print)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_quietly_at_a_signal(number):
    code = (
        "from cryogauge.web.app import create_app, serve\n"
        "serve(create_app('Test'), on_ready=lambda address: print(address, flush=True))\n"
        "print('ended')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    with httpx.Client() as client:  # an open connection does not hold it up
        assert client.get(address).status_code == 404
        began = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=120)
    assert (output, errors, process.returncode) == ("ended\n", "", 0)
    assert time.monotonic() - began < 10
