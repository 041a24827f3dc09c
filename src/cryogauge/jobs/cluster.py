"""Where the work is done: worker processes on this machine, or a Dask cluster at an address."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryogauge.records.errors import BadInput

if TYPE_CHECKING:
    from distributed import Client


def threads_each(workers: int) -> int:
    """Cores of this machine (those this process may use) that each of ``workers`` processes can have to itself."""
    from dask.system import CPU_COUNT

    return max(1, CPU_COUNT // workers)


@contextmanager
def connected_client(workers: int, threads_per_worker: int, address: str | None) -> "Iterator[Client]":
    """A Dask client, of the cluster at ``address`` or of one of our own that lives as long as the context.

    Raises
    ------
    BadInput
        When nothing answers at ``address``.
    Retryable
        When the processes of our own cluster do not start.
    """
    from distributed import Client

    from cryogauge.jobs.local import local_cluster

    if address is None:
        with local_cluster(workers, threads_per_worker) as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:  # a timeout is an OSError
        raise BadInput(
            f"no Dask scheduler answers at {address}", "give its address as it prints it, such as tcp://host:8786"
        ) from error
    with client:
        yield client
