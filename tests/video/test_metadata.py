"""What a conversion keeps of title, dates, chapters and subtitles, and that it does not tell the place."""

import shutil
from fractions import Fraction

import av
import numpy as np
import pytest

from livecam.runtime.convert import convert_video
from livecam.video.containers import CONTAINER_FORMATS
from livecam.video.metadata import MetadataPolicy, list_missing, read_metadata, tells_location
from livecam.video.subtitles import SubtitleStreamWriter
from tests.support.fake_pipeline import IdentityPipeline
from tests.support.subtitles import MILLISECOND, add_subtitles, subtitle_packet, subtitles_of

PLACE = "+48.1372+011.5756/"
TAGS = {
    "title": "My talk",
    "artist": "Ada",
    "comment": "The first take",
    "creation_time": "2024-05-01T10:00:00.000000Z",
    "shoe_size": "42",
}
PLACES = {
    "location": PLACE,
    "location-eng": PLACE,
    "com.apple.quicktime.location.ISO6709": "+48.1372+011.5756+519.000/",
    "com.apple.quicktime.location.accuracy.horizontal": "4.5",
    "com.apple.quicktime.creationdate": "2024-05-01T12:00:00+0200",
    "GPSLatitude": "48/1 8/1 13/1",
    "RECORDING_LOCATION": "Munich",
    "xyz": PLACE,
    "com.vendor.xml": "<meta><Latitude>48.1372</Latitude></meta>",
    "description": "GPS (48.1372,11.5756,19)",
    "city": "Munich",
}
CHAPTERS = [(0.0, 1.0, "Intro"), (1.0, 2.0, "Main part")]
LINES = [(0.2, 0.9, "Hello"), (1.1, 1.8, "Second line")]


def write_clip(path, *, tags=TAGS, chapters=CHAPTERS, lines=LINES, codec="subrip", start=0.0, frames=20):
    """Write 10 frames a second from `start` on, with tags, chapters and one German subtitle stream."""
    with av.open(str(path), "w") as output:
        output.metadata.update(tags)
        if chapters:
            output.set_chapters(
                [
                    {
                        "id": number,
                        "start": round((start + first) * 1000),
                        "end": round((start + last) * 1000),
                        "time_base": MILLISECOND,
                        "metadata": {"title": title},
                    }
                    for number, (first, last, title) in enumerate(chapters, 1)
                ]
            )
        stream = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = MILLISECOND
        texts = add_subtitles(output, codec) if lines else None
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 3 * number, np.uint8))
            frame.pts, frame.time_base = round(start * 1000) + 100 * number, MILLISECOND
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for first, last, text in lines:
            output.mux(subtitle_packet(texts, start + first, start + last, text))
    return path


def convert(source, target, **settings):
    return convert_video(source, target, IdentityPipeline(), **settings)


def tags_of(path):
    with av.open(str(path)) as container:
        return {key.lower(): value for key, value in container.metadata.items()}


def chapters_of(path):
    with av.open(str(path)) as container:
        return [
            (float(each["start"] * each["time_base"]), float(each["end"] * each["time_base"]),
             each["metadata"]["title"])
            for each in container.chapters()
        ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_tags_and_creation_time_are_kept(tmp_path, suffix):
    result = convert(write_clip(tmp_path / "in.mkv"), tmp_path / f"out{suffix}")
    kept = tags_of(tmp_path / f"out{suffix}")
    expected = dict(TAGS) if suffix == ".webm" else {key: TAGS[key] for key in TAGS if key != "shoe_size"}
    assert {key: kept.get(key) for key in expected} == expected
    assert result.lost_metadata == (() if suffix == ".webm" else ("shoe_size",))
    assert not result.location_dropped


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("start", [0.0, 5.0])
def test_chapters_and_subtitles_keep_their_times(tmp_path, suffix, start):
    source = write_clip(tmp_path / "in.mkv", start=start)
    result = convert(source, tmp_path / f"out{suffix}")
    for actual, expected in zip(chapters_of(tmp_path / f"out{suffix}"), CHAPTERS, strict=True):
        assert actual[:2] == pytest.approx(expected[:2], abs=0.01)
        assert actual[2] == expected[2]
    language, lines = subtitles_of(tmp_path / f"out{suffix}")
    assert language == (None if suffix == ".mov" else "deu")  # QuickTime has no language of ISO 639-2
    assert [line[2] for line in lines] == [line[2] for line in LINES]
    for actual, expected in zip(lines, LINES, strict=True):
        assert actual[:2] == pytest.approx(expected[:2], abs=0.01)
    assert (result.subtitle_streams, result.dropped_subtitle_streams) == (1, 0)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("ass", ".mkv"), ("webvtt", ".webm.mkv"), ("mov_text", ".mp4")]
)
def test_text_subtitles_of_every_codec_are_converted(tmp_path, codec, suffix):
    source = write_clip(tmp_path / f"in{suffix}", codec=codec)
    for target in ("out.mp4", "out.webm"):
        convert(source, tmp_path / target)
        assert [line[2] for line in subtitles_of(tmp_path / target)[1]] == ["Hello", "Second line"]


def test_subtitles_of_images_are_named_as_left_out(tmp_path):
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.add_mux_stream("hdmv_pgs_subtitle")
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    result = convert(tmp_path / "in.mkv", tmp_path / "out.mp4")
    assert (result.subtitle_streams, result.dropped_subtitle_streams) == (0, 1)


@pytest.mark.parametrize("name", ["out.y4m", "folder/"])
def test_what_holds_no_metadata_names_all(tmp_path, name):
    result = convert(write_clip(tmp_path / "in.mkv"), f"{tmp_path}/{name}")
    assert result.lost_metadata == (*sorted(TAGS), "chapters")
    assert result.dropped_subtitle_streams == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("name", sorted(PLACES))
def test_place_of_a_clip_is_dropped_and_kept_on_request(tmp_path, suffix, name):
    source = write_clip(tmp_path / "in.mkv", tags={"title": "My talk", name: PLACES[name]})
    result = convert(source, tmp_path / f"out{suffix}")
    assert result.location_dropped == ("creationdate" not in name)
    content = (tmp_path / f"out{suffix}").read_bytes()
    for secret in (b"48.1372", b"+0200", b"Munich", b"48/1"):
        assert secret not in content
    assert tags_of(tmp_path / f"out{suffix}")["title"] == "My talk"


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("name", ["location", "com.apple.quicktime.location.ISO6709"])
def test_place_is_kept_on_request(tmp_path, suffix, name):
    source = write_clip(tmp_path / "in.mkv", tags={name: PLACE})
    result = convert(source, tmp_path / f"out{suffix}", metadata=MetadataPolicy.ALL)
    assert tags_of(tmp_path / f"out{suffix}")["location"] == PLACE
    assert not result.location_dropped


def test_place_in_subtitles_of_a_drone_is_dropped_and_kept_on_request(tmp_path):
    lines = [(0.1, 0.9, "Hello"), (1.0, 1.9, "[latitude: 48.1372] [longitude: 11.5756]")]
    source = write_clip(tmp_path / "in.mkv", lines=lines)
    convert(source, tmp_path / "out.mp4")
    assert [line[2] for line in subtitles_of(tmp_path / "out.mp4")[1]] == ["Hello"]
    convert(source, tmp_path / "all.mp4", metadata=MetadataPolicy.ALL)
    assert len(subtitles_of(tmp_path / "all.mp4")[1]) == 2


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_no_metadata_is_kept_on_request(tmp_path, suffix):
    source = write_clip(tmp_path / "in.mkv", tags=TAGS | PLACES)
    result = convert(source, tmp_path / f"out{suffix}", metadata=MetadataPolicy.NONE)
    assert not set(tags_of(tmp_path / f"out{suffix}")) & set(TAGS)
    assert chapters_of(tmp_path / f"out{suffix}") == []
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        assert not container.streams.subtitles
    assert (result.lost_metadata, result.location_dropped, result.dropped_subtitle_streams) == ((), False, 0)


@pytest.mark.parametrize(
    ("policy", "title", "kept"),
    [
        (MetadataPolicy.WITHOUT_LOCATION, "Commentary", True),
        (MetadataPolicy.WITHOUT_LOCATION, "GPS 48.1372 11.5756", False),
        (MetadataPolicy.ALL, "GPS 48.1372 11.5756", True),
        (MetadataPolicy.NONE, "Commentary", False),
    ],
)
def test_title_of_an_audio_track_follows_the_policy_and_its_language_stays(tmp_path, policy, title, kept):
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = output.add_stream("aac", rate=48000)
        sound.codec_context.layout = "mono"
        sound.metadata.update({"language": "deu", "title": title})
        for number in range(10):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * number, np.uint8))))
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), "s16", "mono")
            silence.sample_rate, silence.time_base = 48000, Fraction(1, 48000)
            silence.pts = 4800 * number
            output.mux(sound.encode(silence))
        output.mux(stream.encode(None))
        output.mux(sound.encode(None))
    convert(tmp_path / "in.mkv", tmp_path / "out.webm", metadata=policy)
    with av.open(str(tmp_path / "out.webm")) as container:
        (sound,) = container.streams.audio
        assert sound.metadata.get("title") == (title if kept else None)
        assert sound.metadata["language"] == "deu"


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_unfinished_conversion_with_subtitles_plays_to_its_last_seconds(tmp_path, suffix):
    source = write_clip(tmp_path / "in.mkv", frames=80, lines=[(0.2, 0.9, "Hello")])

    def copy_at_the_end(progress):
        if progress.frames == 80:
            (partial,) = tmp_path.glob(".out.partial*")
            shutil.copy(partial, tmp_path / f"copy{suffix}")

    convert(source, tmp_path / f"out{suffix}", progress=copy_at_the_end)
    with av.open(str(tmp_path / f"copy{suffix}")) as container:
        times = [float(packet.pts * packet.time_base) for packet in container.demux(video=0) if packet.size]
    assert max(times) >= 5.5


@pytest.mark.parametrize(
    "text", ["", "My talk", "1+1", "2024-05-01T10:00:00+0200", "Take 3, late 5.1 mix", "+49 89 1234"]
)
def test_usual_texts_tell_no_place(text):
    assert not tells_location(text)


def test_language_copies_of_a_tag_are_listed_once(tmp_path):
    source = write_clip(tmp_path / "in.mkv", tags={"title": "A", "title-eng": "A", "ENCODER": "x"})
    with av.open(str(source)) as container:
        assert dict(read_metadata(container, MetadataPolicy.ALL, 0.0).tags) == {"title": "A"}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_chapter_before_the_start_or_without_a_duration_does_not_end_a_conversion(tmp_path, suffix):
    source = write_clip(tmp_path / "in.mkv", chapters=[(0.0, 0.5, "A"), (0.5, 0.5, "B")], start=3.0)
    with av.open(str(source)) as container:
        metadata = read_metadata(container, MetadataPolicy.ALL, 3.4)
    assert [each.start for each in metadata.chapters] == pytest.approx([0.0, 0.1])
    assert [each.end for each in metadata.chapters] == pytest.approx([0.1, 0.1])
    assert convert(source, tmp_path / f"out{suffix}").frames == 20


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_subtitle_lines_out_of_order_get_times_that_a_muxer_takes(tmp_path, suffix):
    source = write_clip(tmp_path / "in.mkv")
    target = str(tmp_path / f"out{suffix}")
    with av.open(str(source)) as container, av.open(target, "w") as output:
        stream = container.streams.subtitles[0]
        format_ = CONTAINER_FORMATS[suffix]
        writer = SubtitleStreamWriter(output, format_, stream, 0.0, keep_location=False)
        packets = [packet for packet in container.demux(stream) if packet.size]
        converted = [each for packet in reversed(packets) for each in writer.convert(packet)]
        times = [float(each.pts * each.time_base) for each in converted]
        output.mux(converted)
    assert times == sorted(times)
    assert times[0] == pytest.approx(1.1, abs=0.01)


def test_file_that_holds_all_misses_nothing(tmp_path):
    source = write_clip(tmp_path / "in.mkv")
    with av.open(str(source)) as container:
        metadata = read_metadata(container, MetadataPolicy.ALL, 0.0)
    assert list_missing(metadata, source) == ()
    assert list_missing(metadata, tmp_path / "none") == (*sorted(TAGS), "chapters")
    (tmp_path / "damaged").write_bytes(bytes(100))
    assert list_missing(metadata, tmp_path / "damaged") == ()
