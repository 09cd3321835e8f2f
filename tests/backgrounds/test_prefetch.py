import threading
from collections.abc import Iterator

import pytest

from livecam.backgrounds.prefetch import Prefetcher
from tests.support.fakes import BlockingCall


def quiet() -> None:
    pass


def test_the_next_one_is_made_while_no_thread_waits() -> None:
    made = threading.Event()
    ahead = Prefetcher(lambda: made.set() or 7, quiet)
    assert not made.is_set()
    ahead.request()
    assert made.wait(5)
    assert ahead.get(5) == 7


def test_what_is_not_there_in_time_comes_later() -> None:
    go = threading.Event()
    ahead = Prefetcher(lambda: go.wait(20), quiet)
    ahead.request()
    assert ahead.get(0.01) is None
    go.set()
    assert ahead.get(5) is True


def test_an_error_is_raised_in_the_one_who_takes_and_work_goes_on() -> None:
    def lines() -> Iterator[int]:
        yield 1

    numbers = lines()
    ahead = Prefetcher(lambda: 10 // next(numbers, 0), quiet)
    ahead.request()
    assert ahead.get(5) == 10
    for _ in range(2):
        ahead.request()
        with pytest.raises(ZeroDivisionError):
            ahead.get(5)


def test_its_own_thread_lets_go_once_when_it_is_stopped() -> None:
    finished: list[str] = []
    ahead = Prefetcher(lambda: 1, lambda: finished.append(threading.current_thread().name))
    ahead.stop(5)
    ahead.stop(5)
    assert finished == ["livecam-ahead"]


def test_stopping_does_not_wait_for_work_that_hangs() -> None:
    hangs, finished = BlockingCall(), threading.Event()
    ahead = Prefetcher(hangs, finished.set)
    ahead.request()
    assert hangs.started.wait(5)
    ahead.stop(0.05)
    assert not finished.is_set()
    hangs.released.set()
    assert finished.wait(5)
