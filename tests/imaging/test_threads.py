import threading

import pytest

from cryogauge.imaging.threads import for_each, thread_count


@pytest.mark.parametrize(("asked", "count"), [("1", 1), ("3", 3), ("2,4", 2), ("0", 1)])
def test_threads_are_those_asked_for(monkeypatch, asked, count):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert thread_count() == count


@pytest.mark.parametrize("asked", [None, "many"])
def test_without_a_number_there_is_one_thread_a_core(monkeypatch, asked):
    if asked is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 5, 7})
    assert thread_count() == 5


@pytest.mark.parametrize("threads", ["1", "3"])
def test_every_item_is_handled_once_and_errors_are_raised(monkeypatch, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    seen, workers = [], set()

    def job(item):
        seen.append(item)
        workers.add(threading.current_thread())

    for_each(job, range(20))
    assert sorted(seen) == list(range(20))
    assert (threading.main_thread() in workers) == (threads == "1")
    with pytest.raises(ZeroDivisionError):
        for_each(lambda item: 1 // item, [2, 1, 0])
