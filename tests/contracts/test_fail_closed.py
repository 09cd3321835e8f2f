"""The fail-closed contract: no source pixel reaches a sink except through a matte of the same frame.

The fake camera films a room with a secret color. Whatever a stage does, no frame in a sink shows the secret.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.core.config import PictureSettings
from livecam.core.geometry import FramingMode, Size
from livecam.runtime.controls import RunControls
from livecam.runtime.live_loop import run
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.fake_pipeline import QUICK, make_pipeline, shows_person
from tests.support.fakes import (
    SIZE,
    BlockingCall,
    ColorBackground,
    FakeCamera,
    RecordingSink,
    secret_frame,
    shows_secret,
)


def test_fake_room_shows_the_secret() -> None:
    assert shows_secret(secret_frame())
    assert not shows_secret(ColorBackground().render_standalone(SIZE))


def test_run_shows_the_person_and_never_the_room() -> None:
    sink = RecordingSink()
    stats = run(FakeCamera(20), make_pipeline(), [sink], timeouts=QUICK)
    assert stats.frames_shown > 0
    assert any(shows_person(frame) for frame in sink.frames)
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_first_and_last_frame_are_the_background_alone() -> None:
    sink = RecordingSink()
    run(FakeCamera(10), make_pipeline(), [sink], timeouts=QUICK)
    standalone = ColorBackground().render_standalone(SIZE)
    assert (sink.frames[0] == standalone).all()
    assert (sink.frames[-1] == standalone).all()


FAULTS: dict[str, Callable[[Any], Any]] = {
    "raises": lambda *_: (_ for _ in ()).throw(RuntimeError("broken")),
    "none": lambda *_: None,
    "nan": lambda *a: np.full(SIZE[::-1], np.nan, np.float32),
    "beyond one": lambda *a: np.full(SIZE[::-1], 3.0, np.float32),
    "negative": lambda *a: np.full(SIZE[::-1], -1.0, np.float32),
    "wrong shape": lambda *a: np.ones((5, 7), np.float32),
    "wrong type": lambda *a: np.ones(SIZE[::-1], np.float64),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("stage", "verb"), [("segmenter", "predict"), ("temporal_filter", "apply"), ("upsampler", "upsample")]
)
def test_invalid_stage_result_shows_the_background_alone(stage: str, verb: str, fault: str) -> None:
    pipeline, sink = make_pipeline(), RecordingSink()
    setattr(getattr(pipeline, stage), verb, FAULTS[fault])
    if fault == "wrong shape" and stage == "segmenter":
        # Any size of a small matte is right; what the next stage makes of it is not.
        pipeline.segmenter.predict = lambda frame: np.ones((5, 7), np.float32)  # type: ignore[method-assign]
    stats = run(FakeCamera(12), pipeline, [sink], timeouts=QUICK)
    assert stats.frames_failed > 0
    assert stats.frames_shown == 0
    assert all((frame == ColorBackground().render_standalone(SIZE)).all() for frame in sink.frames)


@pytest.mark.parametrize(
    "render",
    [
        lambda *_: (_ for _ in ()).throw(OSError("gone")),
        lambda *_: None,
        lambda *_: np.zeros((3, 3, 3), np.uint8),
        lambda *_: np.zeros((*SIZE[::-1], 3), np.float32),
    ],
)
def test_failing_background_hides_the_frame(render: Callable[..., Any]) -> None:
    pipeline, sink = make_pipeline(), RecordingSink()
    pipeline.background.render = render  # type: ignore[method-assign]
    stats = run(FakeCamera(12), pipeline, [sink], timeouts=QUICK)
    assert (stats.frames_shown, stats.frames_failed > 0) == (0, True)
    assert not any(shows_secret(frame) or shows_person(frame) for frame in sink.frames)


def test_failing_compositing_hides_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecam.pipeline.composite_foreground", FAULTS["raises"])
    sink = RecordingSink()
    assert run(FakeCamera(12), make_pipeline(), [sink], timeouts=QUICK).frames_shown == 0
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_background_failing_alone_shows_the_placeholder() -> None:
    background = ColorBackground()
    background.render_standalone = FAULTS["raises"]  # type: ignore[method-assign]
    background.render = FAULTS["raises"]  # type: ignore[method-assign]
    sink = RecordingSink()
    run(FakeCamera(12), make_pipeline(background=background), [sink], timeouts=QUICK)
    assert sink.frames
    assert not any(shows_secret(frame) for frame in sink.frames)


@pytest.mark.parametrize(
    ("stage", "verb"),
    [
        ("segmenter", "predict"),
        ("temporal_filter", "apply"),
        ("upsampler", "upsample"),
        ("background", "render"),
    ],
)
def test_blocked_stage_shows_the_background_alone(stage: str, verb: str) -> None:
    pipeline, sink, hangs = make_pipeline(), RecordingSink(), BlockingCall()
    setattr(getattr(pipeline, stage), verb, hangs)
    run(FakeCamera(1000), pipeline, [sink], timeouts=QUICK, seconds=0.5)
    hangs.released.set()
    assert len(sink.frames) > 5  # the virtual camera stays alive meanwhile
    assert all((frame == ColorBackground().render_standalone(SIZE)).all() for frame in sink.frames)


def test_paused_run_shows_neither_person_nor_room() -> None:
    sink, controls = RecordingSink(), RunControls()
    at_pause: list[int] = []

    def pause_in_the_middle(count: int) -> None:
        if count == 5:
            controls.toggle_pause()
            at_pause.append(count)

    sink.on_send = pause_in_the_middle
    run(FakeCamera(1000), make_pipeline(), [sink], controls=controls, timeouts=QUICK, seconds=0.5)
    assert any(shows_person(frame) for frame in sink.frames[:5])
    assert len(sink.frames) > 8
    assert not any(shows_person(frame) or shows_secret(frame) for frame in sink.frames[5:])


def test_switched_background_is_shown_and_never_the_room() -> None:
    sink, controls, red = RecordingSink(), RunControls(), ColorBackground((200, 30, 20))
    sink.on_send = lambda count: controls.set_background(red) if count == 5 else None
    run(FakeCamera(40), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert (sink.frames[-1] == red.render_standalone(SIZE)).all()
    assert any(shows_person(frame) and (frame[0, 0] == red.color).all() for frame in sink.frames)
    assert not any(shows_secret(frame) for frame in sink.frames)


PICTURES = [
    PictureSettings(frame=FramingMode.AUTO),
    PictureSettings(color_match=1.0),
    PictureSettings(low_light=True),
    PictureSettings(only_me=True),
]


@pytest.mark.parametrize("picture", PICTURES)
def test_switched_picture_settings_never_show_the_room(picture: PictureSettings) -> None:
    sink, controls = RecordingSink(), RunControls()
    changes = [picture, PictureSettings(), picture]

    def change_after_a_person(count: int) -> None:
        """Change the settings each time that the person is visible, however busy the machine is."""
        if count % 5 == 0 and is_like_person(sink.frames[-1]):
            if changes:
                controls.set_picture(changes.pop(0))
            else:
                controls.stop()

    sink.on_send = change_after_a_person
    pipeline = make_pipeline()
    run(FakeCamera(1_000_000), pipeline, [sink], controls=controls, timeouts=QUICK, seconds=20)
    assert not changes, "the person was not visible after a change"
    assert pipeline.picture == picture
    assert not any(shows_secret(frame) for frame in sink.frames)


def is_like_person(frame: Any) -> bool:
    """Return True if green prevails in a visible part, also after a change of colors."""
    red, green, blue = (frame[..., channel].astype(int) for channel in range(3))
    return bool((green - np.maximum(red, blue) > 40).mean() > 0.02)


STAGE_FAULTS = [
    ("_framing", "apply", PictureSettings(frame=FramingMode.AUTO)),
    ("_color_matcher", "apply", PictureSettings(color_match=1.0)),
    ("_low_light", "brighten", PictureSettings(low_light=True)),
    ("_low_light", "smooth", PictureSettings(low_light=True)),
    ("_low_light", "denoise", PictureSettings(low_light=True)),
    ("_person_selector", "apply", PictureSettings(only_me=True)),
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("stage", "verb", "picture"), STAGE_FAULTS)
def test_failing_stage_of_the_picture_shows_the_background_alone(
    stage: str, verb: str, picture: PictureSettings, fault: str
) -> None:
    pipeline, sink = make_pipeline(), RecordingSink()
    pipeline.set_picture(picture)
    setattr(getattr(pipeline, stage), verb, FAULTS[fault])
    stats = run(FakeCamera(12), pipeline, [sink], timeouts=QUICK)
    assert (stats.frames_shown, stats.frames_failed > 0) == (0, True)
    assert all((frame == ColorBackground().render_standalone(SIZE)).all() for frame in sink.frames)


def test_replaced_pipeline_shows_the_person_and_never_the_room() -> None:
    sink, controls = RecordingSink(), RunControls()
    replaced: list[int] = []

    def replace(count: int) -> None:
        if count in (5, 6, 12):
            controls.replace_pipeline(lambda present: make_pipeline(background=present.background))
            replaced.append(count)

    sink.on_send = replace
    stats = run(FakeCamera(40), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert replaced == [5, 6, 12]
    assert any(shows_person(frame) for frame in sink.frames[14:])
    assert not any(shows_secret(frame) for frame in sink.frames)
    assert stats.frames_failed == 0


def test_background_switched_while_the_pipeline_is_replaced_is_shown_and_closed_once() -> None:
    sink, controls, red, first = (
        RecordingSink(),
        RunControls(),
        ColorBackground((200, 30, 20)),
        ColorBackground(),
    )

    def change(count: int) -> None:
        if count == 5:
            controls.replace_pipeline(lambda present: make_pipeline(background=present.background))
            controls.set_background(red)
            controls.replace_pipeline(lambda present: make_pipeline(background=present.background))

    sink.on_send = change
    pipeline = make_pipeline(background=first)
    run(FakeCamera(40), pipeline, [sink], controls=controls, timeouts=QUICK)
    pipeline.close()
    assert any(shows_person(frame) and (frame[0, 0] == red.color).all() for frame in sink.frames)
    assert not any(shows_secret(frame) for frame in sink.frames)
    assert (first.closed, red.closed) == (1, 1)


def test_pipeline_that_cannot_be_built_leaves_the_present_one() -> None:
    sink, controls = RecordingSink(), RunControls()
    sink.on_send = lambda count: controls.replace_pipeline(FAULTS["raises"]) if count == 5 else None
    run(FakeCamera(30), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert any(shows_person(frame) for frame in sink.frames[8:])
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_replaced_source_shows_the_background_alone_in_between_and_never_the_room() -> None:
    sink, controls = RecordingSink(), RunControls()
    first, second = FakeCamera(10_000), FakeCamera(30, size=Size(48, 32))
    second.__enter__()
    sink.on_send = lambda count: controls.replace_source(second) if count == 10 else None
    run(first, make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    sizes = [frame.shape[:2] for frame in sink.frames]
    assert sizes[0] == SIZE[::-1]
    assert sizes[-1] == (32, 48)
    assert any(shows_person(frame) for frame in sink.frames if frame.shape[:2] == (32, 48))
    change = next(i for i in range(9, len(sizes)) if not shows_person(sink.frames[i]))
    assert (sink.frames[change] == ColorBackground().render_standalone(SIZE)).all()
    assert not any(shows_secret(frame) for frame in sink.frames)
    assert (first.closed, second.closed) == (1, 1)


def test_released_source_shows_the_background_alone_until_it_is_replaced() -> None:
    sink, controls, camera = RecordingSink(), RunControls(), FakeCamera(10_000)
    released: list[threading.Event] = []
    sink.on_send = lambda count: released.append(controls.release_source()) if count == 5 else None
    run(camera, make_pipeline(), [sink], controls=controls, timeouts=QUICK, seconds=0.6)
    assert released[0].is_set()
    assert camera.closed == 1
    assert len(sink.frames) > 8
    assert not any(shows_person(frame) or shows_secret(frame) for frame in sink.frames[6:])


def test_source_replaced_while_paused_shows_the_background_alone() -> None:
    sink, controls, second = RecordingSink(), RunControls(), FakeCamera(10_000)
    second.__enter__()

    def change(count: int) -> None:
        if count == 5:
            controls.toggle_pause()
            controls.replace_source(second)

    sink.on_send = change
    run(FakeCamera(10_000), make_pipeline(), [sink], controls=controls, timeouts=QUICK, seconds=0.5)
    assert len(sink.frames) > 8
    assert not any(shows_person(frame) or shows_secret(frame) for frame in sink.frames[5:])


def test_added_sink_never_gets_the_room_and_a_removed_one_gets_nothing() -> None:
    sink, more, controls = RecordingSink(), RecordingSink(), RunControls()
    counts: list[int] = []

    def change(count: int) -> None:
        if count == 5:
            controls.add_sink(more)
        if count == 15:
            controls.remove_sink(more)
        if count == 17:
            counts.append(len(more.frames))
        if count == 30:
            controls.stop()

    sink.on_send = change
    # More frames than are sent: a busy machine drops some.
    run(FakeCamera(4000), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert any(shows_person(frame) for frame in more.frames)
    assert not any(shows_secret(frame) for frame in more.frames)
    assert counts == [len(more.frames)]


def test_commands_after_the_end_are_answered_and_close_what_they_bring() -> None:
    controls, camera, background = RunControls(), FakeCamera(1), ColorBackground()
    run(FakeCamera(2), make_pipeline(), [RecordingSink()], controls=controls, timeouts=QUICK)
    controls.replace_source(camera)
    controls.set_background(background)
    assert controls.release_source().is_set()
    assert controls.remove_sink(RecordingSink()).is_set()
    assert (camera.closed, background.closed) == (1, 1)


def test_interrupted_run_ends_with_the_background_alone() -> None:
    sink = RecordingSink()

    def interrupt(count: int) -> None:
        if count == 6:
            raise KeyboardInterrupt

    sink.on_send = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(FakeCamera(100), make_pipeline(), [sink], timeouts=QUICK)
    assert (sink.frames[-1] == ColorBackground().render_standalone(SIZE)).all()


@pytest.mark.parametrize("fault", ["raises", "nan", "none"])
def test_recording_never_holds_the_secret(tmp_path: Path, fault: str) -> None:
    pipeline, calls = make_pipeline(), []
    segment = pipeline.segmenter.predict

    def sometimes(frame: Any) -> Any:
        calls.append(1)
        return FAULTS[fault](frame) if len(calls) % 3 == 0 else segment(frame)

    pipeline.segmenter.predict = sometimes  # type: ignore[method-assign]
    path = tmp_path / "out.mp4"
    with Recorder(path, SIZE, 30) as recorder:
        run(FakeCamera(30), pipeline, [recorder], timeouts=QUICK)
    with VideoReader(path) as clip:
        frames = list(clip)
    assert len(frames) > 5
    assert not any(shows_secret(frame) for frame in frames)
