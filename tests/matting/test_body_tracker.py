"""Drawn scenes: what comes out of the body stays, what comes out from behind it does not."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from livecam.core.types import Frame
from livecam.imaging.masks import Mask
from livecam.matting.body_tracker import BodyTracker

HEIGHT, WIDTH = 144, 256
RATE = 15.0


def weave(color: tuple[int, int, int], seed: int) -> Frame:
    """Draw a texture of the size of the masks."""
    coarse = np.random.default_rng(seed).integers(-40, 40, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) + color, 0, 255).astype(
        np.uint8
    )


ROOM, CLOTHES, OTHER, HAND = (
    weave(color, seed)
    for seed, color in enumerate(((150, 150, 140), (60, 70, 120), (150, 60, 50), (210, 160, 140)))
)


def ellipse(x: float, y: float, width: int, height: int) -> Mask:
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(drawn, (round(x), round(y)), (width, height), 0, 0, 360, 1, -1)
    return drawn.astype(np.bool_)


BODY = ellipse(128, 120, 36, 80)


def moving(layer: Frame, x: float) -> Frame:
    """Return the layer moved to the right by `x` pixels, as the clothes of who moves."""
    return np.roll(layer, round(x), axis=1)


def scenes(
    speed: float, *, is_behind: bool, layer: Frame, still: int = 6
) -> Iterator[tuple[Mask, Mask, Frame]]:
    """Yield the whole mask, the part that moves, and the frame, while the part moves to the right.

    The part is behind the body, or in front of it as a hand is; it is in the middle for `still` frames.
    """
    for number in range(still + round(70 / speed)):
        x = speed * max(0, number - still)
        part = ellipse(128 + x, 100, 20, 24)
        if is_behind:
            part &= ~BODY
        frame = np.where(BODY[..., None], CLOTHES, ROOM)
        frame = np.where(part[..., None], moving(layer, x), frame)
        noise = np.random.default_rng(number).normal(0, 1.5, frame.shape)
        yield BODY | part, part, np.clip(frame + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("speed", [1.0, 3.0, 7.0])
def test_who_comes_out_from_behind_is_not_shown(speed: float) -> None:
    tracker = BodyTracker()
    was_visible = 0.0
    for number, (person, other, frame) in enumerate(scenes(speed, is_behind=True, layer=OTHER)):
        kept = tracker.apply(person, frame, number / RATE)
        # The outline has a slack of three pixels; at the height of the part they are 0.4 % of the image.
        assert (kept & other).mean() < 0.006, number
        assert kept[BODY].all(), number
        was_visible = max(was_visible, float(other.mean()))
    assert was_visible > 0.03


@pytest.mark.parametrize(("speed", "layer"), [(1.0, HAND), (1.0, CLOTHES)])
def test_what_was_in_front_of_the_body_stays_when_it_moves_out(speed: float, layer: Frame) -> None:
    tracker = BodyTracker()
    for number, (person, _, frame) in enumerate(scenes(speed, is_behind=False, layer=layer)):
        assert (tracker.apply(person, frame, number / RATE) == person).all(), number


def test_what_continues_the_colors_of_the_body_stays_without_any_texture() -> None:
    tracker, bare = BodyTracker(), np.full_like(ROOM, (90, 120, 60))
    for number in range(60):
        person = BODY | ellipse(128 + min(number, 20), 120, 36, 24)
        frame = np.where(person[..., None], bare, ROOM).astype(np.uint8)
        assert (tracker.apply(person, frame, number / RATE) == person).all(), number


def test_other_who_stays_beside_the_body_is_never_taken_for_it() -> None:
    tracker = BodyTracker()
    beginning = list(scenes(3.0, is_behind=True, layer=OTHER))[:19]
    for number, (person, _, frame) in enumerate(beginning):
        tracker.apply(person, frame, number / RATE)
    person, other, frame = beginning[-1]
    for later in range(90):
        noise = np.random.default_rng(later).normal(0, 1.5, frame.shape)
        shown = np.clip(frame + noise, 0, 255).astype(np.uint8)
        kept = tracker.apply(person, shown, (number + later) / RATE)
        assert (kept & other).mean() < 0.006, later


def test_result_is_never_larger_and_reset_takes_the_whole_mask() -> None:
    tracker = BodyTracker()
    for number, (person, _, frame) in enumerate(scenes(5.0, is_behind=True, layer=OTHER)):
        kept = tracker.apply(person, frame, number / RATE)
        assert not (kept & ~person).any()
    assert (kept != person).any()
    tracker.reset()
    assert (tracker.apply(person, frame, 99.0) == person).all()
