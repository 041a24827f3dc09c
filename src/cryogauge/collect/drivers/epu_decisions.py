"""Telling EPU which squares and holes to take, through the Decision Service of Smart EPU.

The service (Thermo Fisher's Open API of Smart EPU, "Decision Service API v1") keeps, for a session, the areas that EPU
has registered and the decisions that plug-ins make about them; EPU asks it before it goes to an area. It must be
licensed and reachable, and EPU be told to listen to a custom plug-in. Tried against a stand-in that follows the
service's published description, not against the service.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

from cryogauge.records import BadInput
from cryogauge.records.faults import ConnectionLost

#: The service's names of areas that are chosen, and of the decision about each.
KINDS: Mapping[str, str] = {"gridsquare": "gridSquareSelection", "foilhole": "foilHoleSelection"}


@dataclass(frozen=True)
class Choice:
    """Whether an area is to be taken, and why in words."""

    take: bool
    why: str = ""


def registered_areas(url: str, session: UUID, kind: str, parent: int | None = None) -> list[int]:
    """Areas of a session that EPU has registered.

    Parameters
    ----------
    url
        Of the service, up to ``/api``.
    session
        The session's id there.
    kind
        ``gridsquare`` or ``foilhole``.
    parent
        Only holes of this square.

    Returns
    -------
    Their ids.

    Raises
    ------
    BadInput
        When the service does not know the session.
    ConnectionLost
        When it does not answer.
    """
    _check_kind(kind)
    query = f"?areaType={kind}" + ("" if parent is None else f"&parentAreaId={parent}")
    answer = _asked(f"{url.rstrip('/')}/api/v1/Session/{session}/Areas{query}")
    try:
        return [int(area["id"]) for area in answer or []]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"the Decision Service answered with no areas: {answer!r:.80}", "see its version") from error


def send_choices(url: str, session: UUID, kind: str, choices: Mapping[int, Choice]) -> None:
    """Tell EPU which areas to take, all at once, so that it does not begin with the first.

    Parameters
    ----------
    url, session, kind
        As of :func:`registered_areas`.
    choices
        By the area's id.

    Raises
    ------
    BadInput
        When an area is not registered, or the service refuses; nothing was sent, or none of it taken.
    ConnectionLost
        When it does not answer.
    """
    unknown = sorted(set(choices) - set(registered_areas(url, session, kind)))
    if unknown:
        raise BadInput(f"EPU has registered no {kind} {unknown[0]} in this session", "choose among registered_areas")
    now = datetime.now(UTC).isoformat()
    records = [
        {
            "id": str(uuid4()),
            "sessionId": str(session),
            "areaId": area,
            "decisionType": KINDS[kind],
            "pluginType": "custom",
            "decisionValue": "true" if choice.take else "false",
            "decidedBy": "cryogauge",
            "details": choice.why,
            "timestamp": now,
        }
        for area, choice in choices.items()
    ]
    if records:
        _asked(f"{url.rstrip('/')}/api/v1/Decisions", records)


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise BadInput(f"no area is a {kind!r}", f"one of: {', '.join(KINDS)}")


def _asked(url: str, content: object = None) -> Any:
    if not url.startswith(("http://", "https://")):
        raise BadInput(f"{url} is no address of a web service", "it begins with http:// or https://")
    body = None if content is None else json.dumps(content).encode()
    request = Request(url, body, {"Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urlopen(request, timeout=10.0) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except HTTPError as error:
        raise BadInput(f"the Decision Service refused {url}: {error.code} {error.reason}", "see its log") from error
    except (URLError, OSError, ValueError) as error:
        raise ConnectionLost(f"the Decision Service does not answer at {url}: {error}", "is it running?") from error
