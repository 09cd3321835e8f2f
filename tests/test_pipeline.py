import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from livecam.backgrounds.static import TransparentBackground
from livecam.core.clock import ManualClock
from livecam.core.config import PictureSettings
from livecam.core.errors import FrameError, MatteError, UsageError
from livecam.core.geometry import Crop, FramingMode, Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte
from livecam.matting.crop_tracker import CropSettings, CropTracker
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.pipeline import Pipeline
from tests.support.fakes import (
    PERSON,
    SIZE,
    ColorBackground,
    FakeSegmenter,
    IdentityTemporalFilter,
    IdentityUpsampler,
    is_person,
    secret_frame,
    shows_secret,
)
from tests.support.long_clip import noisy_frame
from tests.support.real_people import real_walk
from tests.support.tiny_model import write_model


def make(background: Any = None, temporal_filter: Any = None, **settings: Any) -> Pipeline:
    return Pipeline(
        FakeSegmenter(),
        temporal_filter or IdentityTemporalFilter(),
        IdentityUpsampler(),
        background or ColorBackground(),
        **settings,
    )


def test_the_subject_keeps_its_bytes_and_the_room_becomes_the_background() -> None:
    frame = secret_frame()
    shown, person = make().replace(frame), is_person(frame) == 1
    assert (shown[person] == PERSON).all()
    assert (shown[~person] == ColorBackground().color).all()


COUNT_FAULTS = """
import resource
import numpy as np
from livecam.matting.guided_filter import GuidedFilterSettings, GuidedFilterUpsampler
from livecam.pipeline import Pipeline

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

pipeline = Pipeline.load(threads=1)
frames = [np.random.default_rng(seed).integers(0, 255, (360, 640, 3), np.uint8) for seed in range(4)]
for frame in frames * 2:
    pipeline.matte(frame)
before = faults()
for frame in frames * 4:
    pipeline.matte(frame)
print((faults() - before) / 16)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts as Linux does")
def test_a_matte_asks_the_system_for_no_memory_that_was_there_a_frame_ago() -> None:
    # In a process of its own, as memory that tests have freed would hide it.
    counted = subprocess.run(
        [sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True, timeout=120
    )

    # One small matte has 40 pages; fresh ones at every stage were over 300 a frame.
    assert float(counted.stdout) < 36


def test_the_matte_belongs_to_its_own_frame() -> None:
    pipeline = make()
    for number in range(5):
        frame = secret_frame(number)
        assert (pipeline.matte(frame) == is_person(frame)).all()


def test_faint_islands_and_faint_holes_are_gone_before_the_matte_is_smoothed() -> None:
    pipeline, frame = make(), secret_frame()
    person = is_person(frame)
    inside = np.argwhere(cv2.erode(person, np.ones((7, 7))) == 1)
    top, left = inside[len(inside) // 2]
    unsure = np.array((1, 2, 3), np.uint8)
    frame[top, left] = frame[0, 0] = unsure

    def predict(frame: Frame) -> Matte:
        return np.where((frame == unsure).all(axis=2), np.float32(0.6), is_person(frame))

    pipeline.segmenter.predict = predict  # type: ignore[method-assign]
    assert (pipeline.matte(frame) == person).all()


def test_a_small_person_is_segmented_in_a_crop_and_a_cut_looks_at_the_whole_again() -> None:
    sizes: list[Size] = []
    pipeline = make()
    pipeline._crop_tracker = CropTracker(CropSettings(min_width=0))

    def predict(frame: Frame) -> Matte:
        sizes.append(Size.of(frame))
        return is_person(frame)

    pipeline.segmenter.predict = predict  # type: ignore[method-assign]
    for number in range(3):
        frame = secret_frame(number)
        assert (pipeline.matte(frame, number / 30) == is_person(frame)).all()
    assert sizes[0] == SIZE
    assert sizes[1].width < SIZE.width
    # After a pause longer than a stall, and after `reset`, the place of the person is unknown.
    for begin in (lambda: pipeline.matte(frame, 9.0), lambda: (pipeline.reset(), pipeline.matte(frame, 9.1))):
        sizes.clear()
        begin()
        assert sizes[0] == SIZE


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "frame",
        np.zeros((64, 96), np.uint8),
        np.zeros((64, 96, 4), np.uint8),
        np.zeros((64, 96, 3), np.float32),
        np.zeros((0, 96, 3), np.uint8),
    ],
)
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    with pytest.raises(FrameError):
        make().replace(frame)


@pytest.mark.parametrize("stage", ["segmenter.predict", "temporal_filter.apply", "upsampler.upsample"])
@pytest.mark.parametrize("bad", [None, np.nan, 2.0, -0.5])
def test_nonsense_from_a_stage_raises_instead_of_giving_a_frame(stage: str, bad: float | None) -> None:
    pipeline = make()
    name, verb = stage.split(".")
    value = None if bad is None else np.full(SIZE[::-1], bad, np.float32)
    setattr(getattr(pipeline, name), verb, lambda *_: value)
    with pytest.raises((MatteError, AttributeError)):
        pipeline.replace(secret_frame())


def test_a_transparent_background_gives_cutouts_without_the_room() -> None:
    pipeline, frame = make(TransparentBackground()), secret_frame()
    cutout = pipeline.replace(frame)
    assert pipeline.transparent
    assert cutout.shape == (*frame.shape[:2], 4)
    assert (cutout[..., 3] == 255 * is_person(frame)).all()
    assert not shows_secret(cutout)
    assert not cutout[cutout[..., 3] == 0].any()
    assert not pipeline.render_standalone(Size(40, 30)).any()
    assert pipeline.render_standalone(Size(40, 30)).shape == (30, 40, 4)


def test_memory_is_reset_by_a_cut_a_stall_and_on_demand() -> None:
    clock, identity_filter = ManualClock(), IdentityTemporalFilter()
    pipeline = make(temporal_filter=identity_filter, clock=clock)
    for _ in range(5):
        pipeline.matte(secret_frame())
        clock.sleep(1 / 30)
    assert identity_filter.resets == 0
    clock.sleep(2)
    pipeline.matte(secret_frame())
    assert identity_filter.resets == 1
    clock.sleep(1 / 30)
    pipeline.matte(255 - secret_frame())
    assert identity_filter.resets == 2
    pipeline.reset()
    assert identity_filter.resets == 3


def test_matte_with_timestamps_ignores_the_clock() -> None:
    clock, temporal_filter = ManualClock(), IdentityTemporalFilter()
    pipeline = make(temporal_filter=temporal_filter, clock=clock)
    for number in range(5):
        clock.sleep(60.0)  # an offline program may need a minute per frame
        pipeline.matte(secret_frame(), number / 30)
        pipeline.replace(secret_frame(), number / 30 + 1 / 60)
    assert temporal_filter.resets == 0
    pipeline.matte(secret_frame(), 2.0)
    assert temporal_filter.resets == 1


class FailingOnce:
    """Segments the green person, but in one frame finds no person."""

    def __init__(self, bad_frame: int) -> None:
        self._countdown = bad_frame

    def predict(self, frame: Frame) -> Matte:
        self._countdown -= 1
        person = is_person(frame)
        return np.zeros_like(person) if self._countdown == 0 else person


@pytest.mark.parametrize("only_me", [False, True])
def test_a_matte_that_is_wrong_for_one_frame_is_not_shown_where_nothing_moves(only_me: bool) -> None:
    frame = secret_frame()
    pipeline = make(temporal_filter=AdaptiveTemporalFilter(), picture=PictureSettings(only_me=only_me))
    pipeline.segmenter = FailingOnce(10)
    person = is_person(frame) == 1
    lowest = min(pipeline.matte(frame, number / 30)[person].min() for number in range(12))
    # With only_me another person must vanish at once, so a wrong matte is not held back.
    assert lowest == 0 if only_me else lowest > 0.8


def test_a_person_who_goes_is_gone_at_once_because_colors_change() -> None:
    frame = secret_frame()
    pipeline = make(temporal_filter=AdaptiveTemporalFilter())
    for number in range(8):
        pipeline.matte(frame, number / 30)
    empty = frame.copy()
    empty[is_person(frame) == 1] = frame[0, 0]
    assert pipeline.matte(empty, 8 / 30).max() < 0.1


def test_replace_passes_the_timestamp_to_the_background() -> None:
    class Timed(ColorBackground):
        def render(self, frame: Frame, matte: Matte, timestamp: float | None = None) -> Frame | None:
            times.append(timestamp)
            return super().render(frame, matte)

    times: list[float | None] = []
    pipeline = make(Timed())
    pipeline.replace(secret_frame(), 1.5)
    pipeline.replace(secret_frame())
    assert times == [1.5, None]


def test_a_switched_background_is_shown_from_the_next_frame_on() -> None:
    pipeline = make()
    pipeline.set_background(ColorBackground((1, 2, 3)))
    assert (pipeline.replace(secret_frame())[0, 0] == (1, 2, 3)).all()


def frames_on(pipeline: Pipeline, seconds: float, start: float = 0.0) -> list[Frame]:
    """Replace secret frames of a clip that shows one place."""
    return [pipeline.replace(secret_frame(), start + n / 30) for n in range(round(30 * seconds))]


def test_other_settings_are_used_from_the_next_frame_on() -> None:
    pipeline = make()
    whole = frames_on(pipeline, 4)
    assert (whole[-1] == whole[0]).all()
    pipeline.set_picture(PictureSettings(frame=FramingMode.AUTO))
    followed = frames_on(pipeline, 6, start=4)
    assert is_shown_larger(followed[-1], whole[-1])
    assert not any(shows_secret(frame) for frame in followed)
    pipeline.set_picture(PictureSettings())
    assert (frames_on(pipeline, 0.1, start=10)[0] == whole[0]).all()


def is_shown_larger(frame: Frame, other: Frame) -> bool:
    return bool(is_person(frame).sum() > 1.2 * is_person(other).sum())


def test_matte_is_that_of_the_whole_frame_while_framing() -> None:
    pipeline = make(picture=PictureSettings(frame=FramingMode.AUTO))
    frames_on(pipeline, 6)
    assert (pipeline.matte(secret_frame(), 6.0) == is_person(secret_frame())).all()


def test_reset_shows_the_whole_frame_again() -> None:
    pipeline = make(picture=PictureSettings(frame=FramingMode.AUTO))
    first, *_, last = frames_on(pipeline, 6)
    assert is_shown_larger(last, first)
    pipeline.reset()
    assert (pipeline.replace(secret_frame(), 7.0) == first).all()


def test_cutouts_are_framed_too() -> None:
    pipeline = make(TransparentBackground(), picture=PictureSettings(frame=FramingMode.AUTO))
    cutouts = frames_on(pipeline, 6)
    assert cutouts[-1][..., 3].sum() > 1.2 * cutouts[0][..., 3].sum()
    assert not any(shows_secret(cutout) for cutout in cutouts)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_color_match_changes_the_person_and_not_the_background(strength: float) -> None:
    pipeline = make(picture=PictureSettings(color_match=strength))
    frame = secret_frame()
    shown, person = pipeline.replace(frame), is_person(frame) == 1
    assert (shown[~person] == ColorBackground().color).all()
    assert (shown[person] == PERSON).all() == (strength == 0)


def test_color_match_starts_again_after_it_was_off() -> None:
    pipeline = make(picture=PictureSettings(color_match=1.0))
    first = pipeline.replace(secret_frame(), 0.0)
    pipeline.set_picture(PictureSettings())
    pipeline.replace(secret_frame(), 0.1)
    pipeline.set_background(ColorBackground((250, 250, 0)))
    pipeline.set_picture(PictureSettings(color_match=1.0))
    other = make(ColorBackground((250, 250, 0)), picture=PictureSettings(color_match=1.0))
    shown = pipeline.replace(secret_frame(), 0.2)
    assert (shown == other.replace(secret_frame(), 0.2)).all()
    assert (shown != first).any()


def test_low_light_brightens_what_the_network_sees_and_what_is_shown() -> None:
    seen: list[Frame] = []

    dark = np.asarray(secret_frame() // 5, np.uint8)
    whole = np.ones(dark.shape[:2], np.float32)
    pipeline = make(picture=PictureSettings(low_light=True))
    pipeline.segmenter.predict = lambda frame: (seen.append(frame), whole)[1]  # type: ignore[method-assign]
    shown = pipeline.replace(dark, 0.0)
    assert seen[0].mean() > 1.5 * dark.mean()
    assert shown.mean() > 1.5 * dark.mean()
    pipeline.set_picture(PictureSettings())
    assert (pipeline.replace(dark, 0.1) == dark).all()
    assert seen[1] is dark


def test_bright_frames_keep_their_bytes_with_low_light() -> None:
    frame, lit = secret_frame(), make(picture=PictureSettings(low_light=True))
    assert (lit.replace(frame) == make().replace(frame)).all()


def test_only_me_removes_a_real_person_who_walks_through_behind() -> None:
    pipeline = Pipeline.load("person", "#000000", only_me=True, clock=ManualClock(), threads=1)
    together = Pipeline.load("person", "#000000", clock=ManualClock(), threads=1)
    count, most = 44, 0.0
    for number in range(count):
        scene = real_walk(number, count)
        person, other = scene.person > 0.8, scene.other > 0.8
        kept = pipeline.matte(scene.frame, number / 15) > 0.5
        everyone = together.matte(scene.frame, number / 15) > 0.5
        assert (kept & other).mean() < 0.003, number
        assert kept[person].mean() > everyone[person].mean() - 0.08, number
        most = max(most, float((everyone & other).mean()))
    assert most > 0.05
    pipeline.set_picture(PictureSettings())
    # In the middle of the walk the model sees all of the other person.
    scene = real_walk(count // 2, count)
    assert (pipeline.matte(scene.frame, 4.0) > 0.5)[scene.other > 0.8].mean() > 0.8


def test_only_me_chooses_again_after_it_was_off() -> None:
    pipeline = make(picture=PictureSettings(only_me=True))
    frame = secret_frame()
    first = pipeline.replace(frame, 0.0)
    assert (first[is_person(frame) == 1] == PERSON).all()
    pipeline.set_picture(PictureSettings())
    pipeline.replace(frame, 0.1)
    moved = secret_frame()
    moved[:] = moved[:, :4].repeat(SIZE.width // 4, axis=1)
    moved[20:, 4:20] = PERSON
    pipeline.set_picture(PictureSettings(only_me=True))
    assert (pipeline.replace(moved, 0.2)[is_person(moved) == 1] == PERSON).all()


def test_edge_of_given_stages_stays_until_it_is_changed() -> None:
    upsampler = GuidedFilterUpsampler(GuidedFilterSettings(edge_offset=3.0))
    pipeline = Pipeline(FakeSegmenter(), IdentityTemporalFilter(), upsampler, ColorBackground())
    kept = pipeline.matte(secret_frame(), 0.0).sum()
    assert upsampler.settings.edge_offset == 3.0
    pipeline.set_picture(PictureSettings(edge=-5.0))
    assert pipeline.matte(secret_frame(), 0.1).sum() < kept


def test_alone_falls_back_to_a_card_when_the_background_fails() -> None:
    failing = ColorBackground()
    failing.render_standalone = lambda size: None  # type: ignore[method-assign, assignment, return-value]
    assert make(failing).render_standalone(Size(64, 48)).shape == (48, 64, 3)


def test_a_background_is_let_go_by_the_one_who_uses_it_once_another_is_shown() -> None:
    first, second = ColorBackground(), ColorBackground()
    pipeline = make(first)
    pipeline.set_background(second)
    assert first.closed == 0
    pipeline.replace(secret_frame())
    assert (first.closed, second.closed) == (1, 0)
    pipeline.close()
    pipeline.close()
    assert (first.closed, second.closed) == (1, 1)


def test_a_view_of_other_pixels_is_as_good_as_a_copy() -> None:
    turned = secret_frame()[:, ::-1]
    assert not turned.flags.c_contiguous
    assert (make().replace(turned) == make().replace(np.ascontiguousarray(turned))).all()


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_light_beyond_all_bounds_is_refused(strength: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        Pipeline(
            FakeSegmenter(),
            IdentityTemporalFilter(),
            IdentityUpsampler(),
            ColorBackground(),
            light_wrap=strength,
        )


def test_the_real_stages_take_any_view_and_any_size(tmp_path: Path) -> None:
    pipeline = Pipeline.load(
        str(write_model(tmp_path)), "teal", edge=-2.0, light_wrap=0.3, clock=ManualClock()
    )
    for size in (Size(320, 240), Size(321, 181), Size(40, 30)):
        frame = secret_frame(size=size)
        shown = pipeline.replace(frame[..., ::-1][..., ::-1])
        assert shown.shape == frame.shape
        assert not shows_secret(shown[:, : size.width // 6])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"color_match": 0.8},
        {"low_light": True},
        {"only_me": True},
        {"frame": FramingMode.AUTO},
    ],
    ids=str,
)
def test_pipeline_goes_on_from_the_memory_of_another(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = str(write_model(tmp_path))
    first, second = (Pipeline.load(model, "dusk", **settings) for _ in range(2))
    frames = [noisy_frame(number) // 2 for number in range(30)]
    for number, frame in enumerate(frames[:20]):
        first.replace(frame, number / 30)
    second.replace(frames[3], 0.0)
    second.memory = pickle.loads(pickle.dumps(first.memory))
    assert second.memory_digest() == first.memory_digest() == first.memory.digest()
    for number, frame in enumerate(frames[20:], start=20):
        expected = first.replace(frame, number / 30)
        assert np.array_equal(second.replace(frame, number / 30), expected)
        assert second.memory_digest() == first.memory_digest()


def test_memory_is_a_copy(tmp_path: Path) -> None:
    pipeline = Pipeline.load(str(write_model(tmp_path)), "dusk")
    pipeline.replace(noisy_frame(0), 0.0)
    memory = pipeline.memory
    before = memory.digest()
    pipeline.replace(noisy_frame(1), 0.1)
    assert memory.digest() == before != pipeline.memory_digest()
    pipeline.memory = memory
    pipeline.replace(noisy_frame(2), 0.2)
    assert memory.digest() == before


def test_memory_holds_the_crop() -> None:
    pipeline, other = make(), make()
    for each in (pipeline, other):
        each.matte(secret_frame(0), 0.0)
    assert other.memory_digest() == pipeline.memory_digest()
    other.crop = Crop(0, 0, Size(48, 32))
    assert other.memory_digest() != pipeline.memory_digest()
    other.memory = pipeline.memory
    assert other.crop == pipeline.crop
    other._crop_tracker.reset()
    assert other.memory_digest() != pipeline.memory_digest()


@pytest.mark.parametrize("settings", [{}, {"low_light": True}, {"only_me": True}], ids=str)
def test_remembered_frames_have_the_memory_of_replaced_ones(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = str(write_model(tmp_path))
    replaced, remembered = (Pipeline.load(model, "dusk", **settings) for _ in range(2))
    for number in range(12):
        frame = noisy_frame(number) // 2
        replaced.replace(frame, number / 30)
        remembered.remember(frame, number / 30)
        assert remembered.memory_digest() == replaced.memory_digest()
    assert "upsample" not in remembered.timer.samples
    with pytest.raises(FrameError):
        remembered.remember(np.zeros((4, 4), np.uint8))


def test_a_pipeline_that_takes_over_keeps_the_chosen_person() -> None:
    class SmallSegmenter:
        def predict(self, frame: Frame) -> Matte:
            return np.clip(downscale_matte(is_person(frame), Size(128, 72)), 0.0, 1.0)

    def make_only_me() -> Pipeline:
        stages = SmallSegmenter(), IdentityTemporalFilter(), GuidedFilterUpsampler(), ColorBackground()
        return Pipeline(*stages, picture=PictureSettings(only_me=True))

    chosen, other = Crop(120, 60, Size(56, 84)), Crop(2, 2, Size(94, 142))
    frame = np.full((144, 256, 3), 60, np.uint8)
    frame[chosen.slices] = PERSON
    first, second = make_only_me(), make_only_me()
    for number in range(3):
        assert first.matte(frame, number / 30)[100, 150] == 1
    frame = frame.copy()
    frame[other.slices] = PERSON
    # Without the memory the larger person would be chosen.
    assert make_only_me().matte(frame, 0.1)[100, 150] == 0
    second.continue_from(first)
    matte = second.matte(frame, 0.1)
    assert matte[100, 150] == 1
    assert not matte[other.slices].any()
