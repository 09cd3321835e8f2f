"""Demuxing, and the translation of PyAV's errors."""

import ast
import errno
from pathlib import Path

import av
import pytest

from livecam.video.demux import ffmpeg_errors_as_os_errors

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
