from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import SinkError, UsageError, VideoError
from livecam.runtime.convert import convert_video
from livecam.video.audio import find_gaps
from livecam.video.demux import demux_packets
from livecam.video.video_reader import VideoReader
from tests.support.fake_pipeline import IdentityPipeline

TICK = Fraction(1, 90000)
RATE = 48000
FLASHES = (0.5, 1.5, 2.5)
SECRET = np.asarray(
    Image.fromarray(np.kron(np.indices((12, 16)).sum(0) % 2, np.ones((8, 8))).astype(np.uint8) * 255)
)


class CutoutPipeline(IdentityPipeline):
    """Gives cutouts whose left half is empty."""

    transparent = True

    def replace(self, frame, timestamp=None):
        cutout = np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
        cutout[:, : frame.shape[1] // 2] = 0
        return cutout

    def render_standalone(self, size, timestamp=None):
        return np.zeros((size.height, size.width, 4), np.uint8)


class Failing(IdentityPipeline):
    """Fails at the frames it is told to, in the way it is told to."""

    def __init__(self, at, way):
        super().__init__()
        self.at, self.way, self.count = at, way, 0

    def replace(self, frame, timestamp=None):
        self.count += 1
        if self.count - 1 not in self.at:
            return np.full_like(frame, 90)
        return self.way(frame)


class FailingAlone(Failing):
    """Has nothing to show for a failed frame either."""

    def render_standalone(self, size, timestamp=None):
        raise RuntimeError("no backdrop")


def raising(frame):
    raise RuntimeError("the segmenter broke")


def brightness(seconds):
    return 235 if any(0 <= seconds - flash + 1e-6 < 0.1 for flash in FLASHES) else 20


def beeps(start, pitch):
    """Sound that beeps whenever the image flashes, from `open` on."""
    times = start + np.arange(3 * RATE) / RATE
    loud = np.any([(times >= flash) & (times < flash + 0.1) for flash in FLASHES], axis=0)
    return (np.sin(2 * np.pi * pitch * times) * loud * 26000).astype(np.int16)


def write_sound(output, stream, start, pitch, gap=None):
    samples = beeps(start, pitch)
    for at in range(0, len(samples), 1000):
        if gap and gap[0] < at / RATE < gap[1]:
            continue
        frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1000], "s16", "mono")
        frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), at + round(start * RATE)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def clip(path, *, tracks=(), times=None, frames=None, options=None, gap=None):
    """A clip of flashes, or of `frames`, with (codec, start) voices that beep at the same moments."""
    times = [index / 30 for index in range(90)] if times is None else times
    with av.open(str(path), "w", container_options=options or {}) as output:
        stream = output.add_stream(
            "libx264", rate=30, options={"bf": "2", "preset": "ultrafast", "crf": "15"}
        )
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.time_base = TICK
        sounds = [output.add_stream(codec, rate=RATE) for codec, _ in tracks]
        for sound in sounds:
            sound.codec_context.layout = "mono"
        for index, seconds in enumerate(times):
            frame = np.full((96, 128, 3), brightness(seconds), np.uint8) if frames is None else frames[index]
            image = av.VideoFrame.from_ndarray(frame)
            image.pts, image.time_base = round(seconds / TICK), TICK
            output.mux(stream.encode(image))
        output.mux(stream.encode(None))
        for index, (sound, (_, start)) in enumerate(zip(sounds, tracks, strict=True)):
            write_sound(output, sound, start, 1000 + 400 * index, gap)
    return path


def flashes(path):
    """When the image gets bright, seconds by the file."""
    recorded, lit = [], False
    with av.open(str(path)) as container:
        for image in container.decode(video=0):
            bright = image.to_ndarray(format="gray").mean() > 120
            if bright and not lit:
                recorded.append(image.time)
            lit = bright
    return recorded


def audio_onsets(path, track):
    """When the sound gets loud, and when it ends, seconds by the file."""
    recorded, last, end = [], -9.0, 0.0
    with av.open(str(path)) as container:
        to_mono = av.AudioResampler("flt", "mono", RATE)
        for decoded in container.decode(audio=track):
            for frame in to_mono.resample(decoded):
                begin = float(frame.pts * frame.time_base)
                for at in np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.2):
                    seconds = begin + at / RATE
                    if seconds - last > 0.3:
                        recorded.append(seconds)
                    last = seconds
                end = begin + frame.samples / RATE
    return recorded, end


def frame_times(path):
    with av.open(str(path)) as container:
        return [image.time for image in container.decode(video=0)]


def run(source, target, pipeline=None, **settings):
    return convert_video(source, target, pipeline or IdentityPipeline(), **settings)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov", ".y4m"])
def test_every_frame_comes_out_once_and_in_order(tmp_path, suffix):
    frames = [np.full((96, 128, 3), 20 + 10 * index, np.uint8) for index in range(20)]
    source = clip(tmp_path / "in.mp4", frames=frames, times=[index / 30 for index in range(20)])
    report = run(source, tmp_path / f"out{suffix}")
    with VideoReader(tmp_path / f"out{suffix}") as result:
        assert [round((frame.mean() - 20) / 10) for frame in result] == list(range(20))
    assert (report.frames, report.failed_frames, report.first_error) == (20, 0, None)
    assert report.seconds == pytest.approx(20 / 30, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_irregular_times_are_kept(tmp_path, suffix):
    times = [0, 0.01, 0.5, 0.517, 2.0, 2.04, 3.9, 4.0]
    run(clip(tmp_path / "in.mp4", times=times), tmp_path / f"out{suffix}")
    assert frame_times(tmp_path / f"out{suffix}") == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize(
    ("source", "tracks", "options", "suffix"),
    [
        ("in.mp4", [("aac", 0.0)], {}, ".mp4"),
        ("in.mp4", [("aac", 0.0)], {}, ".webm"),
        ("in.mp4", [("aac", 0.7)], {}, ".mp4"),
        ("in.mp4", [("aac", 0.7)], {}, ".webm"),
        ("in.mp4", [("aac", 0.0)], {"movflags": "frag_keyframe+empty_moov"}, ".mp4"),
        ("in.mkv", [("libopus", 0.0), ("flac", 0.3)], {}, ".mp4"),
        ("in.mkv", [("libopus", 0.0), ("flac", 0.3)], {}, ".webm"),
        ("in.ts", [("aac", 0.0)], {}, ".mp4"),
        ("in.ts", [("libmp3lame", 0.0)], {}, ".mp4"),
        ("in.mov", [("pcm_s16le", 0.0), ("pcm_s16le", 0.0)], {}, ".mp4"),
        ("in.mov", [("pcm_s16le", 0.0), ("pcm_s16le", 0.0)], {}, ".mov"),
    ],
)
def test_all_audio_stays_with_its_image(tmp_path, source, tracks, options, suffix):
    before, after = clip(tmp_path / source, tracks=tracks, options=options), tmp_path / f"out{suffix}"
    report = run(before, after)
    assert report.audio_streams == len(tracks)
    assert report.dropped_audio_streams == 0
    flashed = flashes(after)
    shift = flashed[-1] - flashes(before)[-1]
    assert len(flashed) == len(FLASHES)
    for track in range(len(tracks)):
        (was, was_end), (now, now_end) = audio_onsets(before, track), audio_onsets(after, track)
        assert len(now) == len(was) >= 2
        # One frame is allowed; half of one shows a priming that was counted twice.
        assert np.abs(np.subtract(now, was) - shift).max() < 1 / 60
        assert now_end - was_end - shift == pytest.approx(0, abs=1 / 30)


def test_images_that_begin_after_the_audio_stay_behind_it(tmp_path):
    times = [0.4 + index / 30 for index in range(70)]
    before, after = clip(tmp_path / "in.mp4", tracks=[("aac", 0.0)], times=times), tmp_path / "out.mp4"
    pipeline = IdentityPipeline()
    convert_video(before, after, pipeline)
    assert frame_times(after) == pytest.approx(times, abs=0.001)
    assert audio_onsets(after, 0)[0] == pytest.approx(flashes(after), abs=0.005)
    assert pipeline.times == pytest.approx(times, abs=0.001)


def payload(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_audio_the_file_takes_is_copied_bit_by_bit(tmp_path):
    source = clip(tmp_path / "in.mp4", tracks=[("aac", 0.0)])
    run(source, tmp_path / "out.mp4")
    assert payload(tmp_path / "out.mp4") == payload(source)


@pytest.mark.parametrize("name", ["out.y4m", "out/"])
def test_what_carries_no_audio_says_so(tmp_path, name):
    source = clip(tmp_path / "in.mp4", tracks=[("aac", 0.0), ("aac", 0.0)], times=[0.0, 0.1])
    report = convert_video(source, f"{tmp_path}/{name}", IdentityPipeline())
    assert (report.frames, report.audio_streams, report.dropped_audio_streams) == (2, 0, 2)


def test_the_pipeline_is_reset_once_and_sees_the_time_of_each_frame(tmp_path):
    times = [0, 0.1, 0.5, 2.0]
    pipeline = IdentityPipeline()
    convert_video(clip(tmp_path / "in.mp4", times=times), tmp_path / "out.mp4", pipeline)
    assert pipeline.resets == 1
    assert pipeline.times == pytest.approx(times, abs=1e-3)


def test_progress_reaches_the_end(tmp_path):
    messages = []
    run(clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", progress=messages.append)
    assert [each.frames for each in messages] == list(range(1, 91))
    assert {each.total for each in messages} == {90}
    assert messages[-1].seconds_done == pytest.approx(89 / 30, abs=0.01)
    assert messages[-1].seconds_total == pytest.approx(3.0, abs=0.05)


def test_a_transparent_pipeline_makes_cutouts(tmp_path):
    frames = [np.full((96, 128, 3), 200, np.uint8)] * 3
    run(clip(tmp_path / "in.mp4", frames=frames, times=[0, 0.1, 0.2]), tmp_path / "out", CutoutPipeline())
    image = np.asarray(Image.open(tmp_path / "out" / "000003.png"))
    assert image[:, :64].max() == 0
    assert image[:, 64:, 3].min() == 255
    with pytest.raises(UsageError, match="transparent"):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4", CutoutPipeline())


def pattern_strength(image):
    """How much of the secret pattern is in an image: 1 is all, 0 none."""
    gray = image[..., :3].mean(axis=2)
    expected = SECRET.astype(float) - SECRET.mean()
    return abs(float(((gray - gray.mean()) * expected).sum())) / float((expected**2).sum())


FAULTS = {
    "raises": raising,
    "gives nothing": lambda frame: None,
    "gives a smaller image": lambda frame: frame[:50],
    "gives floats": lambda frame: frame.astype(np.float32),
    "gives a cutout": lambda frame: np.dstack([frame, frame[..., 0]]),
    "gives grey": lambda frame: frame[..., 0],
    "gives a list": lambda frame: frame.tolist(),
}


@pytest.mark.parametrize("pipeline", [Failing, FailingAlone])
@pytest.mark.parametrize("way", FAULTS)
def test_a_secret_in_the_clip_is_in_no_frame_that_failed(tmp_path, way, pipeline):
    secret = np.dstack([SECRET] * 3)
    source = clip(tmp_path / "in.mp4", frames=[secret] * 8, times=[index / 30 for index in range(8)])
    with VideoReader(source) as check:
        assert min(pattern_strength(frame) for frame in check) > 0.9
    report = run(source, tmp_path / "out", pipeline({0, 3, 4, 7}, FAULTS[way]))
    images = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "out").iterdir())]
    assert len(images) == 8
    assert max(pattern_strength(image) for image in images) < 0.02
    assert (report.frames, report.failed_frames) == (8, 4)
    assert report.first_error is not None
    shown = [tuple(image[48, 64]) for image in images]
    failed = (0, 60, 200) if pipeline is Failing else (0, 0, 0)
    assert shown == [failed if index in {0, 3, 4, 7} else (90, 90, 90) for index in range(8)]


def test_the_likeness_of_the_secret_is_found_where_it_is(tmp_path):
    secret = np.dstack([SECRET] * 3)
    source = clip(tmp_path / "in.mp4", frames=[secret] * 2, times=[0, 0.1])
    run(source, tmp_path / "out")
    assert pattern_strength(np.asarray(Image.open(tmp_path / "out" / "000001.png"))) > 0.9


def test_a_clip_is_not_written_over_itself(tmp_path):
    source = clip(tmp_path / "in.mp4", times=[0, 0.1])
    (tmp_path / "link.mp4").hardlink_to(source)
    content = source.read_bytes()
    for target in (source, tmp_path / "." / "in.mp4", tmp_path / "link.mp4"):
        with pytest.raises(UsageError, match="itself"):
            run(source, target, overwrite=True)
    assert source.read_bytes() == content


def test_an_existing_result_is_kept_or_replaced_as_requested(tmp_path):
    source = clip(tmp_path / "in.mp4", times=[0, 0.1])
    (tmp_path / "out.mp4").write_text("precious")
    with pytest.raises(UsageError, match="--overwrite"):
        run(source, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_text() == "precious"
    run(source, tmp_path / "out.mp4", overwrite=True)
    assert len(frame_times(tmp_path / "out.mp4")) == 2


def end_of(path):
    with av.open(str(path)) as container:
        return max(
            float((p.pts + p.duration) * p.time_base) for p in container.demux(video=0) if p.pts is not None
        )


@pytest.mark.parametrize(
    ("source_suffix", "suffix"),
    [*((a, b) for a in (".gif", ".png") for b in (".mp4", ".webm", ".mov")), (".gif", ".y4m")],
)
def test_last_frame_keeps_its_own_duration(tmp_path, source_suffix, suffix):
    images = [Image.new("RGB", (128, 96), color) for color in ("red", "lime", "blue")]
    source, target = tmp_path / f"in{source_suffix}", tmp_path / f"out{suffix}"
    images[0].save(source, save_all=True, append_images=images[1:], duration=[100, 500, 3000])
    result = run(source, target)
    assert result.frames == 3
    assert result.seconds == pytest.approx(3.6, abs=0.06)
    assert end_of(target) == pytest.approx(3.6, abs=0.06)
    if suffix != ".y4m":
        # What livecam wrote is read with the same end.
        run(target, tmp_path / "again.mp4")
        assert end_of(tmp_path / "again.mp4") == pytest.approx(3.6, abs=0.06)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_last_frame_held_keeps_the_audio_in_step(tmp_path, suffix):
    source = clip(tmp_path / "in.mkv", tracks=[("pcm_s16le", 0.0)])
    target = tmp_path / f"out{suffix}"
    run(source, target)
    onsets, end = audio_onsets(target, 0)
    assert onsets == pytest.approx(FLASHES, abs=0.05)
    assert end == pytest.approx(3.0, abs=0.05)
    assert end_of(target) == pytest.approx(3.0, abs=0.05)


def shifted_packets(source, target, seconds):
    """Copy all packets of `source` to `target` with their times shifted, which is no new recording."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        streams = {each.index: output.add_stream_from_template(each) for each in container.streams}
        for packet in container.demux():
            if packet.dts is not None:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts, packet.stream = (
                    packet.pts + ticks,
                    packet.dts + ticks,
                    streams[packet.stream.index],
                )
                output.mux(packet)
    return target


@pytest.mark.parametrize("tracks", [[], [("mp2", 0.0)], [("aac", 0.0), ("mp2", 0.0)]])
@pytest.mark.parametrize("shift", [0.0, 3600.0])
def test_recordings_put_together_go_on_where_the_first_ends(tmp_path, shift, tracks):
    first = clip(tmp_path / "a.ts", tracks=tracks)
    second = shifted_packets(first, tmp_path / "b.ts", shift)
    source, target = tmp_path / "in.ts", tmp_path / "out.mp4"
    source.write_bytes(first.read_bytes() + second.read_bytes())
    result = run(source, target)
    assert result.frames == 180
    expected = [*FLASHES, *(3.0 + flash for flash in FLASHES)]
    assert flashes(target) == pytest.approx(expected, abs=0.1)
    assert np.diff(frame_times(target)) == pytest.approx([1 / 30] * 179, abs=0.05)
    for track in range(len(tracks)):
        onsets, end = audio_onsets(target, track)
        assert onsets == pytest.approx(flashes(target), abs=0.1)
        assert end == pytest.approx(6.0, abs=0.15)


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "aac"), (".mkv", "pcm_s16le"), (".ts", "mp2")])
def test_recording_put_together_with_itself_keeps_the_audio_in_step(tmp_path, suffix, codec):
    first = clip(tmp_path / f"a{suffix}", tracks=[(codec, 0.0)])
    source, target = tmp_path / f"in{suffix}", tmp_path / "out.mp4"
    source.write_bytes(first.read_bytes() * 2)
    assert run(source, target).frames == 180
    lit = flashes(target)
    assert lit == pytest.approx([*FLASHES, *(3.0 + flash for flash in FLASHES)], abs=0.15)
    onsets, _ = audio_onsets(target, 0)
    assert onsets == pytest.approx(lit, abs=0.1)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_reordered_frames_of_an_avi_rise_evenly(tmp_path, codec):
    source, target = tmp_path / "in.avi", tmp_path / "out.mp4"
    with av.open(str(source), "w") as output:
        stream = output.add_stream(codec, rate=30, options={"bf": "2", "b_strategy": "0"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(60):
            image = av.VideoFrame.from_ndarray(np.full((96, 128, 3), 20 + 3 * number, np.uint8))
            image.pts, image.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(image))
        output.mux(stream.encode(None))
    assert run(source, target).frames == 60
    assert frame_times(target) == pytest.approx([number / 30 for number in range(60)], abs=0.001)


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".webm"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_s16be"])
def test_gap_in_pcm_is_filled_with_silence(tmp_path, codec, suffix):
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    clip(source, tracks=[(codec, 0.0)], gap=(0.7, 1.4))
    run(source, target)
    onsets, end = audio_onsets(target, 0)
    assert onsets == pytest.approx(FLASHES, abs=0.03)
    assert end == pytest.approx(3.0, abs=0.05)


def remuxed(source, target):
    """Copy all packets to another container with their times."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        streams = [output.add_stream_from_template(stream) for stream in container.streams]
        for packet in container.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    return target


def samples_in_a_row(path):
    """Seconds of decoded audio, whatever its times say, as an editor reads it."""
    with av.open(str(path)) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".webm"])
@pytest.mark.parametrize("container", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("codec", ["aac", "ac3"])
def test_gap_in_copied_audio_is_filled_with_silence(tmp_path, codec, container, suffix):
    clip(tmp_path / "full.mkv", tracks=[(codec, 0.0)], gap=(0.7, 1.4))
    source = remuxed(tmp_path / "full.mkv", tmp_path / f"in{container}")
    target = tmp_path / f"out{suffix}"
    run(source, target)
    onsets, end = audio_onsets(target, 0)
    assert onsets == pytest.approx(FLASHES, abs=0.05)
    assert end == pytest.approx(3.0, abs=0.1)
    assert samples_in_a_row(target) == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize("container", [".mkv", ".mp4", ".ts", ".flv"])
def test_audio_without_a_gap_is_still_copied(tmp_path, container):
    source = remuxed(clip(tmp_path / "full.mkv", tracks=[("aac", 0.0)]), tmp_path / f"in{container}")
    with av.open(str(source)) as opened:
        assert find_gaps(demux_packets(opened, *opened.streams.audio)) == set()


@pytest.mark.parametrize("rate", [6000, 11000, 37800, 44056, 96000])
@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_sample_rate_is_converted_to_one_of_the_codec(tmp_path, suffix, rate):
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    with av.open(str(source), "w") as output:
        video = output.add_stream("mjpeg", rate=30)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        audio = output.add_stream("pcm_u8", rate=rate)
        audio.codec_context.layout = "mono"
        for number in range(60):
            image = av.VideoFrame(64, 48, "yuvj420p")
            image.pts = number
            output.mux(video.encode(image))
        tone = 128 + 100 * np.sin(np.arange(2 * rate) * 2 * np.pi * 500 / rate) * (np.arange(2 * rate) > rate)
        for at in range(0, 2 * rate, 1000):
            frame = av.AudioFrame.from_ndarray(tone[None, at : at + 1000].astype(np.uint8), "u8", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            output.mux(audio.encode(frame))
        output.mux(audio.encode(None))
    run(source, target)
    onsets, end = audio_onsets(target, 0)
    assert onsets == pytest.approx([1.0], abs=0.05)
    assert end == pytest.approx(2.0, abs=0.15)  # AAC ends with a whole packet


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
@pytest.mark.parametrize(
    ("layout", "kept"),
    [("mono", 1), ("stereo", 2), ("5.0", 5), ("5.1", 6), ("7.1", 8), ("quad", None), ("2.1", None)],
)
def test_channels_are_kept_or_their_loss_is_logged(tmp_path, caplog, suffix, layout, kept):
    source, target = tmp_path / "in.mkv", tmp_path / f"out{suffix}"
    channels = len(av.AudioLayout(layout).channels)
    with av.open(str(source), "w") as output:
        video, audio = output.add_stream("mjpeg", rate=30), output.add_stream("pcm_s32le", rate=RATE)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        audio.codec_context.layout = layout
        image = av.VideoFrame(64, 48, "yuvj420p")
        image.pts = 0
        output.mux(video.encode(image))
        samples = np.zeros((1, channels * RATE // 2), np.int32)
        sound = av.AudioFrame.from_ndarray(samples, "s32", layout)
        sound.sample_rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
        output.mux(audio.encode(sound))
        output.mux(audio.encode(None))
    with caplog.at_level("WARNING", "livecam"):
        run(source, target)
    with av.open(str(target)) as container:
        assert container.streams.audio[0].channels == (kept or 2)
    assert [f"{channels} channels" in each for each in caplog.messages] == ([] if kept else [True])


def test_truncated_clip_says_where_it_breaks_off(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (90, 96, 128, 3), np.uint8)
    source = clip(tmp_path / "in.mp4", frames=noise, options={"movflags": "faststart"})
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    result = run(source, tmp_path / "out.mp4")
    assert 10 < result.frames < 80
    assert result.broken_off_at == pytest.approx(result.seconds, abs=0.04)


TRUNCATED = {
    ".ts": ("libx264", "aac"),
    ".m2ts": ("libx264", "aac"),
    ".avi": ("mpeg4", "libmp3lame"),
    ".nut": ("libx264", "aac"),
    ".flv": ("libx264", "aac"),
    ".mxf": ("mpeg2video", "pcm_s16le"),
    ".mkv": ("libx264", "aac"),
    ".y4m": ("rawvideo", None),
}


def write_noise(path, codec, sound):
    """Write 3 s of noise, 25 frames a second, with a tone."""
    noise = np.random.default_rng(0).integers(0, 255, (75, 96, 128, 3), np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        audio = output.add_stream(sound, rate=RATE) if sound else None
        if audio:
            audio.codec_context.layout = "mono"
        for number, image in enumerate(noise):
            frame = av.VideoFrame.from_ndarray(image)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
            if audio is None:
                continue
            tone = np.zeros((1, RATE // 25), np.int16)
            heard = av.AudioFrame.from_ndarray(tone, "s16", "mono")
            heard.sample_rate, heard.time_base = RATE, Fraction(1, RATE)
            heard.pts = number * (RATE // 25)
            output.mux(audio.encode(heard))
        output.mux(stream.encode(None))
        if audio:
            output.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("suffix", TRUNCATED)
@pytest.mark.parametrize("part", [0.45, 0.6, 0.8])
def test_truncated_file_of_every_container_says_where_it_breaks_off(tmp_path, suffix, part):
    source = write_noise(tmp_path / f"in{suffix}", *TRUNCATED[suffix])
    with VideoReader(source) as reader:
        assert len(list(reader.frames())) >= 74
        assert reader.broken_off_at is None
    content = source.read_bytes()
    source.write_bytes(content[: round(len(content) * part) // 188 * 188 + 77])
    with VideoReader(source) as reader:
        frames = list(reader.frames())
        assert 20 < len(frames) < 70
        assert reader.broken_off_at == pytest.approx(frames[-1].timestamp + 0.04, abs=0.05)


def test_transport_stream_that_begins_within_a_packet_is_complete(tmp_path):
    source = write_noise(tmp_path / "in.ts", "libx264", "aac")
    source.write_bytes(source.read_bytes()[100:])
    with VideoReader(source) as reader:
        assert list(reader.frames())
        assert reader.broken_off_at is None


def test_clip_that_fails_midway_names_its_part(tmp_path, monkeypatch):
    source, target = clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    convert = VideoReader._convert
    monkeypatch.setattr(VideoReader, "_convert", lambda reader, frame: fail_late(reader, frame, convert))
    with pytest.raises(VideoError, match=r"gone.*out\.mp4 keeps the first 1\.0 s"):
        run(source, target)
    assert len(frame_times(target)) == 30


def fail_late(reader, frame, convert):
    if frame.time >= 1.0:
        raise VideoError("the file has gone")
    return convert(reader, frame)


def test_a_missing_clip_leaves_nothing_behind(tmp_path):
    with pytest.raises(VideoError, match="check the name"):
        run(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [KeyboardInterrupt, SinkError])
def test_an_interrupted_conversion_leaves_what_was_done(tmp_path, ending):
    def stop(progress):
        if progress.frames == 40:
            raise ending

    source = clip(tmp_path / "in.mp4", tracks=[("aac", 0.0)])
    with pytest.raises(ending):
        run(source, tmp_path / "out.mp4", progress=stop)
    assert len(frame_times(tmp_path / "out.mp4")) == 40
    assert audio_onsets(tmp_path / "out.mp4", 0)[0] == pytest.approx(flashes(tmp_path / "out.mp4"), abs=0.005)
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["in.mp4", "out.mp4"]
