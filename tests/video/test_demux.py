"""Demuxing, and the translation of PyAV's errors."""

import ast
import errno
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from livecam.video.demux import ffmpeg_errors_as_os_errors, video_stream

PACKAGE = Path(__file__).parents[2] / "livecam"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EINVAL])
def test_ffmpeg_error_becomes_os_error_with_its_errno(code: int) -> None:
    with pytest.raises(OSError, match="no luck") as caught, ffmpeg_errors_as_os_errors():
        raise av.FFmpegError(code, "no luck")
    assert (caught.value.errno, caught.value.strerror) == (code, "no luck")
    assert isinstance(caught.value.__cause__, av.FFmpegError)


def test_ffmpeg_error_that_is_an_os_error_is_kept() -> None:
    original = av.PermissionError(errno.EACCES, "not allowed")
    with pytest.raises(OSError, match="not allowed") as caught, ffmpeg_errors_as_os_errors():
        raise original
    assert caught.value is original


def test_only_the_video_package_imports_av() -> None:
    importers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "av" for name in names):
                importers.add(path.parent.name)
    assert importers == {"video"}


def write_tracks(path: Path, sizes: list[tuple[int, int]], default: int | None) -> Path:
    with av.open(str(path), "w", container_options={"default_mode": "passthrough"}) as output:
        streams = []
        for index, (width, height) in enumerate(sizes):
            stream = output.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
            stream.disposition = Disposition.default if index == default else Disposition(0)
            streams.append(stream)
        for number in range(3):
            for stream in streams:
                frame = av.VideoFrame(stream.width, stream.height, "yuvj420p")
                frame.pts = number
                output.mux(stream.encode(frame))
    return path


@pytest.mark.parametrize(
    ("default", "expected"), [(None, 1), (0, 0), (1, 1), (2, 2)], ids=["largest", "first", "second", "third"]
)
def test_default_track_else_the_largest_is_chosen(tmp_path: Path, default: int | None, expected: int) -> None:
    path = write_tracks(tmp_path / "a.mkv", [(64, 48), (96, 64), (64, 48)], default)
    with av.open(str(path)) as container:
        assert video_stream(container, path).index == expected


def test_cover_art_is_never_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        cover, video = output.add_stream("mjpeg", rate=25), output.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 640, 480, "yuvj420p"
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        for stream in (cover, video):
            output.mux(stream.encode(av.VideoFrame(stream.width, stream.height, "yuvj420p")))
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
        assert video_stream(container, path).width == 64
