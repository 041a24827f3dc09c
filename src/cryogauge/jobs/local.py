"""A Dask cluster of this machine's own processes. Import it where it is used: Dask takes its time."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask.config
from distributed import LocalCluster
from distributed.security import Security

from cryogauge.records.errors import Retryable

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def local_cluster(workers: int, threads_per_worker: int) -> Iterator[LocalCluster]:
    """One process a worker, each at one item at a time with ``threads_per_worker`` threads inside the item.

    Raises
    ------
    Retryable
        When the processes do not start.
    """
    settings = {
        "distributed.scheduler.allowed-failures": 0,  # second chances are given by the batch, which knows how
        "distributed.scheduler.no-workers-timeout": "300s",  # fail rather than hang when workers cannot start
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.http.routes": [],  # Dask's web servers cannot be switched off, only emptied
        "distributed.worker.http.routes": [],
        **{f"distributed.nanny.pre-spawn-environ.{name}": threads_per_worker for name in _THREAD_VARIABLES},
    }
    # Dask hands variables to its workers through this process's own environment.
    before = {name: os.environ.get(name) for name in (*_THREAD_VARIABLES, "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")}
    try:
        with dask.config.set(settings):
            cluster = _started(workers, threads_per_worker)
            try:
                yield cluster
            finally:
                cluster.sync(_stop_workers, cluster)
                cluster.close()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _Cluster(LocalCluster):
    """Dask's local cluster, without its fault of stumbling over a worker that dies as soon as it has started."""

    def _update_worker_status(self, op: str, msg: Any) -> None:
        if op != "remove" or msg in self.scheduler_info["workers"]:
            super()._update_worker_status(op, msg)


def _started(workers: int, threads_per_worker: int) -> LocalCluster:
    try:
        return _Cluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # Whoever reaches a scheduler can run code as its owner, and on a shared machine every user reaches the
            # loopback: so both ends must show a key that exists only in the memory of this run.
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            # Mapped files count as a process's memory although the system can drop them at will: Dask's own limit
            # would kill workers that are merely reading large tomograms.
            memory_limit=None,
            # Numba stumbles when this variable changes in a process that uses it, so it does not go the way above.
            env={"NUMBA_NUM_THREADS": os.environ.get("NUMBA_NUM_THREADS", str(threads_per_worker))},
            preload=["cryogauge.jobs.worker"],
            silence_logs=logging.CRITICAL,  # what goes wrong is told by the outcomes
        )
    except RuntimeError as error:
        raise Retryable(
            "the worker processes do not start",
            'free memory; from a script, start the batch under `if __name__ == "__main__":`',
        ) from error


async def _stop_workers(cluster: LocalCluster) -> None:
    """Stop at once: left to itself, Dask gives an item under way five seconds to finish after Ctrl-C."""
    await asyncio.gather(*(nanny.close(timeout=0.5) for nanny in cluster.workers.values()))
