import numpy as np
import pytest
from skimage.data import astronaut

from livecam.backgrounds.blur import BlurredBackground
from livecam.backgrounds.placeholder import placeholder_frame
from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte, check_frame
from livecam.imaging.ops import gaussian_blur

STRENGTHS = [1.0, 8.0, 25.0, 60.0, 100.0]


def oval(height: int, width: int, width_fraction: float = 0.45) -> Matte:
    down, across = np.mgrid[:height, :width]
    inside = (
        np.hypot(
            (across - width / 2) / (width_fraction * height),
            (down - 0.65 * height) / (1.3 * width_fraction * height),
        )
        < 1
    )
    return inside.astype(np.float32)


def painted(matte: Matte, person: tuple[int, int, int], room: tuple[int, int, int]) -> Frame:
    return np.where(matte[..., None] > 0, np.uint8(person), np.uint8(room))


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("width_fraction", [0.1, 0.45, 0.8])
def test_nothing_red_of_a_red_person_gets_into_a_green_room(strength: float, width_fraction: float) -> None:
    matte = oval(360, 640, width_fraction)
    blurred = BlurredBackground(strength).render(painted(matte, (255, 0, 0), (0, 160, 0)), matte)
    assert int(blurred[..., 0].max()) <= 2
    assert int(np.abs(blurred[..., 1].astype(int) - 160).max()) <= 2


def test_nothing_of_the_person_comes_through_a_soft_edge() -> None:
    matte = np.clip((0.45 - np.abs(np.linspace(-1, 1, 640))) * 8 + 0.5, 0, 1).astype(np.float32)
    matte = np.tile(matte, (360, 1))
    room, person = np.float32([0, 160, 0]), np.float32([255, 0, 0])
    frame = (room + (person - room) * matte[..., None] + 0.5).astype(np.uint8)
    assert int(BlurredBackground().render(frame, matte)[..., 0].max()) <= 6


@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("size", [Size(16, 16), Size(1, 1), Size(17, 300), Size(641, 361), Size(320, 240)])
def test_a_plain_room_stays_as_it_is(strength: float, size: Size) -> None:
    frame = np.full((size.height, size.width, 3), (200, 120, 40), np.uint8)
    blurred = check_frame(BlurredBackground(strength).render(frame, np.zeros(frame.shape[:2], np.float32)))
    assert blurred.shape == frame.shape
    assert int(np.abs(blurred.astype(int) - frame).max()) <= 1
    assert not blurred.flags.writeable


@pytest.mark.parametrize("value", [1.0, 0.5])
def test_without_any_background_the_tone_is_neutral(value: float) -> None:
    frame = np.full((90, 160, 3), (255, 0, 0), np.uint8)
    blurred = BlurredBackground().render(frame, np.full((90, 160), value, np.float32))
    assert int(np.ptp(blurred[0, 0])) < 20
    assert (blurred == blurred[0, 0]).all()


@pytest.mark.parametrize("soft", [0.0, 0.05, 0.5])
def test_letters_in_the_room_cannot_be_read(soft: float) -> None:
    down, across = np.mgrid[:360, :640]
    frame = np.dstack([((down // 7 + across // 9) % 2 * 255).astype(np.uint8)] * 3)
    matte = np.maximum(oval(360, 640), np.float32(soft))
    assert float(BlurredBackground().render(frame, matte).std()) < 0.04 * float(frame.std())


def test_an_empty_room_is_blurred_as_by_a_lens() -> None:
    frame = np.ascontiguousarray(astronaut()[:360])
    flat = gaussian_blur(frame, 10.0)
    blurred = BlurredBackground(20).render(frame, np.zeros(frame.shape[:2], np.float32))
    assert float(np.abs(blurred.astype(int) - flat).mean()) < 2.0


def test_each_side_of_the_room_keeps_its_own_tone() -> None:
    matte = oval(360, 640, 0.3)
    frame = painted(matte, (0, 0, 0), (220, 60, 60))
    frame[:, 320:] = painted(matte, (0, 0, 0), (60, 60, 220))[:, 320:]
    blurred = BlurredBackground(10).render(frame, matte)
    assert int(np.abs(blurred[:, :40].astype(int) - (220, 60, 60)).max()) < 8
    assert int(np.abs(blurred[:, -40:].astype(int) - (60, 60, 220)).max()) < 8


def test_more_strength_leaves_less() -> None:
    frame = np.ascontiguousarray(astronaut()[:288])
    steps = [
        np.abs(np.diff(BlurredBackground(s).render(frame, oval(288, 512)).astype(int), axis=1)).mean()
        for s in (4, 12, 40)
    ]
    assert steps[0] > 1.5 * steps[1] > 2.0 * steps[2]


def test_strength_means_the_same_at_every_resolution() -> None:
    small = np.ascontiguousarray(astronaut()[:288])
    large = small.repeat(2, axis=0).repeat(2, axis=1)
    few, many = (
        BlurredBackground(30).render(small, oval(288, 512)),
        BlurredBackground(30).render(large, oval(576, 1024)),
    )
    assert float(np.abs(many[::2, ::2].astype(int) - few).mean()) < 3.0


def test_a_trembling_matte_does_not_make_the_room_flicker() -> None:
    frame = np.ascontiguousarray(astronaut()[:288])
    smooth, dice = oval(288, 512), np.random.default_rng(9)
    still = BlurredBackground().render(frame, smooth).astype(int)
    for _ in range(5):
        trembling = np.roll(smooth, int(dice.integers(-1, 2)), axis=1)
        trembling = np.clip(trembling + dice.normal(0, 0.01, smooth.shape), 0, 1).astype(np.float32)
        changed = np.abs(BlurredBackground().render(frame, trembling) - still)
        assert float(changed[smooth == 0].mean()) < 1.5


def test_neither_frame_nor_matte_is_written_to() -> None:
    frame, matte = np.ascontiguousarray(astronaut()), oval(512, 512)
    frame.setflags(write=False)
    matte.setflags(write=False)
    BlurredBackground(1).render(frame, matte)


def test_alone_it_shows_the_card() -> None:
    assert BlurredBackground().render_standalone(Size(160, 90)) is placeholder_frame(Size(160, 90))


@pytest.mark.parametrize("strength", [0.0, 0.99, 100.5, -3.0, float("nan"), float("inf")])
def test_a_strength_beyond_the_range_is_refused(strength: float) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        BlurredBackground(strength)
