"""Sends the feed of a watched folder to an address, event by event, in order."""

import hashlib
import hmac
import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryogauge.io.replace import replacing
from cryogauge.records import BadInput, CryogaugeError
from cryogauge.score.watch.feed import SESSION_START, Feed

_TIMEOUT_S = 10.0
_TRIES = 6
#: Answers by which a receiver refuses the event itself, whatever is tried: not sent again.
_REFUSED = (400, 413, 422)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        """Another address is another receiver, which nobody named."""


class Webhook:
    """Posts every event of a feed to ``url`` from a thread of its own.

    The body is the line of the feed; the headers ``X-Cryogauge-Event`` and ``X-Cryogauge-Id`` repeat its kind and
    id, and ``X-Cryogauge-Signature: sha256=…`` holds the HMAC-SHA256 of the body where there is a secret. Any answer
    of 2xx is a receipt. What has none is tried again after 1, 2, 4 … s, six times in all, and then with the next
    event or at the next start; later events wait for it. A kill between receipt and note sends an event twice: the
    id tells.

    Parameters
    ----------
    url
        ``http://`` or ``https://``.
    feed
        What is sent: from the session's start for an address not used before, else from the first event without a
        receipt.
    state
        The file that holds the last receipt.
    secret
        Key of the signature; empty for none.
    say
        Called with a sentence on what could not be sent.
    first_pause_s
        Time before the second try.

    Raises
    ------
    BadInput
        When the URL is no web address, or ``state`` is damaged.
    """

    def __init__(
        self,
        url: str,
        feed: Feed,
        state: Path,
        *,
        secret: str = "",
        say: Callable[[str], None] = lambda text: None,
        first_pause_s: float = 1.0,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise BadInput(f"{url} is no address to send events to", "give one that begins with http:// or https://")
        self._url = url
        self._host = urlsplit(url).hostname
        self._name = hashlib.sha256(url.encode()).hexdigest()[:16]  # the address itself may hold a secret
        self._feed = feed
        self._state = state
        self._secret = secret.encode()
        self._say = say
        self._pause_s = first_pause_s
        self._receipts = _read_receipts(state)
        self._ending = threading.Event()
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        """Begin to send; the feed holds the session's start."""
        events = self._feed.after()
        start = max((event["id"] for event in events if event["event"] == SESSION_START), default=1)
        last = self._receipts.get(self._name, len(events) + 1)
        self._receipts[self._name] = last if last <= len(events) else start - 1
        self._thread.start()

    def stop(self, finish_s: float = 5.0) -> None:
        """End, after some time for what has not been sent; the rest is sent at the next start."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(finish_s)

    def _run(self) -> None:
        while True:
            last = self._receipts[self._name]
            if self._feed.wait(last, 0.5):
                event = self._feed.after(last)[0]
                if self._deliver(event):
                    self._note(event["id"])
                elif self._ending.is_set():
                    return
                else:
                    newest = len(self._feed.after())
                    while not self._feed.wait(newest, 0.5) and not self._ending.is_set():
                        pass
            elif self._ending.is_set():
                return

    def _deliver(self, event: dict[str, Any]) -> bool:
        """Whether there is a receipt, or none will ever come."""
        pause, problem = self._pause_s, ""
        for _ in range(_TRIES):
            status, problem = self._post(event)
            if status in _REFUSED:
                self._say(f"{self._host} refuses event {event['id']} with {status}: it is not sent again")
                return True
            if not problem:
                return True
            if self._ending.wait(pause):
                break
            pause *= 2
        self._say(f"event {event['id']} was not sent to {self._host}: {problem}; it is kept")
        return False

    def _post(self, event: dict[str, Any]) -> tuple[int, str]:
        """Status of the answer, 0 for none, and what is wrong with it."""
        body = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace")
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "cryogauge",
            "X-Cryogauge-Event": event["event"],
            "X-Cryogauge-Id": str(event["id"]),
        }
        if self._secret:
            headers["X-Cryogauge-Signature"] = f"sha256={hmac.new(self._secret, body, hashlib.sha256).hexdigest()}"
        try:
            request = urllib.request.Request(self._url, body, headers, method="POST")
            with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, f"it answered {error.code}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 0, f"no answer ({getattr(error, 'reason', error)})"

    def _note(self, last: int) -> None:
        self._receipts[self._name] = last
        try:
            with replacing(self._state) as temporary:
                temporary.write_text(json.dumps(self._receipts), encoding="utf-8")
        except (CryogaugeError, OSError) as error:
            self._say(f"the receipt of event {last} cannot be kept: {error}")


def _read_receipts(path: Path) -> dict[str, int]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read: {error}", "delete it: then sending begins with this session") from error
    if not isinstance(found, dict) or not all(type(last) is int and last >= 0 for last in found.values()):
        raise BadInput(f"{path} holds no receipts", "delete it: then sending begins with this session")
    return found
