"""The contract: no pixel of the source reaches a sink except through a matte computed from the same frame."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livecam.backgrounds.placeholder import with_caption
from livecam.core.errors import CameraError, SinkError
from livecam.core.geometry import Size
from livecam.pipeline import Pipeline
from livecam.runtime.live_loop import CAMERA_LOST_CAPTION, RunControls, Timeouts, run
from livecam.sinks.recorder import Recorder
from livecam.video.video_reader import VideoReader
from tests.support.fakes import (
    PERSON,
    SIZE,
    FakeCamera,
    FakeSegmenter,
    Hangs,
    Keeper,
    PaintedBackdrop,
    PlainEdges,
    PlainSmoother,
    secret_frame,
    shows_secret,
)

QUICK = Timeouts(stall=0.15, placeholder_interval=0.02, camera_lost=0.4)


def make_pipeline(**stages: Any) -> Pipeline:
    parts = {
        "segmenter": FakeSegmenter(),
        "temporal_filter": PlainSmoother(),
        "upsampler": PlainEdges(),
        "background": PaintedBackdrop(),
    }
    parts |= stages
    return Pipeline(parts["segmenter"], parts["temporal_filter"], parts["upsampler"], parts["background"])


def shows_person(frame: np.ndarray[Any, Any]) -> bool:
    return bool((frame[..., :3] == np.array(PERSON, np.uint8)).all(axis=2).any())


def test_the_fake_room_really_holds_the_secret() -> None:
    assert shows_secret(secret_frame())
    assert not shows_secret(PaintedBackdrop().render_standalone(SIZE))


def test_the_person_is_shown_before_the_backdrop_and_the_room_is_not() -> None:
    sink = Keeper()
    report = run(FakeCamera(20), make_pipeline(), [sink], timeouts=QUICK)
    assert report.frames_shown > 0
    assert any(shows_person(frame) for frame in sink.frames)
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_the_first_and_the_last_frame_are_the_backdrop_alone() -> None:
    sink = Keeper()
    run(FakeCamera(10), make_pipeline(), [sink], timeouts=QUICK)
    alone = PaintedBackdrop().render_standalone(SIZE)
    assert (sink.frames[0] == alone).all()
    assert (sink.frames[-1] == alone).all()


NONSENSE: dict[str, Callable[[Any], Any]] = {
    "raises": lambda *_: (_ for _ in ()).throw(RuntimeError("broken")),
    "none": lambda *_: None,
    "nan": lambda *a: np.full(SIZE[::-1], np.nan, np.float32),
    "beyond one": lambda *a: np.full(SIZE[::-1], 3.0, np.float32),
    "negative": lambda *a: np.full(SIZE[::-1], -1.0, np.float32),
    "wrong shape": lambda *a: np.ones((5, 7), np.float32),
    "wrong type": lambda *a: np.ones(SIZE[::-1], np.float64),
}


@pytest.mark.parametrize("fault", NONSENSE)
@pytest.mark.parametrize(
    ("stage", "verb"), [("segmenter", "predict"), ("temporal_filter", "apply"), ("upsampler", "upsample")]
)
def test_nonsense_from_a_stage_shows_the_backdrop_alone(stage: str, verb: str, fault: str) -> None:
    pipeline, sink = make_pipeline(), Keeper()
    setattr(getattr(pipeline, stage), verb, NONSENSE[fault])
    if fault == "wrong shape" and stage == "segmenter":
        # Any size of a small matte is right; what the next stage makes of it is not.
        pipeline.segmenter.predict = lambda frame: np.ones((5, 7), np.float32)  # type: ignore[method-assign]
    report = run(FakeCamera(12), pipeline, [sink], timeouts=QUICK)
    assert report.frames_failed > 0
    assert report.frames_shown == 0
    assert all((frame == PaintedBackdrop().render_standalone(SIZE)).all() for frame in sink.frames)


@pytest.mark.parametrize(
    "behind",
    [
        lambda *_: (_ for _ in ()).throw(OSError("gone")),
        lambda *_: None,
        lambda *_: np.zeros((3, 3, 3), np.uint8),
        lambda *_: np.zeros((*SIZE[::-1], 3), np.float32),
    ],
)
def test_a_backdrop_that_fails_hides_the_frame(behind: Callable[..., Any]) -> None:
    pipeline, sink = make_pipeline(), Keeper()
    pipeline.background.render = behind  # type: ignore[method-assign]
    report = run(FakeCamera(12), pipeline, [sink], timeouts=QUICK)
    assert (report.frames_shown, report.frames_failed > 0) == (0, True)
    assert not any(shows_secret(frame) or shows_person(frame) for frame in sink.frames)


def test_a_composite_that_fails_hides_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecam.pipeline.alpha_composite", NONSENSE["raises"])
    sink = Keeper()
    assert run(FakeCamera(12), make_pipeline(), [sink], timeouts=QUICK).frames_shown == 0
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_a_card_is_shown_when_even_the_backdrop_alone_fails() -> None:
    backdrop = PaintedBackdrop()
    backdrop.alone = NONSENSE["raises"]  # type: ignore[method-assign]
    backdrop.behind = NONSENSE["raises"]  # type: ignore[method-assign]
    sink = Keeper()
    run(FakeCamera(12), make_pipeline(background=backdrop), [sink], timeouts=QUICK)
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
def test_a_stage_that_hangs_is_covered_by_the_backdrop(stage: str, verb: str) -> None:
    pipeline, sink, hangs = make_pipeline(), Keeper(), Hangs()
    setattr(getattr(pipeline, stage), verb, hangs)
    run(FakeCamera(1000), pipeline, [sink], timeouts=QUICK, seconds=0.5)
    hangs.released.set()
    assert len(sink.frames) > 5  # the virtual camera stays alive meanwhile
    assert all((frame == PaintedBackdrop().render_standalone(SIZE)).all() for frame in sink.frames)


def test_after_a_stall_the_person_is_shown_again() -> None:
    pipeline, sink, hangs = make_pipeline(), Keeper(), Hangs()
    segment, calls = pipeline.segmenter.predict, []

    def stall_once(frame: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            hangs.released.wait(0.4)
        return segment(frame)

    pipeline.segmenter.predict = stall_once  # type: ignore[method-assign]
    run(FakeCamera(1000), pipeline, [sink], timeouts=QUICK, seconds=1.0)
    shown = [shows_person(frame) for frame in sink.frames]
    last_cover = max(i for i, person in enumerate(shown[:-1]) if not person)
    assert any(shown[:last_cover])
    assert any(shown[last_cover:])


def test_while_paused_nothing_of_the_person_is_shown() -> None:
    sink, controls = Keeper(), RunControls()
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


def test_after_a_pause_the_person_is_back() -> None:
    sink, controls = Keeper(), RunControls()
    sink.on_send = lambda count: controls.toggle_pause() if count in (5, 10) else None
    run(FakeCamera(1000), make_pipeline(), [sink], controls=controls, timeouts=QUICK, seconds=0.6)
    assert any(shows_person(frame) for frame in sink.frames[11:])


def test_a_lost_camera_is_covered_and_found_again() -> None:
    sink, told = Keeper(), list[str]()
    run(
        FakeCamera(20, lost_at=8),
        make_pipeline(),
        [sink],
        timeouts=Timeouts(stall=5, placeholder_interval=0.02, camera_lost=5),
        notify=told.append,
    )
    assert told == ["camera lost: plug it in again", "the camera is back"]
    covered = [i for i, frame in enumerate(sink.frames) if not shows_person(frame)]
    assert any(0 < i < len(sink.frames) - 1 for i in covered)
    assert any(shows_person(frame) for frame in sink.frames[max(covered[:-1]) :])
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_while_the_camera_is_lost_the_backdrop_says_so_and_at_the_end_it_stands_alone() -> None:
    size, sink = Size(320, 240), Keeper()
    camera = FakeCamera(20, lost_at=8, back=False, size=size)
    with pytest.raises(CameraError):
        run(
            camera,
            make_pipeline(),
            [sink],
            timeouts=Timeouts(stall=5, placeholder_interval=0.02, camera_lost=0.3),
        )
    alone = PaintedBackdrop().render_standalone(size)
    said = with_caption(alone, CAMERA_LOST_CAPTION)
    assert (said != alone).any()
    assert sum((frame == said).all() for frame in sink.frames) > 5
    assert (sink.frames[-1] == alone).all()
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_a_backdrop_switched_while_the_camera_is_lost_says_so_too() -> None:
    sink, controls, red = Keeper(), RunControls(), PaintedBackdrop((200, 30, 20))
    size = Size(320, 240)
    camera = FakeCamera(20, lost_at=3, back=False, size=size)
    controls.set_background(red)
    with pytest.raises(CameraError):
        run(camera, make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    said = with_caption(red.render_standalone(size), CAMERA_LOST_CAPTION)
    assert any((frame == said).all() for frame in sink.frames)


def test_ready_is_told_once_all_sinks_have_their_first_picture() -> None:
    sinks, counts = [Keeper(), Keeper()], list[int]()
    run(
        FakeCamera(5),
        make_pipeline(),
        sinks,
        timeouts=QUICK,
        ready=lambda: counts.extend(len(sink.frames) for sink in sinks),
    )
    assert counts == [1, 1]


def test_a_camera_that_stays_lost_ends_the_run_with_its_error() -> None:
    sink = Keeper()
    with pytest.raises(CameraError):
        run(FakeCamera(20, lost_at=3, back=False), make_pipeline(), [sink], timeouts=QUICK)
    assert (sink.frames[-1] == PaintedBackdrop().render_standalone(SIZE)).all()


def test_a_switched_backdrop_is_shown_and_never_the_room() -> None:
    sink, controls, red = Keeper(), RunControls(), PaintedBackdrop((200, 30, 20))
    sink.on_send = lambda count: controls.set_background(red) if count == 5 else None
    run(FakeCamera(40), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert (sink.frames[-1] == red.render_standalone(SIZE)).all()
    assert any(shows_person(frame) and (frame[0, 0] == red.colour).all() for frame in sink.frames)
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_a_sink_that_fails_is_left_out_and_told_at_the_end() -> None:
    good, bad = Keeper(), Keeper()

    def fail(frame: Any) -> None:
        raise SinkError("disk full: free some space")

    bad.send = fail  # type: ignore[method-assign]
    with pytest.raises(SinkError, match="disk full"):
        run(FakeCamera(12), make_pipeline(), [bad, good], timeouts=QUICK)
    assert any(shows_person(frame) for frame in good.frames)


def test_the_failure_of_the_last_sink_is_said_once() -> None:
    def fail(frame: Any) -> None:
        raise SinkError("disk full: free some space")

    told = list[str]()
    for sinks, times in ((1, 0), (2, 1)):
        bad = [Keeper() for _ in range(sinks)]
        for sink in bad:
            sink.send = fail  # type: ignore[method-assign]
        with pytest.raises(SinkError, match="disk full"):
            run(FakeCamera(12), make_pipeline(), bad, timeouts=QUICK, notify=told.append)
        assert told == ["disk full: free some space"] * times


def test_the_source_is_closed_and_the_run_ends_when_the_source_does() -> None:
    camera = FakeCamera(5)
    report = run(camera, make_pipeline(), [Keeper()], timeouts=QUICK)
    assert report.frames_shown + report.frames_dropped == 5
    assert camera.closed == 1


def test_an_interruption_leaves_the_backdrop_as_the_last_frame() -> None:
    sink = Keeper()

    def interrupt(count: int) -> None:
        if count == 6:
            raise KeyboardInterrupt

    sink.on_send = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(FakeCamera(100), make_pipeline(), [sink], timeouts=QUICK)
    assert (sink.frames[-1] == PaintedBackdrop().render_standalone(SIZE)).all()


@pytest.mark.parametrize("fault", ["raises", "nan", "none"])
def test_no_recording_holds_the_secret(tmp_path: Path, fault: str) -> None:
    pipeline, calls = make_pipeline(), []
    segment = pipeline.segmenter.predict

    def sometimes(frame: Any) -> Any:
        calls.append(1)
        return NONSENSE[fault](frame) if len(calls) % 3 == 0 else segment(frame)

    pipeline.segmenter.predict = sometimes  # type: ignore[method-assign]
    path = tmp_path / "out.mp4"
    with Recorder(path, SIZE, 30) as recorder:
        run(FakeCamera(30), pipeline, [recorder], timeouts=QUICK)
    with VideoReader(path) as clip:
        frames = list(clip)
    assert len(frames) > 5
    assert not any(shows_secret(frame) for frame in frames)


def test_the_source_is_closed_also_when_no_sink_takes_the_first_frame() -> None:
    camera, sink = FakeCamera(50), Keeper()

    def fail(frame: Any) -> None:
        raise SinkError("gone: start again")

    sink.send = fail  # type: ignore[method-assign]
    with pytest.raises(SinkError):
        run(camera, make_pipeline(), [sink], timeouts=QUICK)
    assert camera.closed == 1


def test_frames_that_a_slow_sink_had_no_time_for_are_counted_as_dropped() -> None:
    sink = Keeper()
    sink.on_send = lambda count: time.sleep(0.03)
    report = run(FakeCamera(20), make_pipeline(), [sink], timeouts=QUICK)
    assert report.frames_shown < 20
    assert report.frames_shown + report.frames_dropped == 20


def test_a_switched_off_backdrop_is_closed() -> None:
    first, closed = PaintedBackdrop(), list[int]()
    first.close = lambda: closed.append(1)  # type: ignore[method-assign]
    sink, controls = Keeper(), RunControls()
    sink.on_send = lambda count: (
        controls.set_background(PaintedBackdrop((200, 30, 20))) if count == 5 else None
    )
    run(FakeCamera(20), make_pipeline(background=first), [sink], controls=controls, timeouts=QUICK)
    assert closed == [1]
