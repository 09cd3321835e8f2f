import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from livecam.core.clock import ManualClock
from livecam.core.errors import VideoError
from livecam.core.geometry import Size
from livecam.video.video_reader import VideoReader

TICK = Fraction(1, 90000)
CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


SMALL = Size(128, 96)


def corners(size=SMALL):
    """Draw red, green, blue and white at top left, top right, bottom left and bottom right."""
    image = np.zeros((size.height, size.width, 3), np.uint8)
    center, half = size.height // 2, size.width // 2
    for index, color in enumerate(CORNERS):
        rows = slice(center, None) if index // 2 else slice(None, center)
        image[rows, slice(half, None) if index % 2 else slice(None, half)] = color
    return image


def numbered(count, size=SMALL):
    """Make frames whose brightness encodes their number."""
    return [np.full((size.height, size.width, 3), 20 + 10 * index, np.uint8) for index in range(count)]


def write_video(
    path,
    frames,
    times=None,
    *,
    codec="libx264",
    pixel_format="yuv420p",
    matrix=1,
    value_range=1,
    is_tagged=True,
    rotation=None,
    options=None,
):
    with av.open(str(path), "w", container_options=options or {}) as output:
        options = {"bf": "2", "crf": "10"} if codec == "libx264" else {}
        stream = output.add_stream(codec, rate=30, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pixel_format, TICK
        if is_tagged:
            stream.codec_context.colorspace, stream.codec_context.color_range = matrix, value_range
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1])
        for index, frame in enumerate(frames):
            image = av.VideoFrame.from_ndarray(frame).reformat(
                format=pixel_format, dst_colorspace=matrix, dst_color_range=value_range
            )
            seconds = index / 30 if times is None else times[index]
            image.pts, image.time_base = round(seconds / TICK), TICK
            output.mux(stream.encode(image))
        output.mux(stream.encode(None))
    return path


def number_of(frame):
    return round((float(frame.mean()) - 20) / 10)


def corner_colors(frame):
    height, width = frame.shape[:2]
    places = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [tuple(int(value > 127) * 255 for value in frame[place]) for place in places]


def test_frames_are_in_order_with_the_timestamps_of_the_file(tmp_path):
    times = [0, 0.01, 0.5, 0.517, 2.0, 2.04, 3.9, 4.0]
    path = write_video(tmp_path / "a.mp4", numbered(8), times)
    with VideoReader(path) as reader:
        decoded = [(number_of(frame.image), frame.timestamp) for frame in reader.frames()]
    assert [number for number, _ in decoded] == list(range(8))
    assert [seconds for _, seconds in decoded] == pytest.approx(times, abs=1e-4)


def test_reader_entered_has_the_properties_of_the_file(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(15))) as reader:
        assert reader.size == Size(128, 96)
        assert reader.fps == pytest.approx(30)
        assert reader.frame_count == 15
        assert reader.duration_seconds == pytest.approx(0.5, abs=0.02)
        assert not reader.has_audio


def test_impossible_rate_of_a_header_is_not_believed(tmp_path):
    source = write_video(tmp_path / "a.mkv", numbered(15))
    with av.open(str(source)) as container, av.open(str(tmp_path / "b.mkv"), "w") as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    with av.open(str(tmp_path / "b.mkv")) as container:
        # PyAV passes on the time base as the rate.
        assert container.streams.video[0].average_rate > 1000
    with VideoReader(tmp_path / "b.mkv") as reader:
        assert reader.fps == pytest.approx(30, rel=0.02)


def test_reader_iterated_again_starts_at_the_first_frame(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(5))) as reader:
        for _ in range(2):
            assert [number_of(frame) for frame in reader] == list(range(5))


def test_frames_are_new_arrays(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(5, Size(70, 46)))) as reader:
        frames = list(reader)
    for number, frame in enumerate(frames):
        assert frame.dtype == np.uint8
        assert frame.flags.c_contiguous
        assert number_of(frame) == number
        frame[:] = 0


@pytest.mark.parametrize("is_realtime", [False, True])
@pytest.mark.parametrize("size", [Size(128, 96), Size(1280, 720)])
@pytest.mark.parametrize(("matrix", "value_range"), [(1, 1), (5, 1), (1, 2), (5, 2)])
def test_colors_follow_the_tags(tmp_path, matrix, value_range, size, is_realtime):
    frame = np.full((size.height, size.width, 3), (200, 30, 60), np.uint8)
    path = write_video(tmp_path / "a.mp4", [frame], matrix=matrix, value_range=value_range)
    with VideoReader(path, realtime=is_realtime, clock=ManualClock()) as reader:
        assert np.abs(next(iter(reader)).astype(int) - frame).max() <= 5


@pytest.mark.parametrize(("size", "matrix"), [(Size(128, 96), 5), (Size(1280, 720), 1)])
def test_untagged_video_gets_the_matrix_of_players(tmp_path, size, matrix):
    frame = np.full((size.height, size.width, 3), (200, 30, 60), np.uint8)
    with VideoReader(write_video(tmp_path / "a.mp4", [frame], matrix=matrix, is_tagged=False)) as reader:
        assert np.abs(next(iter(reader)).astype(int) - frame).max() <= 5


def test_exact_conversion_is_not_darker_than_its_source(tmp_path):
    frame = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    path = write_video(tmp_path / "a.mkv", [frame], codec="ffv1")
    with VideoReader(path) as reader:
        assert abs((next(iter(reader)).astype(int) - frame).mean()) < 0.3


@pytest.mark.parametrize(
    ("codec", "pixel_format"), [("libx264", "yuv420p10le"), ("libx264", "yuv444p"), ("ffv1", "yuv420p")]
)
def test_deep_and_odd_sized_video_is_read(tmp_path, codec, pixel_format):
    size = Size(128, 96) if codec == "libx264" else Size(127, 95)
    with VideoReader(
        write_video(tmp_path / "a.mkv", [corners(size)] * 2, codec=codec, pixel_format=pixel_format)
    ) as reader:
        frames = list(reader)
    assert [Size.of(frame) for frame in frames] == [size] * 2
    assert corner_colors(frames[0]) == list(CORNERS)


RED, GREEN, BLUE, WHITE = CORNERS


@pytest.mark.parametrize(
    ("degrees", "is_flipped", "expected"),
    [
        (0, False, [RED, GREEN, BLUE, WHITE]),
        (90, False, [GREEN, WHITE, RED, BLUE]),
        (180, False, [WHITE, BLUE, GREEN, RED]),
        (270, False, [BLUE, RED, WHITE, GREEN]),
        (0, True, [GREEN, RED, WHITE, BLUE]),
        (180, True, [BLUE, WHITE, RED, GREEN]),
        (90, True, [WHITE, GREEN, BLUE, RED]),
        (270, True, [RED, BLUE, GREEN, WHITE]),
    ],
)
def test_rotated_or_flipped_video_is_upright(tmp_path, degrees, is_flipped, expected):
    # FFmpeg's matrix rotates counterclockwise; whether it flips before or after is part of the matrix.
    path = write_video(tmp_path / "a.mp4", [corners()] * 2, rotation=(degrees, is_flipped))
    with VideoReader(path) as reader:
        frames = list(reader)
        assert reader.size == (Size(96, 128) if degrees % 180 else Size(128, 96))
    assert corner_colors(frames[0]) == corner_colors(frames[1]) == expected


def test_phone_video_with_track_matrix_is_upright(tmp_path):
    path = write_video(tmp_path / "a.mp4", [corners()])
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 44
    # The matrix that phones write for upright video: 90 degrees clockwise.
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 96 << 16, 0, 1 << 30)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        assert corner_colors(next(iter(reader))) == [BLUE, RED, WHITE, GREEN]


def test_anamorphic_video_gets_square_pixels(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 96, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(corners(Size(96, 96)))))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        assert reader.size == Size(128, 96)
        assert Size.of(next(iter(reader))) == reader.size


@pytest.mark.parametrize("suffix", [".gif", ".png"])
def test_animated_images_keep_their_timestamps(tmp_path, suffix):
    images = [Image.fromarray(frame) for frame in numbered(3)]
    path = tmp_path / f"a{suffix}"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 300, 200])
    with VideoReader(path) as reader:
        decoded = [(number_of(frame.image), frame.timestamp) for frame in reader.frames()]
    assert [number for number, _ in decoded] == [0, 1, 2]
    assert [seconds for _, seconds in decoded] == pytest.approx([0, 0.1, 0.4])


def test_size_change_within_a_stream_keeps_the_first_size(tmp_path):
    parts = [
        write_video(tmp_path / f"{i}.h264", numbered(4, size))
        for i, size in enumerate([Size(128, 96), Size(64, 96)])
    ]
    path = tmp_path / "a.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with VideoReader(path) as reader:
        decoded = [(Size.of(frame.image), frame.timestamp) for frame in reader.frames()]
    assert [size for size, _ in decoded] == [Size(128, 96)] * 8
    # Such a stream has no timestamps.
    assert all(np.diff([seconds for _, seconds in decoded]) > 0)


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_truncated_video_yields_the_frames_before_the_end(tmp_path, suffix):
    frames = list(np.random.default_rng(0).integers(0, 255, (30, 96, 128, 3), np.uint8))
    path = write_video(tmp_path / f"a{suffix}", frames)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoReader(path) as reader:
        count = sum(1 for _ in reader)
    assert 8 <= count < 30


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_video_says_where_it_breaks_off(tmp_path, suffix):
    frames = list(np.random.default_rng(0).integers(0, 255, (60, 96, 128, 3), np.uint8))
    path = write_video(tmp_path / f"a{suffix}", frames, options={"movflags": "faststart"})
    content = path.read_bytes()
    for size, is_whole in ((len(content), True), (len(content) // 2, False)):
        path.write_bytes(content[:size])
        with VideoReader(path) as reader:
            last = [frame.timestamp for frame in reader.frames()][-1]
            expected = None if is_whole else pytest.approx(last + 1 / 30, abs=0.002)
            assert reader.broken_off_at == expected


def test_last_frame_that_is_held_is_no_broken_file(tmp_path):
    images = [Image.fromarray(frame) for frame in numbered(2)]
    path = tmp_path / "a.gif"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 3000])
    with VideoReader(path) as reader:
        assert len(list(reader.frames())) == 2
        assert reader.broken_off_at is None


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, CORNERS), (6, (CORNERS[2], CORNERS[0], CORNERS[3], CORNERS[1])), (3, CORNERS[::-1])],
)
def test_frames_with_unknown_side_data_are_read_upright(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "camera", orientation
    path, image = tmp_path / "a.apng", Image.fromarray(corners())
    image.save(path, format="PNG", save_all=True, append_images=[image.rotate(180)], duration=100, exif=exif)
    with VideoReader(path) as reader:
        frames = list(reader.frames())
    assert len(frames) == 2
    assert corner_colors(frames[0].image) == list(expected)


def test_video_with_a_damaged_frame_goes_on_after_it(tmp_path):
    path = write_video(tmp_path / "a.mov", numbered(20), codec="prores_ks", pixel_format="yuv422p10le")
    content = bytearray(path.read_bytes())
    start = content.index(b"icpf", len(content) // 2)
    content[start - 4 : start + 60] = bytes(64)
    path.write_bytes(content)
    with VideoReader(path) as reader:
        decoded = [number_of(frame) for frame in reader]
    assert decoded[0] == 0
    assert decoded[-1] == 19
    assert len(decoded) == 19


def write_audio_only(path):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=48000)
        for index in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, index * 1024, Fraction(1, 48000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def cut_to_nothing(path):
    content = write_video(path, numbered(3)).read_bytes()
    start = content.index(b"mdat") + 4
    path.write_bytes(
        content[:start] + bytes(len(content[start:])) if content.index(b"moov") < start else content[:start]
    )


@pytest.mark.parametrize(
    ("name", "make", "remedy"),
    [
        ("missing.mp4", lambda path: None, "check the name"),
        ("folder.mp4", lambda path: path.mkdir(), "name a video file"),
        ("empty.mp4", lambda path: path.touch(), "plays"),
        ("garbage.mp4", lambda path: path.write_bytes(bytes(range(256)) * 100), "plays"),
        ("letter.txt", lambda path: path.write_text("Dear all,\n" * 200), "with frames"),
        ("song.mp4", write_audio_only, "with frames"),
        ("headless.mp4", cut_to_nothing, "plays"),
    ],
)
def test_unusable_file_is_an_error_with_a_hint(tmp_path, name, make, remedy):
    make(tmp_path / name)
    with pytest.raises(VideoError, match=remedy) as caught, VideoReader(tmp_path / name):
        pass
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_video_without_decodable_frame_is_an_error(tmp_path):
    path = write_video(tmp_path / "a.mov", numbered(3), codec="prores_ks", pixel_format="yuv422p10le")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"icpf", b"\0\0\0\0"))
    with pytest.raises(VideoError, match="complete"), VideoReader(path):
        pass


def test_name_with_a_colon_is_not_a_protocol(tmp_path, monkeypatch):
    write_video(tmp_path / "plain.mp4", numbered(2)).rename(tmp_path / "http:a.mp4")
    monkeypatch.chdir(tmp_path)
    with VideoReader("http:a.mp4") as reader:
        assert len(list(reader)) == 2


def test_looped_realtime_reader_repeats_without_a_gap(tmp_path):
    clock = ManualClock(50.0)
    with VideoReader(
        write_video(tmp_path / "a.mp4", numbered(6)), loop=True, realtime=True, clock=clock
    ) as reader:
        decoded = [(number_of(frame), clock.now()) for frame, _ in zip(reader, range(20), strict=False)]
    assert [number for number, _ in decoded] == [index % 6 for index in range(20)]
    assert [seconds for _, seconds in decoded] == pytest.approx(
        [50 + index / 30 for index in range(20)], abs=1e-3
    )


def test_looped_realtime_reader_holds_the_last_frame(tmp_path):
    images = [Image.fromarray(frame) for frame in numbered(2)]
    path, clock = tmp_path / "a.gif", ManualClock()
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100, 3000], loop=0)
    with VideoReader(path, loop=True, realtime=True, clock=clock) as reader:
        times = [clock.now() for _, _ in zip(reader, range(4), strict=False)]
    assert times == pytest.approx([0, 0.1, 3.1, 3.2], abs=0.02)


def test_delayed_realtime_reader_keeps_its_rate(tmp_path):
    clock, arrivals = ManualClock(), []
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(10)), realtime=True, clock=clock) as reader:
        for index, _ in enumerate(reader):
            arrivals.append(clock.now())
            clock.seconds += 5.0 if index == 3 else 0.0
    steps = np.diff(arrivals)
    assert steps[3] == pytest.approx(5.0, abs=0.04)
    assert np.delete(steps, 3) == pytest.approx([1 / 30] * 8, abs=1e-3)


def test_looped_reader_of_a_deleted_file_raises(tmp_path):
    path = write_video(tmp_path / "a.mp4", numbered(3))
    with VideoReader(path, loop=True) as reader:
        frames = iter(reader)
        for _ in range(3):
            next(frames)
        path.unlink()
        with pytest.raises(VideoError, match="check the name"):
            next(frames)


def test_close_called_again_does_nothing(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(3))) as reader:
        pass
    reader.close()


def test_frames_of_a_looped_reader_are_one_round_at_once(tmp_path):
    clock = ManualClock(7.0)
    path = write_video(tmp_path / "a.mp4", numbered(4))
    with VideoReader(path, loop=True, realtime=True, clock=clock) as reader:
        for _ in range(2):
            frames = list(reader.frames())
            assert [frame.number for frame in frames] == [0, 1, 2, 3]
            assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 3]
    assert clock.now() == 7.0


def test_format_description_has_size_and_rate(tmp_path):
    with VideoReader(write_video(tmp_path / "a.mp4", numbered(3))) as reader:
        assert reader.format_description == "128x96 at 30 fps"
