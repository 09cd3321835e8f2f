import numpy as np
import pytest

from livecam.annotation.frame_selection import SignatureBuffer, compute_signature, select_frames
from livecam.annotation.media import IndexedFrame
from livecam.core.types import Frame
from livecam.imaging.ops import gaussian_blur
from tests.support.fakes import SIZE


def view(scene: int, noise: int = 0) -> Frame:
    """One of several rooms, with the noise of a sensor."""
    random = np.random.default_rng(scene)
    picture = np.kron(random.integers(0, 230, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return picture + np.random.default_rng(noise).integers(0, 3, picture.shape).astype(np.uint8)


def look(frames: list[Frame], most: int = 24, wanted: tuple[int, ...] = ()) -> list[int]:
    glances = SignatureBuffer(wanted)
    for number, frame in enumerate(frames):
        glances.add(IndexedFrame(number, number / 25, frame))
    return glances.select_frames(most)


def test_each_scene_is_chosen_once_however_long_it_lasts() -> None:
    frames = [view(scene, noise) for scene in (1, 2, 3) for noise in range(12)]
    chosen = look(frames)
    assert sorted(number // 12 for number in chosen) == [0, 1, 2]


def test_no_more_than_asked_for_and_those_that_differ_most() -> None:
    dark, light = np.zeros((SIZE.height, SIZE.width, 3), np.uint8), view(4) // 2 + 128
    chosen = look([view(1), view(1, 1) // 8 * 8, dark, light], most=3)
    assert len(chosen) == 3
    assert 2 in chosen or 3 in chosen


def test_of_a_scene_the_sharp_frame_is_chosen() -> None:
    frames = [frame for scene in range(4) for frame in (gaussian_blur(view(scene), 2), view(scene))]
    chosen = look(frames, most=4)
    assert chosen == [1, 3, 5, 7]


def test_blurred_frames_are_better_than_none() -> None:
    frames = [view(1), view(1, 1), view(1, 2), gaussian_blur(view(2), 4)]
    assert 3 in look(frames)


def test_the_first_is_near_the_beginning() -> None:
    frames = [view(scene) for scene in range(40)]
    assert look(frames, most=1)[0] < 8


def test_wanted_frames_are_chosen_beside_the_others() -> None:
    frames = [view(1, noise) for noise in range(20)]
    assert {7, 9} <= set(look(frames, wanted=(7, 9)))


def test_a_long_clip_is_remembered_in_bounded_memory() -> None:
    glances = SignatureBuffer(required=(3,), capacity=16)
    for number in range(1000):
        glances.add(IndexedFrame(number, 0.0, view(number % 50)))
        assert len(glances._optional_signatures) <= 32
    assert glances.count == 1000
    chosen = glances.select_frames(12)
    assert 3 in chosen
    assert max(chosen) > 800


def test_nothing_gives_nothing() -> None:
    assert select_frames([], 5) == []


def test_blur_lowers_sharpness() -> None:
    sharp, soft = (
        compute_signature(IndexedFrame(0, 0.0, f)).sharpness for f in (view(1), gaussian_blur(view(1), 2))
    )
    assert sharp > 4 * soft


def test_a_tiny_frame_can_be_looked_at() -> None:
    assert compute_signature(IndexedFrame(0, 0.0, np.zeros((1, 1, 3), np.uint8))).sharpness == pytest.approx(
        0
    )
