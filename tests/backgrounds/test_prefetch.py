import threading
from collections.abc import Iterator

import pytest

from livecam.backgrounds.prefetch import Prefetcher
from tests.support.fakes import BlockingCall


def quiet() -> None:
    pass


def test_the_next_one_is_made_while_no_thread_waits() -> None:
    made = threading.Event()
    prefetcher = Prefetcher(lambda: made.set() or 7, quiet)
    assert not made.is_set()
    prefetcher.request()
    assert made.wait(5)
    assert prefetcher.get(5) == 7


def test_what_is_not_there_in_time_comes_later() -> None:
    go = threading.Event()
    prefetcher = Prefetcher(lambda: go.wait(20), quiet)
    prefetcher.request()
    assert prefetcher.get(0.01) is None
    go.set()
    assert prefetcher.get(5) is True


def test_an_error_is_raised_in_the_one_who_takes_and_work_goes_on() -> None:
    def lines() -> Iterator[int]:
        yield 1

    numbers = lines()
    prefetcher = Prefetcher(lambda: 10 // next(numbers, 0), quiet)
    prefetcher.request()
    assert prefetcher.get(5) == 10
    for _ in range(2):
        prefetcher.request()
        with pytest.raises(ZeroDivisionError):
            prefetcher.get(5)


def test_its_own_thread_lets_go_once_when_it_is_stopped() -> None:
    finished: list[str] = []
    prefetcher = Prefetcher(lambda: 1, lambda: finished.append(threading.current_thread().name))
    prefetcher.stop(5)
    prefetcher.stop(5)
    assert finished == ["livecam-ahead"]


def test_stopping_does_not_wait_for_work_that_hangs() -> None:
    hangs, finished = BlockingCall(), threading.Event()
    prefetcher = Prefetcher(hangs, finished.set)
    prefetcher.request()
    assert hangs.started.wait(5)
    prefetcher.stop(0.05)
    assert not finished.is_set()
    hangs.released.set()
    assert finished.wait(5)
