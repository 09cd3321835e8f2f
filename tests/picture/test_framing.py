from itertools import pairwise

import numpy as np
import pytest

from livecam.core.types import Frame, Matte
from livecam.picture.framing import AutoFraming, CriticallyDampedFilter, FramingSettings, View, find_view

SHAPE = (180, 320)
SETTINGS = FramingSettings()


def matte_of(left: float, right: float, top: float, bottom: float = 1.0) -> Matte:
    """Draw a person that fills a box, in fractions of the frame."""
    matte = np.zeros(SHAPE, np.float32)
    height, width = SHAPE
    matte[round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 1.0
    return matte


def coordinates() -> Frame:
    """Draw a frame whose red and green give the position: 0 at the left and top border, 250 at the others."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.dstack([x * 250 // (SHAPE[1] - 1), y * 250 // (SHAPE[0] - 1), 0 * x]).astype(np.uint8)


def views(
    framing: AutoFraming, matte: Matte, seconds: float, fps: float = 30, start: float = 0
) -> list[View]:
    return [framing.follow(matte, start + n / fps) for n in range(round(seconds * fps))]


@pytest.mark.parametrize("fps", [5, 30, 120])
@pytest.mark.parametrize("goal", [0.51, 0.9, -3.0])
def test_filter_approaches_a_step_without_overshoot_and_within_its_speed(fps: float, goal: float) -> None:
    smooth = CriticallyDampedFilter(0.5, frequency=3.0, max_speed=0.3)
    values = np.array([0.5, *(smooth.step(goal, 1 / fps) for _ in range(round(20 * fps)))])
    steps = np.diff(values) * np.sign(goal - 0.5)
    assert (steps >= 0).all()
    assert (np.sign(goal - 0.5) * (goal - values) >= -1e-12).all()
    assert np.abs(np.diff(values)).max() <= 0.3 / fps + 1e-12
    assert values[-1] == pytest.approx(goal, abs=1e-3)


def test_filter_does_not_depend_on_the_frame_rate() -> None:
    slow, fast = (CriticallyDampedFilter(0.0, 3.0, 0.3) for _ in range(2))
    at_ten = [slow.step(0.1, 1 / 10) for _ in range(20)]
    at_fifty = [fast.step(0.1, 1 / 50) for _ in range(100)][4::5]
    assert at_ten == pytest.approx(at_fifty, abs=1e-9)


def test_filter_stops_at_a_goal_that_comes_nearer_while_it_moves() -> None:
    smooth = CriticallyDampedFilter(0.0, 3.0, 10.0)
    moving = [smooth.step(1.0, 1 / 30) for _ in range(10)]
    goal = moving[-1] + 0.01
    assert max(smooth.step(goal, 1 / 30) for _ in range(90)) <= goal


def test_view_holds_the_person_with_headroom() -> None:
    view = find_view(matte_of(0.6, 0.8, 0.4), SETTINGS)
    assert view is not None
    assert view.side == pytest.approx(0.6 / (1 - SETTINGS.headroom), abs=0.03)
    assert view.x - view.side / 2 < 0.6 < 0.8 < view.x + view.side / 2
    assert view.y - view.side / 2 + SETTINGS.headroom * view.side == pytest.approx(0.4, abs=0.02)


def test_raised_arm_moves_the_view_less_than_the_box() -> None:
    body = matte_of(0.4, 0.6, 0.3)
    arm = np.maximum(body, matte_of(0.6, 0.85, 0.5, 0.56))
    before, after = find_view(body, SETTINGS), find_view(arm, SETTINGS)
    assert before is not None
    assert after is not None
    assert abs(after.x - before.x) < 0.06
    assert after.x + after.side / 2 >= 0.84


@pytest.mark.parametrize("box", [(0.0, 0.2, 0.1), (0.8, 1.0, 0.5), (0.0, 1.0, 0.0), (0.45, 0.55, 0.9)])
def test_view_stays_inside_the_frame_at_every_moment(box: tuple[float, float, float]) -> None:
    framing = AutoFraming()
    for view in [*views(framing, matte_of(*box), 6), *views(framing, matte_of(0.4, 0.6, 0.2), 6, start=6)]:
        assert view.side <= 1
        assert min(view.x, view.y) - view.side / 2 >= -1e-9
        assert max(view.x, view.y) + view.side / 2 <= 1 + 1e-9


def test_view_moves_within_its_speed_and_arrives() -> None:
    framing = AutoFraming()
    path = views(framing, matte_of(0.1, 0.3, 0.4), 8)
    steps = [after.distance(before) for before, after in pairwise(path)]
    # Clamping at the border can add the change of the side's half.
    assert max(steps) <= 1.5 * SETTINGS.max_speed / 30 + 1e-9
    goal = find_view(matte_of(0.1, 0.3, 0.4), SETTINGS)
    assert goal is not None
    assert path[-1].distance(goal) < 0.01


def test_view_rests_while_the_person_sways_a_little() -> None:
    framing = AutoFraming()
    views(framing, matte_of(0.4, 0.6, 0.4), 8)
    rest = framing.view
    for number in range(90):
        sway = 0.01 * np.sin(number / 5)
        framing.follow(matte_of(0.4 + sway, 0.6 + sway, 0.4), 8 + number / 30)
    assert framing.view.distance(rest) < 0.002


def test_view_goes_back_to_the_whole_frame_after_the_person_has_gone() -> None:
    framing, empty = AutoFraming(), np.zeros(SHAPE, np.float32)
    views(framing, matte_of(0.4, 0.6, 0.4), 6)
    kept = views(framing, empty, SETTINGS.hold_seconds - 0.2, start=6)[-1]
    assert kept.side < 0.8
    assert views(framing, empty, 8, start=9)[-1].side == pytest.approx(1, abs=0.002)


def test_frame_and_matte_are_cut_in_the_same_place_and_never_past_the_border() -> None:
    framing = AutoFraming()
    matte = matte_of(0.0, 0.2, 0.5)
    frame = coordinates()
    matte_values = frame[..., 0].astype(np.float32) / 250
    views(framing, matte, 8)
    view = framing.view
    shown, shown_matte = framing.apply(frame, matte, 8.0)
    assert shown.shape == frame.shape
    assert shown_matte.shape == matte.shape
    # The position is written in the pixels: left of the view is 0, not something mirrored or black.
    assert shown[0, 0, 0] == pytest.approx(250 * (view.x - view.side / 2), abs=2)
    assert shown[0, -1, 0] == pytest.approx(250 * (view.x + view.side / 2), abs=2)
    assert shown[-1, 0, 1] == pytest.approx(250 * (view.y + view.side / 2), abs=2)
    cut_alike = framing.apply(frame, matte_values, 8.0)[1]
    assert np.abs(cut_alike * 250 - shown[..., 0]).max() < 2


def test_whole_frame_is_not_copied() -> None:
    frame, matte = coordinates(), matte_of(0.1, 0.9, 0.0)
    shown, shown_matte = AutoFraming().apply(frame, matte, 0.0)
    assert shown is frame
    assert shown_matte is matte


def test_reset_shows_the_next_frame_whole() -> None:
    framing = AutoFraming()
    views(framing, matte_of(0.4, 0.6, 0.4), 6)
    framing.reset()
    assert framing.follow(matte_of(0.4, 0.6, 0.4), 100.0) == View()


def test_long_gap_does_not_make_the_view_jump() -> None:
    framing = AutoFraming()
    framing.follow(matte_of(0.4, 0.6, 0.4), 0.0)
    assert framing.follow(matte_of(0.4, 0.6, 0.4), 60.0).distance(View()) <= SETTINGS.max_speed / 10 + 1e-9
