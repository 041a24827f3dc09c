"""One function over many items, each done once."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from cryogauge.jobs.cluster import connected_client, threads_each
from cryogauge.jobs.failures import Failure, explain
from cryogauge.jobs.ledger import Ledger, LedgerKey
from cryogauge.jobs.worker import perform
from cryogauge.records.errors import BadInput, CryogaugeError, Retryable

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
_AGAIN = "run again: it picks up where it stopped"
_LOST = "the connection to the cluster was lost"
_START_SECONDS = 300


@dataclass(frozen=True)
class Outcome(Generic[Item]):
    """What became of one item.

    Attributes
    ----------
    item
        The item as it was given.
    state
        ``done`` now, ``already_done`` by an earlier run, or ``failed``.
    row
        What the function returned; empty when it failed.
    failure
        Why it failed; None otherwise.
    """

    item: Item
    state: Literal["done", "already_done", "failed"]
    row: dict[str, Any]
    failure: Failure | None = None


def run_batch(
    function: Callable[[Item, LedgerKey], dict[str, Any]],
    items: Iterable[Item | None],
    *,
    key: Callable[[Item], LedgerKey],
    ledger: Ledger,
    artefacts: Callable[[Item, LedgerKey], Sequence[str]] = lambda item, key: (),
    workers: int = 1,
    threads_per_worker: int | None = None,
    address: str | None = None,
) -> Iterator[Outcome[Item]]:
    """Run ``function`` on every item in worker processes, skipping what the ledger says is done.

    No item ends the batch. One that raises has failed. One whose worker is killed (out of memory) gets a second
    chance on a fresh worker, alone, when the others are through, and has failed when it kills that too. Failed items
    are not entered in the ledger, so the next run tries them again. Closing the iterator, or Ctrl-C, stops the
    workers; only items under way are lost.

    Parameters
    ----------
    function
        Called in a worker with one item and its key; a function of an importable module that returns a small row of
        JSON types and imports what is heavy itself. A script that calls this must guard its start by
        ``__name__ == "__main__"``.
    items
        What to work on; taken as workers become free. None in place of an item says that there is nothing to do yet:
        what has finished is yielded before the next is asked for, which may take as long as it likes.
    key
        What an item's result depends on, called in this process; what it raises fails the item.
    ledger
        Where results are looked up and kept.
    artefacts
        Files and folders that ``function`` leaves for an item and its key, relative to the ledger's folder. Named by
        ``LedgerKey.digest``, results of different content or settings never meet.
    workers
        Items under way at a time; on this machine, as many processes. They start when the first item needs them.
    threads_per_worker
        Threads numerical libraries take in one process on this machine; by default the cores shared evenly.
    address
        Dask scheduler to use in place of this machine, such as ``tcp://host:8786``; it must see the same files.

    Yields
    ------
    Outcome
        One for each item, in the order in which they finish.

    Raises
    ------
    BadInput
        When ``workers`` or ``threads_per_worker`` is not positive, or nothing answers at ``address``.
    Retryable
        When workers do not start, or the cluster is gone while items are left.
    """
    if workers < 1 or (threads_per_worker is not None and threads_per_worker < 1):
        raise BadInput("a batch needs at least one worker and one thread", "give a positive number")
    threads = threads_per_worker or threads_each(workers)

    def outcomes() -> Iterator[Outcome[Item]]:
        with ExitStack() as stack:
            pool: _Pool[Item] | None = None
            for item in items:
                if item is None:
                    if pool is not None:
                        yield from pool.meanwhile()
                    continue
                known = _look_up(item, key, ledger)
                if isinstance(known, Outcome):
                    yield known
                    continue
                if pool is None:
                    client = stack.enter_context(connected_client(workers, threads, address))
                    pool = _Pool(client, function, ledger, artefacts, workers if address is None else 1)
                    stack.callback(pool.cancel)
                # No more is submitted than can run: what waited behind an item that kills its worker would share its
                # fate.
                while len(pool.under_way) >= workers:
                    yield from pool.finished()
                pool.submit(item, known)
            if pool is not None:
                while pool.under_way:
                    yield from pool.finished()
                yield from pool.second_chances()

    return outcomes()


def _look_up(item: Item, key: Callable[[Item], LedgerKey], ledger: Ledger) -> Outcome[Item] | LedgerKey:
    """The outcome that is known without work, or the key under which the item's result is to be kept."""
    try:
        item_key = key(item)
        row = ledger.get(item_key)
    except Exception as error:  # noqa: BLE001 an unreadable item fails by itself, whatever its reader raises
        return Outcome(item, "failed", {}, explain(error))
    return item_key if row is None else Outcome(item, "already_done", row)


class _Pool(Generic[Item]):
    """Items under way on a cluster, and those whose worker was killed."""

    def __init__(
        self,
        client: "Client",
        function: Callable[[Item, LedgerKey], dict[str, Any]],
        ledger: Ledger,
        artefacts: Callable[[Item, LedgerKey], Sequence[str]],
        workers: int,
    ) -> None:
        self.under_way: dict[Future, tuple[Item, LedgerKey]] = {}
        self._killed: list[tuple[Item, LedgerKey]] = []
        self._client = client
        self._function = function
        self._ledger = ledger
        self._artefacts = artefacts
        self._workers = workers

    def submit(self, item: Item, item_key: LedgerKey) -> None:
        """Start an item on a free worker, once those that were killed are replaced."""
        if self._client.status == "closed":
            raise Retryable(_LOST, _AGAIN)
        try:
            self._client.wait_for_workers(self._workers, timeout=_START_SECONDS)
        except TimeoutError as error:
            raise Retryable(
                f"no worker started within {_START_SECONDS} s", f"free memory there and {_AGAIN}"
            ) from error
        except OSError as error:
            raise Retryable(_LOST, _AGAIN) from error
        future = self._client.submit(perform, self._function, item, item_key, pure=False)
        self.under_way[future] = (item, item_key)

    def cancel(self) -> None:
        if self.under_way and self._client.status == "running":
            self._client.cancel(list(self.under_way), force=True)

    def finished(self) -> Iterator[Outcome[Item]]:
        """Wait for some item under way; the outcomes of all that have finished but those of killed workers."""
        yield from self._outcomes(self._wait())

    def meanwhile(self) -> Iterator[Outcome[Item]]:
        """The outcomes at hand while there are no new items; second chances when nothing else is under way."""
        yield from self._outcomes([future for future in self.under_way if future.done()])
        if not self.under_way:
            yield from self.second_chances()

    def _outcomes(self, futures: "Sequence[Future]") -> Iterator[Outcome[Item]]:
        for future in futures:
            item, item_key = self.under_way.pop(future)
            result = _result(future)
            future.release()
            if result is None:
                self._killed.append((item, item_key))
            else:
                yield self._settle(item, item_key, result)

    def second_chances(self) -> Iterator[Outcome[Item]]:
        """Try what was under way on killed workers again, one by one: alone, each has the memory to itself, and the
        one that kills its worker again is known for certain.
        """
        again, self._killed = self._killed, []
        for item, item_key in again:
            self.submit(item, item_key)
            yield from self.finished()
        twice, self._killed = self._killed, []
        for item, _ in twice:
            message = "the process working on it was killed twice, most likely for want of memory"
            hint = f"use a machine with more memory, or a smaller copy of the file, then {_AGAIN}"
            yield Outcome(item, "failed", {}, Failure(message, hint))

    def _wait(self) -> "list[Future]":
        from distributed import wait

        futures = list(self.under_way)
        try:
            with self._client.as_current():
                wait(futures, return_when="FIRST_COMPLETED")
        except CancelledError:  # the scheduler is gone, and with it all that was under way
            return futures
        return [future for future in futures if future.done()]

    def _settle(self, item: Item, item_key: LedgerKey, result: str | Failure) -> Outcome[Item]:
        """The outcome of what ``perform`` returned, entered in the ledger when it is a success."""
        if isinstance(result, Failure):
            return Outcome(item, "failed", {}, result)
        row = json.loads(result)
        try:
            self._ledger.put(item_key, row, self._artefacts(item, item_key))
        except (CryogaugeError, OSError) as error:  # a full disk, or a cluster that sees other files
            return Outcome(item, "failed", {}, explain(error))
        return Outcome(item, "done", row)


def _result(future: "Future") -> str | Failure | None:
    """What ``perform`` returned; None when its worker was killed. ``perform`` never raises, so an error is Dask's."""
    from distributed import KilledWorker

    try:
        return future.result()
    except KilledWorker:
        return None
    except CancelledError:
        return Failure(_LOST, _AGAIN, retryable=True)
    except Exception as error:  # noqa: BLE001 no worker could start, a result could not be fetched …
        message = f"no worker could do it: {' '.join(str(error).split())}"
        return Failure(message, _AGAIN, explain(error).traceback, retryable=True)
