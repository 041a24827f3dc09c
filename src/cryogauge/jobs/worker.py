"""What runs inside a worker process."""

import json
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryogauge.jobs.failures import Failure, explain
from cryogauge.jobs.ledger import LedgerKey

if TYPE_CHECKING:
    from distributed import Worker


def dask_setup(worker: "Worker") -> None:
    """Leave Ctrl-C to the driving process: the terminal sends it to every process of the group. Called by Dask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def perform(function: Callable[[Any, LedgerKey], dict[str, Any]], item: Any, item_key: LedgerKey) -> str | Failure:
    """The row of one item as JSON text, or why there is none; never raises for the item's sake."""
    try:
        return json.dumps(function(item, item_key))
    except Exception as error:  # noqa: BLE001 the border of a batch: whatever one item does, the others go on
        return explain(error)
