import numpy as np
import pytest

from livecam.annotation.point_tracker import PointTracker, TrackedPoint
from livecam.annotation.prompts import Point
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import resize
from tests.support.synthetic_people import chair_place, draw_scene


def follow(frames: list[Frame], point: Point, radius: float = 14.0) -> list[Point | None]:
    follower = PointTracker(frames[0], [TrackedPoint(point, radius)])
    places = follower.positions()
    for frame in frames[1:]:
        follower.follow(frame)
        places += follower.positions()
    return places


def off(place: Point | None, true: Point) -> float:
    assert place is not None
    return float(np.hypot(place.x - true.x, place.y - true.y))


def test_a_thing_that_is_pushed_is_followed() -> None:
    places = follow([draw_scene(n) for n in range(18)], chair_place(0))
    assert max(off(place, chair_place(n)) for n, place in enumerate(places)) < 2.0


def test_a_thing_that_stands_still_stays_though_others_move() -> None:
    frames = [draw_scene(n, chair=False) for n in range(16)]
    places = follow(frames, Point(40, 30))
    assert max(off(place, Point(40, 30)) for place in places) < 1.0


def test_places_are_in_the_pixels_of_a_large_frame() -> None:
    large = Size(1920, 1080)
    frames = [resize(draw_scene(n), large) for n in range(6)]
    places = follow(frames, Point(305, 605), 140)
    assert off(places[-1], Point(305 + 5 * 20, 605)) < 12


def test_what_is_covered_is_lost_and_found_again() -> None:
    covered = [draw_scene(n) for n in range(12)]
    for frame in covered[4:8]:
        frame[:, :110] = 60
    places = follow(covered, chair_place(0))
    assert places[3] is not None
    assert places[4:8] == [None] * 4
    assert off(places[11], chair_place(11)) < 2.0


def test_what_is_gone_is_not_followed_by_something_else() -> None:
    frames = [draw_scene(0)] + [draw_scene(n, chair=False) for n in range(1, 6)]
    assert follow(frames, chair_place(0))[2:] == [None] * 4


def test_what_is_gone_is_not_found_in_its_twin() -> None:
    def draw(number: int, gone: bool) -> Frame:
        frame = draw_scene(0, person=False, chair=False)
        tile = draw_scene(0)[40:80, 14:46]
        for left in (20, 70, 120) if not gone else (70, 120):
            frame[40:80, left : left + 32] = tile
        return frame

    frames = [draw(n, n >= 3) for n in range(8)]
    assert follow(frames, Point(36, 60))[4:] == [None] * 4


def test_a_flat_place_stays_where_it_is_or_is_lost_but_never_wanders() -> None:
    frames = [np.full((108, 192, 3), 90, np.uint8) for _ in range(4)]
    for place in follow(frames, Point(50, 50))[1:]:
        assert place is None or off(place, Point(50, 50)) < 1


@pytest.mark.parametrize("point", [Point(0, 0), Point(191, 107), Point(191, 0)])
def test_points_in_the_corners_can_be_followed(point: Point) -> None:
    places = follow([draw_scene(n, chair=False) for n in range(3)], point)
    assert len(places) == 3
    assert all(place is None or off(place, point) < 3 for place in places)


def test_a_frame_is_not_written_into() -> None:
    frame = draw_scene(0)
    before = frame.copy()
    follower = PointTracker(frame, [TrackedPoint(chair_place(0))])
    follower.follow(frame)
    np.testing.assert_array_equal(frame, before)
