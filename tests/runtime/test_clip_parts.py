"""Conversion of a clip in parts: the same frames as in one conversion."""

import os
import pickle
import shutil
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest

from livecam.core.config import LiveSettings
from livecam.core.errors import SinkError, UsageError, VideoError
from livecam.core.geometry import FramingMode
from livecam.pipeline import Pipeline
from livecam.runtime.clip_parts import (
    ClipPart,
    DamagedPartError,
    PartResult,
    convert_part,
    find_mismatch,
    join_parts,
    plan_parts,
    repair_part,
)
from livecam.runtime.convert import ConversionResult, convert_video
from livecam.runtime.session import build_pipeline
from livecam.video.metadata import MetadataPolicy
from livecam.video.packet_index import PacketIndex, index_packets
from livecam.video.video_reader import VideoReader
from tests.support.long_clip import write_long_clip
from tests.support.subtitles import subtitles_of
from tests.support.tiny_model import write_model

EVEN = [number / 30 for number in range(150)]
# With a pause that starts the temporal filter again, and only three frames in the last second.
UNEVEN = [*(number / 60 for number in range(120)), 2.0, 2.31, 2.33, 3.4, 3.41, 3.44, 3.5, 4.6, 4.7, 4.95]


@pytest.fixture
def live(tmp_path: Path) -> LiveSettings:
    write_model(tmp_path)
    return LiveSettings(model=str(tmp_path / "green.tflite"), background=("navy",))


class FailingSegmenter:
    """Fails at about every fifth frame, whatever was before."""

    def __init__(self, segmenter) -> None:
        self._segmenter = segmenter

    def predict(self, frame):
        if int(frame.sum()) % 5 == 0:
            raise RuntimeError("the network broke")
        return self._segmenter.predict(frame)


def pipeline_of(live: LiveSettings, fails: bool = False) -> "closing[Pipeline]":
    pipeline = build_pipeline(live)
    if fails:
        pipeline.segmenter = FailingSegmenter(pipeline.segmenter)
    return closing(pipeline)


def convert_whole(clip: Path, output: Path, live: LiveSettings, fails: bool = False) -> ConversionResult:
    with pipeline_of(live, fails) as pipeline:
        return convert_video(clip, output, pipeline)


def with_warm_up(part: ClipPart, index: PacketIndex, frames: int) -> ClipPart:
    """Return a part with a warm-up of so many frames, wherever that begins."""
    if part.before is None:
        return part
    begin = index.times.index(part.before) + 1
    return replace(part, span=index.span(max(0, begin - frames), begin + part.frames))


def convert_parts(
    clip: Path, output: Path, live: LiveSettings, seconds: float, warm_up: int, *, fails: bool = False
) -> list[PartResult]:
    """Convert all parts as different processes do: with pipelines of their own, and through pickles."""
    results = []
    index = index_packets(clip)
    for part in plan_parts(clip, output, live, seconds).parts:
        part = with_warm_up(part, index, warm_up)
        with pipeline_of(live, fails) as pipeline:
            path = output.with_name(f"part{part.number}{output.suffix}")
            result = convert_part(pickle.loads(pickle.dumps(part)), pipeline, path)
        results.append(pickle.loads(pickle.dumps(result)))
    return results


def repair_parts(results: list[PartResult], live: LiveSettings, *, fails: bool = False) -> list[int]:
    """Repair all parts in order; return the numbers of those that were."""
    repaired = []
    while (number := find_mismatch(results)) is not None:
        path = results[number].pieces[0].path
        with pipeline_of(live, fails) as pipeline:
            results[number] = repair_part(
                results[number], results[number - 1], pipeline, path.with_stem(f"repaired{number}")
            )
        repaired.append(number)
    return repaired


def packets_of(path: Path, kind: str) -> list[tuple]:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [
            (packet.pts, packet.duration, packet.is_keyframe, bytes(packet) if kind != "video" else b"")
            for packet in container.demux(stream)
            if packet.size
        ]


def assert_same_frames(path: Path, other: Path) -> None:
    """Compare all frames to the bit. Only those of ProRes do not depend on the frames before."""
    with VideoReader(path) as video, VideoReader(other) as other_video:
        frames, others = list(video.frames()), list(other_video.frames())
    assert [frame.timestamp for frame in frames] == [frame.timestamp for frame in others]
    different = [
        a.number for a, b in zip(frames, others, strict=True) if not np.array_equal(a.image, b.image)
    ]
    assert different == []


@pytest.mark.parametrize("times", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("warm_up", [1, 40])
def test_each_frame_is_that_of_one_conversion(
    tmp_path: Path, live: LiveSettings, times: list[float], warm_up: int
) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", times)
    whole, joined = tmp_path / "whole.mov", tmp_path / "joined.mov"
    expected = convert_whole(clip, whole, live)
    results = convert_parts(clip, joined, live, 1.0, warm_up)
    repair_parts(results, live)
    assert len(results) >= 4
    assert_same_result(join_parts(results, joined), expected)
    assert_same_frames(joined, whole)


def assert_same_result(result: ConversionResult, expected: ConversionResult) -> None:
    values, others = vars(result).copy(), vars(expected).copy()
    assert str(values.pop("first_error")) == str(others.pop("first_error"))
    assert values == others


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("policy", list(MetadataPolicy))
def test_sound_chapters_and_times_are_those_of_one_conversion(
    tmp_path: Path, live: LiveSettings, suffix: str, policy: MetadataPolicy
) -> None:
    clip = write_long_clip(tmp_path / "in.mkv", EVEN[:80], sound="aac")
    whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
    with pipeline_of(live) as pipeline:
        expected = convert_video(clip, whole, pipeline, metadata=policy)
    results = convert_parts(clip, joined, live, 1.0, 20)
    repair_parts(results, live)
    assert_same_result(join_parts(results, joined, metadata=policy), expected)
    assert expected.audio_streams == 1
    assert packets_of(joined, "audio") == packets_of(whole, "audio")
    assert packets_of(joined, "video") == packets_of(whole, "video")
    with av.open(str(joined)) as one, av.open(str(whole)) as other:
        assert one.chapters() == other.chapters()
        assert one.metadata == other.metadata
        assert (one.duration, one.start_time) == (other.duration, other.start_time)
        assert ("title" in one.metadata) == (policy is not MetadataPolicy.NONE)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_subtitles_are_kept_once_with_their_times(tmp_path: Path, live: LiveSettings, suffix: str) -> None:
    # In a part, over the border of two parts, over a whole part, at the end, and within the last frame.
    lines = [(0.2, 0.6, "In"), (0.9, 1.4, "Over"), (1.8, 3.3, "Long"), (4.0, 4.9, "End"), (4.98, 5.5, "Last")]
    clip = write_long_clip(tmp_path / "in.mkv", EVEN, lines=lines)
    whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
    expected = convert_whole(clip, whole, live)
    results = convert_parts(clip, joined, live, 1.0, 20)
    repair_parts(results, live)
    starts = [result.part.start_seconds for result in results]
    assert len(results) == 5
    assert 0.9 < starts[1] < 1.4
    assert 1.8 < starts[2] < starts[3] < 3.3
    assert_same_result(join_parts(results, joined), expected)
    assert subtitles_of(joined) == subtitles_of(whole)
    found = subtitles_of(joined)[1]
    assert [line[2] for line in found] == [line[2] for line in lines]
    for line, right in zip(found, lines, strict=True):
        assert line[:2] == pytest.approx(right[:2], abs=0.01)


def test_transparent_result_stays_transparent(tmp_path: Path, live: LiveSettings) -> None:
    live = replace(live, background=("transparent",))
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:70])
    for suffix in (".webm", ".mov"):
        whole, joined = tmp_path / f"whole{suffix}", tmp_path / f"joined{suffix}"
        convert_whole(clip, whole, live)
        results = convert_parts(clip, joined, live, 1.0, 10)
        repair_parts(results, live)
        join_parts(results, joined)
        with av.open(str(joined)) as one, av.open(str(whole)) as other:
            assert (
                one.streams.video[0].codec_context.codec_tag == other.streams.video[0].codec_context.codec_tag
            )
            assert one.streams.video[0].metadata == other.streams.video[0].metadata
            assert one.streams.video[0].pix_fmt == other.streams.video[0].pix_fmt
    assert_same_frames(tmp_path / "joined.mov", tmp_path / "whole.mov")


def test_one_part_is_the_whole_clip(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:40], sound="aac")
    results = convert_parts(clip, tmp_path / "joined.mp4", live, 60.0, 10)
    assert len(results) == 1
    expected = convert_whole(clip, tmp_path / "whole.mp4", live)
    assert_same_result(join_parts(results, tmp_path / "joined.mp4"), expected)
    assert_same_frames(tmp_path / "joined.mp4", tmp_path / "whole.mp4")


def test_warm_up_with_a_pause_in_it_gives_the_right_state(tmp_path: Path, live: LiveSettings) -> None:
    # The pause starts the temporal filter again, 8 frames before the second part.
    times = [*EVEN[:65], *(2.75 + seconds for seconds in EVEN[:60])]
    clip = write_long_clip(tmp_path / "in.mp4", times)
    results = convert_parts(clip, tmp_path / "joined.mov", live, 2.5, 30)
    assert len(results) == 2
    assert results[1].part.start_seconds == pytest.approx(3.017, abs=0.001)
    assert repair_parts(results, live) == []


def test_part_with_a_wrong_state_is_refused_and_repaired_to_where_it_is_right(
    tmp_path: Path, live: LiveSettings
) -> None:
    # After the pause at 3 s both have the same state again.
    times = [*EVEN[:90], *(3.9 + seconds for seconds in EVEN[:60])]
    clip = write_long_clip(tmp_path / "in.mp4", times)
    whole, joined = tmp_path / "whole.mov", tmp_path / "joined.mov"
    convert_whole(clip, whole, live)
    results = convert_parts(clip, joined, live, 3.0, 1)
    assert len(results) == 2
    with pytest.raises(VideoError, match="does not continue"):
        join_parts(results, joined)
    assert not joined.exists()
    wrong = results[1]
    assert repair_parts(results, live) == [1]
    assert [piece.path for piece in results[1].pieces][-1] == wrong.pieces[0].path
    assert len(results[1].pieces) == 2
    join_parts(results, joined)
    assert_same_frames(joined, whole)


def test_wrong_part_would_show_other_frames(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN)
    whole, joined = tmp_path / "whole.mov", tmp_path / "joined.mov"
    convert_whole(clip, whole, live)
    results = convert_parts(clip, joined, live, 2.5, 1)
    # As if the check had found no difference.
    first, second = results
    join_parts([replace(first, exit=second.entry), second], joined)
    with pytest.raises(AssertionError):
        assert_same_frames(joined, whole)


def test_missing_part_is_refused(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:70])
    results = convert_parts(clip, tmp_path / "joined.mp4", live, 1.0, 1)
    repair_parts(results, live)
    for some in (results[1:], results[:-1]):
        with pytest.raises(VideoError, match="is missing"):
            join_parts(some, tmp_path / "joined.mp4")
    with pytest.raises(UsageError, match="itself"):
        join_parts(results, clip, overwrite=True)
    (tmp_path / "joined.mp4").write_bytes(b"mine")
    with pytest.raises(UsageError, match="--overwrite"):
        join_parts(results, tmp_path / "joined.mp4")


def lose(path: Path) -> None:
    path.unlink()


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 3 // 4)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_damaged_recording_of_a_part_is_named(tmp_path: Path, live: LiveSettings, suffix: str) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:70])
    results = convert_parts(clip, tmp_path / f"joined{suffix}", live, 1.0, 1)
    repair_parts(results, live)
    assert len(results) == 2
    for number, damage in product((0, 1), (lose, cut_off, empty)):
        path = results[number].pieces[-1].path
        shutil.copyfile(path, tmp_path / "kept")
        damage(path)
        with pytest.raises(DamagedPartError, match=rf"part {number} of .*in\.mp4 is damaged") as caught:
            join_parts(results, tmp_path / f"joined{suffix}", overwrite=True)
        assert caught.value.number == number
        shutil.copyfile(tmp_path / "kept", path)
    assert join_parts(results, tmp_path / f"joined{suffix}", overwrite=True).frames == 70


def test_parts_of_other_settings_are_not_joined(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:70])
    results = convert_parts(clip, tmp_path / "joined.mp4", live, 1.0, 1)
    repair_parts(results, live)
    with av.open(str(results[-1].pieces[-1].path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"bf": "0", "profile": "baseline"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for packet in stream.encode(av.VideoFrame(96, 64, "yuv420p")) + stream.encode(None):
            output.mux(packet)
    with pytest.raises(SinkError, match="other settings"):
        join_parts(results, tmp_path / "joined.mp4")


def test_failed_frames_are_those_of_one_conversion_and_show_no_room(
    tmp_path: Path, live: LiveSettings
) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN)
    whole, joined = tmp_path / "whole.mov", tmp_path / "joined.mov"
    expected = convert_whole(clip, whole, live, fails=True)
    results = convert_parts(clip, joined, live, 1.0, 3, fails=True)
    repair_parts(results, live, fails=True)
    assert expected.failed_frames > 10
    assert_same_result(join_parts(results, joined), expected)
    assert_same_frames(joined, whole)
    failed = {tick for result in results for tick in result.failed_ticks}
    with VideoReader(joined) as video:
        shown = [frame.image for frame in video.frames() if round(frame.timestamp * 90000) in failed]
    assert len(shown) == expected.failed_frames
    navy = np.array([0, 0, 128])
    assert max(np.abs(image - navy).max() for image in shown) < 5


def test_color_match_goes_on_in_the_next_part(tmp_path: Path, live: LiveSettings) -> None:
    live = replace(live, color_match=0.8, background=("dusk",))
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:90])
    whole, joined = tmp_path / "whole.mov", tmp_path / "joined.mov"
    convert_whole(clip, whole, live)
    results = convert_parts(clip, joined, live, 1.5, 5)
    repair_parts(results, live)
    join_parts(results, joined)
    assert_same_frames(joined, whole)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"frame": FramingMode.AUTO}, "--frame auto"),
        ({"only_me": True}, "--only-me"),
        ({"low_light": True}, "--low-light"),
        ({"background": ("in.mp4",)}, "background moves"),
        ({"background": (".",)}, "background moves"),
    ],
)
def test_state_without_a_limit_makes_no_parts(
    tmp_path: Path, live: LiveSettings, monkeypatch: pytest.MonkeyPatch, settings: dict, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:70])
    plan = plan_parts(clip, tmp_path / "out.mp4", replace(live, **settings), 1.0)
    assert plan.parts == ()
    assert reason in plan.reason


@pytest.mark.parametrize(
    ("name", "output", "reason"),
    [
        ("in.avi", "out.mp4", "key frames"),
        ("in.ts", "out.mp4", "key frames"),
        ("in.mp4", "out.y4m", "joined"),
        ("in.mp4", "out", "joined"),
    ],
)
def test_files_that_can_not_be_split_or_joined_make_no_parts(
    tmp_path: Path, live: LiveSettings, name: str, output: str, reason: str
) -> None:
    clip = write_long_clip(tmp_path / name, EVEN[:70])
    plan = plan_parts(clip, tmp_path / output, live, 1.0)
    assert plan.parts == ()
    assert reason in plan.reason


def test_parts_are_of_equal_length_and_begin_at_key_frames(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN)
    plan = plan_parts(clip, tmp_path / "out.mp4", live, 2.0, 30)
    assert [(part.number, part.frames, part.start_seconds) for part in plan.parts] == [
        (0, 90, 0.0),
        (1, 60, 3.0),
    ]
    first, second = plan.parts
    assert (first.before, second.span.end) == (None, None)


def test_warm_up_begins_where_the_crop_is_chosen_anew(tmp_path: Path, live: LiveSettings) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", [number / 10 for number in range(120)])
    index = index_packets(clip)
    starts = [
        (part.start_seconds, index.times.index(part.span.first))
        for warm_up in (10, 30)
        for part in plan_parts(clip, tmp_path / "out.mp4", live, 6.0, warm_up).parts
    ]
    # Every 4 s; not later than 1 s or 3 s before the part.
    assert starts == [(0.0, 0), (6.0, 40), (0.0, 0), (6.0, 0)]


def test_full_disk_is_named(tmp_path: Path, live: LiveSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_long_clip(tmp_path / "in.mp4", EVEN[:40])
    results = convert_parts(clip, tmp_path / "joined.mp4", live, 60.0, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livecam.video.packet_writer.PacketWriter.copy", full)
    with pytest.raises(SinkError, match="disk full"):
        join_parts(results, tmp_path / "joined.mp4")
