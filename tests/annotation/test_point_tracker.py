import numpy as np
import pytest

from livecam.annotation.point_tracker import PointTracker, TrackedPoint
from livecam.annotation.prompts import Point
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.ops import resize
from tests.support.synthetic_people import chair_place, draw_scene


def follow(frames: list[Frame], point: Point, radius: float = 14.0) -> list[Point | None]:
    tracker = PointTracker(frames[0], [TrackedPoint(point, radius)])
    positions = tracker.positions()
    for frame in frames[1:]:
        tracker.follow(frame)
        positions += tracker.positions()
    return positions


def distance(position: Point | None, true: Point) -> float:
    assert position is not None
    return float(np.hypot(position.x - true.x, position.y - true.y))


def test_moving_object_is_tracked() -> None:
    positions = follow([draw_scene(n) for n in range(18)], chair_place(0))
    assert max(distance(position, chair_place(n)) for n, position in enumerate(positions)) < 2.0


def test_still_point_stays_while_others_move() -> None:
    frames = [draw_scene(n, chair=False) for n in range(16)]
    positions = follow(frames, Point(40, 30))
    assert max(distance(position, Point(40, 30)) for position in positions) < 1.0


def test_positions_are_in_pixels_of_a_large_frame() -> None:
    large = Size(1920, 1080)
    frames = [resize(draw_scene(n), large) for n in range(6)]
    positions = follow(frames, Point(305, 605), 140)
    assert distance(positions[-1], Point(305 + 5 * 20, 605)) < 12


def test_covered_point_is_lost_and_found_again() -> None:
    covered = [draw_scene(n) for n in range(12)]
    for frame in covered[4:8]:
        frame[:, :110] = 60
    positions = follow(covered, chair_place(0))
    assert positions[3] is not None
    assert positions[4:8] == [None] * 4
    assert distance(positions[11], chair_place(11)) < 2.0


def test_removed_object_is_lost() -> None:
    frames = [draw_scene(0)] + [draw_scene(n, chair=False) for n in range(1, 6)]
    assert follow(frames, chair_place(0))[2:] == [None] * 4


def test_removed_object_is_not_found_in_its_twin() -> None:
    def draw(number: int, gone: bool) -> Frame:
        frame = draw_scene(0, person=False, chair=False)
        tile = draw_scene(0)[40:80, 14:46]
        for left in (20, 70, 120) if not gone else (70, 120):
            frame[40:80, left : left + 32] = tile
        return frame

    frames = [draw(n, n >= 3) for n in range(8)]
    assert follow(frames, Point(36, 60))[4:] == [None] * 4


def test_point_on_a_flat_region_never_drifts() -> None:
    frames = [np.full((108, 192, 3), 90, np.uint8) for _ in range(4)]
    for position in follow(frames, Point(50, 50))[1:]:
        assert position is None or distance(position, Point(50, 50)) < 1


@pytest.mark.parametrize("point", [Point(0, 0), Point(191, 107), Point(191, 0)])
def test_points_in_the_corners_can_be_followed(point: Point) -> None:
    positions = follow([draw_scene(n, chair=False) for n in range(3)], point)
    assert len(positions) == 3
    assert all(position is None or distance(position, point) < 3 for position in positions)


def test_a_frame_is_not_written_into() -> None:
    frame = draw_scene(0)
    before = frame.copy()
    tracker = PointTracker(frame, [TrackedPoint(chair_place(0))])
    tracker.follow(frame)
    np.testing.assert_array_equal(frame, before)
