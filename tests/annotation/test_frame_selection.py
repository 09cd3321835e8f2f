import numpy as np
import pytest

from livecam.annotation.frame_selection import SignatureBuffer, compute_signature, select_frames
from livecam.annotation.media import IndexedFrame
from livecam.core.types import Frame
from livecam.imaging.ops import gaussian_blur
from tests.support.fakes import SIZE


def draw_room(scene: int, noise: int = 0) -> Frame:
    """Return the image of one of several rooms with sensor noise."""
    random = np.random.default_rng(scene)
    image = np.kron(random.integers(0, 230, (8, 12, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return image + np.random.default_rng(noise).integers(0, 3, image.shape).astype(np.uint8)


def select(frames: list[Frame], max_count: int = 24, required: tuple[int, ...] = ()) -> list[int]:
    buffer = SignatureBuffer(required)
    for number, frame in enumerate(frames):
        buffer.add(IndexedFrame(number, number / 25, frame))
    return buffer.select_frames(max_count)


def test_each_scene_is_selected_once() -> None:
    frames = [draw_room(scene, noise) for scene in (1, 2, 3) for noise in range(12)]
    selected = select(frames)
    assert sorted(number // 12 for number in selected) == [0, 1, 2]


def test_select_frames_takes_the_most_different() -> None:
    dark, light = np.zeros((SIZE.height, SIZE.width, 3), np.uint8), draw_room(4) // 2 + 128
    selected = select([draw_room(1), draw_room(1, 1) // 8 * 8, dark, light], max_count=3)
    assert len(selected) == 3
    assert 2 in selected or 3 in selected


def test_sharp_frame_of_a_scene_is_selected() -> None:
    frames = [frame for scene in range(4) for frame in (gaussian_blur(draw_room(scene), 2), draw_room(scene))]
    selected = select(frames, max_count=4)
    assert selected == [1, 3, 5, 7]


def test_blurred_frame_is_selected_if_it_differs() -> None:
    frames = [draw_room(1), draw_room(1, 1), draw_room(1, 2), gaussian_blur(draw_room(2), 4)]
    assert 3 in select(frames)


def test_first_selected_frame_is_near_the_start() -> None:
    frames = [draw_room(scene) for scene in range(40)]
    assert select(frames, max_count=1)[0] < 8


def test_required_frames_are_selected() -> None:
    frames = [draw_room(1, noise) for noise in range(20)]
    assert {7, 9} <= set(select(frames, required=(7, 9)))


def test_long_clip_needs_bounded_memory() -> None:
    buffer = SignatureBuffer(required=(3,), capacity=16)
    for number in range(1000):
        buffer.add(IndexedFrame(number, 0.0, draw_room(number % 50)))
        assert len(buffer._optional_signatures) <= 32
    assert buffer.count == 1000
    selected = buffer.select_frames(12)
    assert 3 in selected
    assert max(selected) > 800


def test_no_signatures_select_no_frames() -> None:
    assert select_frames([], 5) == []


def test_blur_lowers_sharpness() -> None:
    sharp, soft = (
        compute_signature(IndexedFrame(0, 0.0, f)).sharpness
        for f in (draw_room(1), gaussian_blur(draw_room(1), 2))
    )
    assert sharp > 4 * soft


def test_one_pixel_frame_has_a_signature() -> None:
    assert compute_signature(IndexedFrame(0, 0.0, np.zeros((1, 1, 3), np.uint8))).sharpness == pytest.approx(
        0
    )
