import pytest

from livecam.annotation.split import FrameRef, split_by_clip


def clip(stem: str, count: int, step: int = 25) -> list[FrameRef]:
    return [FrameRef(f"{stem}-{n * step:06d}", stem, n * step, n * step / 25) for n in range(count)]


def stem(name: str) -> str:
    return name.rpartition("-")[0]


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_no_clip_is_on_both_sides_and_none_is_empty(count: int) -> None:
    frames = [frame for number in range(count) for frame in clip(f"clip{number}", 4)]
    split = split_by_clip(frames)
    assert split.train
    assert split.test
    assert not {stem(name) for name in split.train} & {stem(name) for name in split.test}
    assert len(split.train) + len(split.test) == len(frames)


def test_about_a_fifth_of_many_clips_is_test() -> None:
    split = split_by_clip([frame for number in range(200) for frame in clip(f"clip{number}", 1)])
    assert 25 <= len(split.test) <= 55


def test_a_clip_stays_on_its_side_whatever_comes_later() -> None:
    some = [frame for number in range(20) for frame in clip(f"clip{number}", 1)]
    more = some + [frame for number in range(20, 40) for frame in clip(f"clip{number}", 1)]
    before, after = split_by_clip(some), split_by_clip(more)
    assert set(before.train) <= set(after.train)
    assert set(before.test) <= set(after.test)


def test_of_one_clip_the_end_is_test_after_a_gap() -> None:
    frames = clip("a", 50, step=10)
    split = split_by_clip(frames)
    assert split.test == tuple(frame.name for frame in frames[-10:])
    assert split.train == tuple(frame.name for frame in frames[:38])
    assert split.note == "one clip only: its last 10 frames are for testing, 2 before them for neither"


def test_frames_within_a_second_before_the_test_are_for_neither() -> None:
    frames = clip("a", 300, step=2)
    split = split_by_clip(frames)
    last = max(frame.seconds for frame in frames if frame.name in split.train)
    first = min(frame.seconds for frame in frames if frame.name in split.test)
    assert first - last > 1.0


def test_a_short_clip_keeps_most_of_its_frames_for_training() -> None:
    split = split_by_clip(clip("a", 24, step=4))
    assert len(split.train) >= 15
    assert len(split.test) == 5


def test_where_all_happens_at_the_end_not_all_of_it_is_test() -> None:
    frames = [*clip("a", 4, step=25), *(FrameRef(f"a-{n}", "a", n, n / 25) for n in range(92, 100))]
    split = split_by_clip(frames)
    assert len(split.test) == 4
    assert len(split.train) >= 4


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_few_frames_still_make_two_lists(count: int) -> None:
    split = split_by_clip(clip("a", count, step=1))
    assert split.train
    assert split.test
    assert not set(split.train) & set(split.test)


def test_one_frame_is_in_both_and_that_is_said() -> None:
    split = split_by_clip(clip("a", 1))
    assert split.train == split.test == ("a-000000",)
    assert "one frame only" in split.note


def test_nothing_is_split_into_nothing() -> None:
    assert split_by_clip([]) == ((), (), "")
