"""Numba kernels and transforms over several threads.

The kernels release the interpreter's lock and each thread writes a part of the output that is its own. Unlike numba's
own thread pools this survives a fork, may be called from several threads at once, and gives the same result on any
number of cores.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def thread_count() -> int:
    """Threads to use: ``OMP_NUM_THREADS`` where it is set, as for BLAS and torch, or else one a core."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, int(asked)) if asked.isdigit() else len(os.sched_getaffinity(0))


def for_each(job: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Call ``job(item)`` for every item, on :func:`thread_count` threads; an exception in any of them is raised."""
    threads = thread_count()
    if threads == 1:
        for item in items:
            job(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(job, items):
            pass
