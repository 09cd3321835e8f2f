"""The crop around the person, followed through frames of a drawn person before a dark room."""

import numpy as np
import pytest

from livecam.core.errors import MatteError
from livecam.core.geometry import Crop, Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte
from livecam.matting.crop_tracker import CropSettings, CropTracker, choose_crop, find_person
from tests.support.fakes import PERSON, is_person

FRAME = Size(640, 360)
INPUT = Size(128, 72)


def frame_with(*people: Crop, size: Size = FRAME) -> Frame:
    """Draw green people before a dark room."""
    frame = np.full((size.height, size.width, 3), 60, np.uint8)
    for person in people:
        frame[person.slices] = PERSON
    return frame


def person_at(left: int, top: int = 160, width: int = 120) -> Crop:
    """Return the rectangle of a person who is cut by the bottom border."""
    return Crop(left, top, Size(width, FRAME.height - top))


class SmallModel:
    """A model with a small input that finds green people; it records the sizes of its frames."""

    def __init__(self) -> None:
        self.sizes: list[Size] = []

    def predict(self, frame: Frame) -> Matte:
        self.sizes.append(Size.of(frame))
        return np.clip(downscale_matte(is_person(frame), INPUT), 0.0, 1.0)


def place(coarse: Matte, crop: Crop, size: Size = FRAME) -> Matte:
    """Return a coarse matte at its place in the frame, nearest neighbor."""
    matte = np.zeros((size.height, size.width), np.float32)
    rows = (np.arange(crop.size.height) + 0.5) * coarse.shape[0] / crop.size.height
    columns = (np.arange(crop.size.width) + 0.5) * coarse.shape[1] / crop.size.width
    matte[crop.slices] = coarse[rows.astype(int)][:, columns.astype(int)]
    return matte


def lost(frame: Frame, coarse: Matte, crop: Crop) -> float:
    """Return the fraction of the people that is below 0.5 in a matte."""
    return float((place(coarse, crop)[is_person(frame) > 0] < 0.5).mean())


def test_the_crop_holds_the_person_with_a_margin() -> None:
    person = person_at(200)
    crop = choose_crop(person, FRAME, CropSettings())
    assert crop.left < person.left
    assert crop.top < person.top
    assert crop.right > person.right
    assert crop.bottom == FRAME.height
    assert crop.size.width * crop.size.height < 0.5 * FRAME.width * FRAME.height


@pytest.mark.parametrize("size", [FRAME, Size(640, 480), Size(360, 640), Size(333, 217), Size(40, 30)])
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("place_at", [0.0, 0.5, 1.0])
def test_a_crop_lies_in_the_frame_and_is_not_distorted_much(
    size: Size, share: float, place_at: float
) -> None:
    width, height = max(1, round(share * size.width)), max(1, round(share * share * size.height))
    left, top = round(place_at * (size.width - width)), round(place_at * (size.height - height))
    person = Crop(left, top, Size(width, height))
    crop = choose_crop(person, size, CropSettings())
    assert 0 <= crop.left <= person.left
    assert person.right <= crop.right <= size.width
    assert 0 <= crop.top <= person.top
    assert person.bottom <= crop.bottom <= size.height
    stretch = (crop.size.width / size.width) / (crop.size.height / size.height)
    assert 0.6 < stretch < 1.65


@pytest.mark.parametrize("size", [Size(640, 360), Size(640, 480), Size(1280, 720), Size(1920, 1080)])
def test_a_crop_can_be_halved_without_a_remainder(size: Size) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        left, top = int(rng.uniform(0, 0.6) * size.width), int(rng.uniform(0, 0.6) * size.height)
        person = Crop(left, top, Size(int(rng.uniform(0.1, 0.4) * size.width), size.height - top))
        crop = choose_crop(person, size, CropSettings())
        assert crop.size.width % 4 == 0
        assert crop.size.height % 4 == 0


def test_no_one_and_a_person_who_fills_the_frame_are_not_cropped() -> None:
    whole = Crop(0, 0, FRAME)
    assert choose_crop(None, FRAME, CropSettings()) == whole
    assert choose_crop(Crop(4, 4, Size(630, 356)), FRAME, CropSettings()) == whole


def test_a_person_is_found_in_a_coarse_matte() -> None:
    person = person_at(200)
    found = find_person(downscale_matte(is_person(frame_with(person)), INPUT), FRAME)
    assert found is not None
    assert abs(found.left - person.left) <= 5
    assert abs(found.right - person.right) <= 5
    assert find_person(np.zeros((72, 128), np.float32), FRAME) is None


def test_a_resting_person_costs_little_more_than_one_prediction_a_frame() -> None:
    tracker, model = CropTracker(), SmallModel()
    frame = frame_with(person_at(200))
    for number in range(60):
        coarse, crop = tracker.segment(frame, model.predict, number / 30)
        assert lost(frame, coarse, crop) == 0
    looks = model.sizes.count(FRAME)
    assert looks == 60 // CropSettings().look_frames
    assert len(model.sizes) == 60 + looks


def test_a_person_who_fills_the_frame_costs_one_prediction_a_frame() -> None:
    tracker, model = CropTracker(), SmallModel()
    frame = frame_with(Crop(2, 2, Size(636, 358)))
    for number in range(20):
        assert tracker.segment(frame, model.predict, number / 30)[1].size == FRAME
    assert model.sizes == [FRAME] * 20


def test_a_small_person_gets_finer_edges() -> None:
    frame, model = frame_with(Crop(303, 203, Size(47, 157))), SmallModel()
    truth = is_person(frame)
    coarse, crop = CropTracker().segment(frame, model.predict, 0.0)
    cropped = np.abs(place(coarse, crop) - truth).mean()
    assert cropped < 0.6 * np.abs(place(model.predict(frame), Crop.whole(frame)) - truth).mean()


@pytest.mark.parametrize("step", [10, 60, 250, -190])
def test_a_person_who_moves_is_whole_in_each_frame(step: int) -> None:
    tracker, model = CropTracker(), SmallModel()
    for number, left in enumerate((200, 200 + step, 200, 200 + step)):
        frame = frame_with(person_at(left))
        coarse, crop = tracker.segment(frame, model.predict, number / 30)
        assert lost(frame, coarse, crop) < 0.02


def test_a_hand_raised_beyond_the_crop_is_there_at_once() -> None:
    tracker, model = CropTracker(), SmallModel()
    person = person_at(200)
    tracker.segment(frame_with(person), model.predict, 0.0)
    # It grows out of the person, to the top of the frame.
    frame = frame_with(person, Crop(220, 0, Size(24, 200)))
    coarse, crop = tracker.segment(frame, model.predict, 1 / 30)
    assert lost(frame, coarse, crop) < 0.03


def test_a_hand_apart_from_the_person_is_there_at_once_where_it_moves() -> None:
    tracker, model = CropTracker(), SmallModel()
    person = person_at(200)
    for number in range(3):
        tracker.segment(frame_with(person), model.predict, number / 30)
    frame = frame_with(person, Crop(560, 200, Size(60, 160)))
    coarse, crop = tracker.segment(frame, model.predict, 0.1)
    assert lost(frame, coarse, crop) < 0.02


def test_what_comes_slowly_is_there_within_a_look() -> None:
    settings = CropSettings(moved_levels=255.0)  # nothing counts as motion
    tracker, model = CropTracker(settings), SmallModel()
    tracker.segment(frame_with(person_at(200)), model.predict, 0.0)
    frame = frame_with(person_at(200), Crop(560, 200, Size(60, 160)))
    fractions = [
        lost(frame, *tracker.segment(frame, model.predict, number / 30))
        for number in range(1, settings.look_frames + 1)
    ]
    assert fractions[0] > 0.1
    assert fractions[-1] < 0.02


def test_two_histories_agree_after_an_anchor() -> None:
    long, short, model = CropTracker(), CropTracker(), SmallModel()
    for number in range(100):
        person = person_at(100 + number)
        long.segment(frame_with(person), model.predict, number / 30)
        if number >= 90:
            short.segment(frame_with(person), model.predict, number / 30)
    agree = []
    for number in range(100, 140):
        frame = frame_with(person_at(200))
        first = long.segment(frame, model.predict, number / 30)
        second = short.segment(frame, model.predict, number / 30)
        agree.append(first[1] == second[1] and bool((first[0] == second[0]).all()))
    assert all(agree[20:])


def test_a_frame_of_another_size_begins_anew() -> None:
    tracker, model = CropTracker(), SmallModel()
    tracker.segment(frame_with(person_at(200)), model.predict, 0.0)
    small = Size(320, 180)
    coarse, crop = tracker.segment(frame_with(size=small), model.predict, 0.03)
    assert crop == Crop(0, 0, small)
    assert not coarse.any()


def test_the_frame_after_a_failed_prediction_is_complete() -> None:
    tracker, model = CropTracker(), SmallModel()

    def fail(frame: Frame) -> Matte:
        raise RuntimeError("no memory")

    tracker.segment(frame_with(person_at(200)), model.predict, 0.0)
    small = Size(320, 180)
    with pytest.raises(RuntimeError):
        tracker.segment(frame_with(size=small), fail, 0.03)
    frame = frame_with(Crop(240, 60, Size(60, 120)), size=small)
    coarse, crop = tracker.segment(frame, model.predict, 0.06)
    assert (place(coarse, crop, small)[is_person(frame) > 0] > 0.5).mean() > 0.98


@pytest.mark.parametrize("value", [np.nan, -0.5, 2.0])
def test_no_crop_is_chosen_by_what_is_no_matte(value: float) -> None:
    with pytest.raises(MatteError):
        CropTracker().segment(frame_with(), lambda frame: np.full((72, 128), value, np.float32), 0.0)
