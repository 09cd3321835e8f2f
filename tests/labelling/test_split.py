import pytest

from livecam.labelling.split import Place, split_by_clip


def clip(stem: str, count: int, step: int = 25) -> list[Place]:
    return [Place(f"{stem}-{n * step:06d}", stem, n * step, n * step / 25) for n in range(count)]


def stem(name: str) -> str:
    return name.rpartition("-")[0]


@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_no_clip_is_on_both_sides_and_none_is_empty(count: int) -> None:
    places = [place for number in range(count) for place in clip(f"clip{number}", 4)]
    split = split_by_clip(places)
    assert split.train
    assert split.test
    assert not {stem(name) for name in split.train} & {stem(name) for name in split.test}
    assert len(split.train) + len(split.test) == len(places)


def test_about_a_fifth_of_many_clips_is_test() -> None:
    split = split_by_clip([place for number in range(200) for place in clip(f"clip{number}", 1)])
    assert 25 <= len(split.test) <= 55


def test_a_clip_stays_on_its_side_whatever_comes_later() -> None:
    some = [place for number in range(20) for place in clip(f"clip{number}", 1)]
    more = some + [place for number in range(20, 40) for place in clip(f"clip{number}", 1)]
    before, after = split_by_clip(some), split_by_clip(more)
    assert set(before.train) <= set(after.train)
    assert set(before.test) <= set(after.test)


def test_of_one_clip_the_end_is_test_after_a_gap() -> None:
    split = split_by_clip(clip("a", 24))
    assert split.test == tuple(place.name for place in clip("a", 24)[-5:])
    assert len(split.train) == 18
    assert split.train[-1] == "a-000425"
    assert "one clip only" in split.note
    assert "1 before them for neither" in split.note


def test_frames_within_a_second_before_the_test_are_for_neither() -> None:
    places = clip("a", 100, step=2)
    split = split_by_clip(places)
    last = max(place.seconds for place in places if place.name in split.train)
    first = min(place.seconds for place in places if place.name in split.test)
    assert first - last > 1.0


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
