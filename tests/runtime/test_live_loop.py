"""Live loop: states, commands, lost cameras, failing sinks and the end of a run."""

import logging
import time
from typing import Any

import pytest

from livecam.backgrounds.placeholder import with_caption
from livecam.core.errors import CameraError, SinkError
from livecam.core.geometry import Size
from livecam.runtime.controls import RunControls
from livecam.runtime.live_loop import CAMERA_LOST_CAPTION, Timeouts, run
from livecam.runtime.states import LoopEvent, LoopState, next_state
from tests.support.fake_pipeline import QUICK, make_pipeline, shows_person
from tests.support.fakes import SIZE, BlockingCall, ColorBackground, FakeCamera, RecordingSink, shows_secret


def test_person_is_shown_again_after_a_stall() -> None:
    pipeline, sink, hangs = make_pipeline(), RecordingSink(), BlockingCall()
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


def test_person_is_shown_again_after_a_pause() -> None:
    sink, controls = RecordingSink(), RunControls()
    sink.on_send = lambda count: controls.toggle_pause() if count in (5, 10) else None
    run(FakeCamera(1000), make_pipeline(), [sink], controls=controls, timeouts=QUICK, seconds=0.6)
    assert any(shows_person(frame) for frame in sink.frames[11:])


def test_lost_camera_is_covered_and_found_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "livecam")
    sink = RecordingSink()
    run(
        FakeCamera(20, lost_at=8),
        make_pipeline(),
        [sink],
        timeouts=Timeouts(stall=5, placeholder_interval=0.02, camera_lost=5),
    )
    assert caplog.messages == ["camera lost: plug it in again", "the camera is back"]
    covered = [i for i, frame in enumerate(sink.frames) if not shows_person(frame)]
    assert any(0 < i < len(sink.frames) - 1 for i in covered)
    assert any(shows_person(frame) for frame in sink.frames[max(covered[:-1]) :])
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_lost_camera_shows_a_caption_except_in_the_last_frame() -> None:
    size, sink = Size(320, 240), RecordingSink()
    camera = FakeCamera(20, lost_at=8, back=False, size=size)
    with pytest.raises(CameraError):
        run(
            camera,
            make_pipeline(),
            [sink],
            timeouts=Timeouts(stall=5, placeholder_interval=0.02, camera_lost=0.3),
        )
    standalone = ColorBackground().render_standalone(size)
    captioned = with_caption(standalone, CAMERA_LOST_CAPTION)
    assert (captioned != standalone).any()
    assert sum((frame == captioned).all() for frame in sink.frames) > 5
    assert (sink.frames[-1] == standalone).all()
    assert not any(shows_secret(frame) for frame in sink.frames)


def test_background_switched_while_camera_lost_has_the_caption() -> None:
    sink, controls, red = RecordingSink(), RunControls(), ColorBackground((200, 30, 20))
    size = Size(320, 240)
    camera = FakeCamera(20, lost_at=3, back=False, size=size)
    controls.set_background(red)
    with pytest.raises(CameraError):
        run(camera, make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    captioned = with_caption(red.render_standalone(size), CAMERA_LOST_CAPTION)
    assert any((frame == captioned).all() for frame in sink.frames)


def test_ready_is_called_when_every_sink_has_a_frame() -> None:
    sinks, counts = [RecordingSink(), RecordingSink()], list[int]()
    run(
        FakeCamera(5),
        make_pipeline(),
        sinks,
        timeouts=QUICK,
        ready=lambda: counts.extend(len(sink.frames) for sink in sinks),
    )
    assert counts == [1, 1]


def test_camera_that_stays_lost_ends_the_run_with_its_error() -> None:
    sink = RecordingSink()
    with pytest.raises(CameraError):
        run(FakeCamera(20, lost_at=3, back=False), make_pipeline(), [sink], timeouts=QUICK)
    assert (sink.frames[-1] == ColorBackground().render_standalone(SIZE)).all()


def test_failing_sink_is_left_out_and_raised_at_the_end() -> None:
    good, bad = RecordingSink(), RecordingSink()

    def fail(frame: Any) -> None:
        raise SinkError("disk full: free some space")

    bad.send = fail  # type: ignore[method-assign]
    with pytest.raises(SinkError, match="disk full"):
        run(FakeCamera(12), make_pipeline(), [bad, good], timeouts=QUICK)
    assert any(shows_person(frame) for frame in good.frames)


def test_failure_of_the_last_sink_is_not_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    def fail(frame: Any) -> None:
        raise SinkError("disk full: free some space")

    for sinks, times in ((1, 0), (2, 1)):
        bad = [RecordingSink() for _ in range(sinks)]
        for sink in bad:
            sink.send = fail  # type: ignore[method-assign]
        with pytest.raises(SinkError, match="disk full"):
            run(FakeCamera(12), make_pipeline(), bad, timeouts=QUICK)
        assert caplog.messages == ["disk full: free some space"] * times


def test_end_of_the_source_closes_it_and_ends_the_run() -> None:
    camera = FakeCamera(5)
    stats = run(camera, make_pipeline(), [RecordingSink()], timeouts=QUICK)
    assert stats.frames_shown + stats.frames_dropped == 5
    assert camera.closed == 1


def test_source_is_closed_when_no_sink_takes_a_frame() -> None:
    camera, sink = FakeCamera(50), RecordingSink()

    def fail(frame: Any) -> None:
        raise SinkError("gone: start again")

    sink.send = fail  # type: ignore[method-assign]
    with pytest.raises(SinkError):
        run(camera, make_pipeline(), [sink], timeouts=QUICK)
    assert camera.closed == 1


def test_frames_missed_by_a_slow_sink_count_as_dropped() -> None:
    sink = RecordingSink()
    sink.on_send = lambda count: time.sleep(0.03)
    stats = run(FakeCamera(20), make_pipeline(), [sink], timeouts=QUICK)
    assert stats.frames_shown < 20
    assert stats.frames_shown + stats.frames_dropped == 20


def test_replaced_background_is_closed() -> None:
    first, closed = ColorBackground(), list[int]()
    first.close = lambda: closed.append(1)  # type: ignore[method-assign]
    sink, controls = RecordingSink(), RunControls()
    sink.on_send = lambda count: (
        controls.set_background(ColorBackground((200, 30, 20))) if count == 5 else None
    )
    run(FakeCamera(20), make_pipeline(background=first), [sink], controls=controls, timeouts=QUICK)
    assert closed == [1]


@pytest.mark.parametrize("before_first_frame", [True, False])
def test_two_switches_at_once_show_the_last_and_leak_none(before_first_frame: bool) -> None:
    first, second, third = (ColorBackground((value, 20, 30)) for value in (10, 90, 170))
    sink, controls, pipeline = RecordingSink(), RunControls(), make_pipeline(background=first)

    def switch_twice(count: int = 0) -> None:
        if count == (0 if before_first_frame else 5):
            controls.set_background(second)
            controls.set_background(third)

    sink.on_send = switch_twice
    if before_first_frame:
        switch_twice()
    run(FakeCamera(30), pipeline, [sink], controls=controls, timeouts=QUICK)
    assert any(shows_person(frame) and (frame[0, 0] == third.color).all() for frame in sink.frames)
    assert (sink.frames[-1] == third.render_standalone(SIZE)).all()
    pipeline.close()
    assert (first.closed, second.closed, third.closed) == (1, 1, 1)


def test_background_sent_with_the_last_frame_is_closed_once() -> None:
    late, after = ColorBackground(), ColorBackground()
    sink, controls, pipeline = RecordingSink(), RunControls(), make_pipeline()

    def switch_at_the_end(count: int) -> None:
        if controls.state is LoopState.STOPPING:
            controls.set_background(late)

    sink.on_send = switch_at_the_end
    run(FakeCamera(10), pipeline, [sink], controls=controls, timeouts=QUICK)
    controls.set_background(after)
    pipeline.close()
    assert (late.closed, after.closed) == (1, 1)


def test_background_that_cannot_be_closed_does_not_end_the_run() -> None:
    class Sticky(ColorBackground):
        def close(self) -> None:
            raise OSError("sticks")

    controls = RunControls()
    controls.set_background(Sticky())
    controls.set_background(ColorBackground())
    assert run(FakeCamera(10), make_pipeline(), [RecordingSink()], controls=controls, timeouts=QUICK)


def test_stop_ends_the_run_and_toggles_before_it_count() -> None:
    sink, controls = RecordingSink(), RunControls()
    sink.on_send = lambda count: (controls.toggle_pause(), controls.stop()) if count == 4 else None  # type: ignore[assignment]
    run(FakeCamera(1000), make_pipeline(), [sink], controls=controls, timeouts=QUICK)
    assert controls.state is LoopState.STOPPING
    assert len(sink.frames) <= 6


def test_camera_back_during_a_pause_does_not_end_the_run() -> None:
    sink, controls = RecordingSink(), RunControls()
    sink.on_send = lambda count: controls.toggle_pause() if count == 3 else None
    timeouts = Timeouts(stall=5, placeholder_interval=0.02, camera_lost=0.7)
    camera = FakeCamera(1000, lost_at=12)
    run(camera, make_pipeline(), [sink], controls=controls, timeouts=timeouts, seconds=1.6)
    assert not any(shows_person(frame) for frame in sink.frames[4:])


def states_after(*events: LoopEvent) -> list[LoopState]:
    states = [LoopState.STARTING]
    for event in events:
        states.append(next_state(states[-1], event))
    return states[1:]


def test_next_state_follows_a_call_with_all_events() -> None:
    events = LoopEvent
    assert states_after(events.RESULT, events.STALL, events.RESULT, events.PAUSE, events.RESULT) == [
        LoopState.LIVE,
        LoopState.STALLED,
        LoopState.LIVE,
        LoopState.PAUSED,
        LoopState.PAUSED,
    ]
    assert states_after(events.PAUSE, events.STALL, events.RESUME, events.RESULT) == [
        LoopState.PAUSED,
        LoopState.PAUSED,
        LoopState.STARTING,
        LoopState.LIVE,
    ]


@pytest.mark.parametrize("state", [state for state in LoopState if state is not LoopState.STOPPING])
def test_next_state_loses_the_camera_and_stops_from_anywhere(state: LoopState) -> None:
    assert next_state(state, LoopEvent.CAMERA_LOST) is LoopState.CAMERA_LOST
    assert next_state(state, LoopEvent.STOP) is LoopState.STOPPING


@pytest.mark.parametrize("event", LoopEvent)
def test_next_state_never_leaves_stopping(event: LoopEvent) -> None:
    assert next_state(LoopState.STOPPING, event) is LoopState.STOPPING


def test_next_state_reaches_live_only_by_a_result() -> None:
    ways = {
        event
        for state in LoopState
        for event in LoopEvent
        if state is not LoopState.LIVE and next_state(state, event) is LoopState.LIVE
    }
    assert ways == {LoopEvent.RESULT}
