"""`livecam clip`: frames in, as many frames out."""

import json
import signal
from pathlib import Path

import av
import numpy as np
import pytest

from livecam.cli.main import main
from livecam.sinks.recorder import Recorder
from tests.support.command_line import (
    FAILED,
    INTERRUPTED,
    LARGE,
    USAGE,
    corner_color,
    read_frames,
    run_and_fail,
    start_livecam,
    wait_for,
)
from tests.support.fakes import secret_frame
from tests.video.test_metadata import tags_of, write_clip

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def clip_path(folder: Path) -> Path:
    """A video of 30 frames: a person in a room."""
    path = folder / "source.mp4"
    with Recorder(path, LARGE, 30) as recorder:
        for number in range(30):
            recorder.send(secret_frame(number, LARGE), number / 30)
    return path


def test_clip_keeps_the_number_of_frames(clip_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(f"clip {clip_path} o.mp4 --model green.tflite -b navy".split()) == 0
    output = capfd.readouterr()
    assert output.out == "o.mp4: 30 frames, 1.00 s\n"
    assert output.err == ""
    frames = read_frames("o.mp4")
    assert len(frames) == 30
    assert corner_color("o.mp4") == pytest.approx((0, 0, 128), abs=8)
    code, line = run_and_fail(f"clip {clip_path} o.mp4 --model green.tflite", capfd)
    assert (code, "--overwrite" in line) == (USAGE, True)
    code, line = run_and_fail(f"clip {clip_path} {clip_path} --model green.tflite --overwrite", capfd)
    assert (code, "the clip itself" in line) == (USAGE, True)


def test_clip_to_png_folder_with_trailing_slash(clip_path: Path) -> None:
    assert main(f"clip {clip_path} take.1/ --model green.tflite -b navy --quiet".split()) == 0
    assert len(list(Path("take.1").glob("*.png"))) == 30


def test_truncated_clip_names_place_and_part(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0)
    with av.open("in.mp4", "w", container_options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = LARGE.width, LARGE.height, "yuv420p"
        for _ in range(60):
            image = noise.integers(0, 255, (LARGE.height, LARGE.width, 3), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        output.mux(stream.encode(None))
    path = folder / "in.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # A script must notice that a part is missing.
    assert main(["clip", "in.mp4", "o.mp4", "--model", "green.tflite", "-b", "navy"]) == FAILED
    error = capfd.readouterr().err
    assert "in.mp4 breaks off at" in error
    assert "o.mp4 keeps what is before" in error


def test_clip_says_what_of_the_metadata_is_left_out(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tags = {"title": "My talk", "location": "+48.1372+011.5756/", "shoe_size": "42"}
    write_clip(folder / "in.mkv", tags=tags)
    command = "clip in.mkv o.mp4 --model green.tflite -b navy --overwrite --quiet"
    assert main(command.split()) == 0
    output = capfd.readouterr()
    assert output.out == "o.mp4: 20 frames, 2.00 s, 1 subtitle stream(s)\n"
    assert "left out: shoe_size\n" in output.err
    assert "o.mp4 does not tell where the clip was made; --keep-metadata" in output.err
    assert "location" not in tags_of("o.mp4")
    assert main(f"{command} --keep-metadata".split()) == 0
    assert "where the clip was made" not in capfd.readouterr().err
    assert tags_of("o.mp4")["location"] == "+48.1372+011.5756/"
    assert main(f"{command} --no-metadata".split()) == 0
    output = capfd.readouterr()
    assert (output.out, output.err) == ("o.mp4: 20 frames, 2.00 s\n", "")
    assert "title" not in tags_of("o.mp4")
    code, line = run_and_fail(f"{command} --no-metadata --keep-metadata", capfd)
    assert (code, "not allowed with" in line) == (USAGE, True)
    assert main(command.replace("mp4", "y4m").split()) == 0
    assert "left out: shoe_size, title, chapters, 1 subtitle stream(s)\n" in capfd.readouterr().err


def test_interrupted_clip_is_playable(folder: Path) -> None:
    with Recorder("long.mp4", LARGE, 30) as recorder:
        for number in range(300):
            recorder.send(secret_frame(number % 4, LARGE), number / 30)
    with start_livecam("clip long.mp4 o.mp4 --model green.tflite -b blur") as process:
        wait_for(lambda: any(path.stat().st_size > 3_000 for path in folder.glob(".o.partial*")))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == INTERRUPTED
        assert process.stderr.read() == "livecam: interrupted\n"
    assert 3 < len(read_frames("o.mp4")) < 300


def write_folder(folder: Path, clip_path: Path) -> Path:
    clips = folder / "clips"
    clips.mkdir()
    for name in ("a", "b"):
        (clips / f"{name}.mp4").write_bytes(clip_path.read_bytes())
    (clips / "broken.mp4").write_bytes(b"no video" * 99)
    return clips


def test_folder_in_folder_out_with_failures_at_the_end(
    folder: Path, clip_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = write_folder(folder, clip_path)
    command = f"clip {clips} {clip_path} out --model green.tflite -b navy"
    assert main(command.split()) == FAILED
    output = capfd.readouterr()
    assert output.out.startswith("3 of 4 clips converted: 90 frames, 3.00 s, ")
    assert output.err.splitlines() == [
        f"livecam: {clips}/broken.mp4 is no video, or cut off before its index; try whether it plays"
    ]
    assert [len(read_frames(f"out/{name}.mp4")) for name in ("a", "b", "source")] == [30, 30, 30]
    (clips / "broken.mp4").unlink()
    assert main(command.split()) == 0
    assert capfd.readouterr().out.startswith("0 of 3 clips converted, 3 done before")


def test_json_summary_of_one_and_of_several_clips(
    folder: Path, clip_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clips = write_folder(folder, clip_path)
    assert main(f"clip {clips} out --model green.tflite -b transparent --json".split()) == FAILED
    summary = json.loads(capfd.readouterr().out)
    assert (summary["converted"], summary["failed"], summary["frames"]) == (2, 1, 60)
    assert summary["frames_per_second"] > 0
    assert [Path(each["output"]).name for each in summary["clips"]] == ["broken.webm", "a.webm", "b.webm"]
    assert main(f"clip {clip_path} o.mp4 --model green.tflite --json".split()) == 0
    (only,) = json.loads(capfd.readouterr().out)["clips"]
    assert (only["output"], only["frames"], only["state"]) == ("o.mp4", 30, "converted")


def test_several_clips_need_a_folder(
    folder: Path, clip_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("taken").write_bytes(b"")
    code, line = run_and_fail(f"clip {clip_path} room.png taken --model green.tflite", capfd)
    assert (code, "taken is a file" in line) == (USAGE, True)
    code, line = run_and_fail(f"clip {clip_path} o.mp4 --format webm --model green.tflite", capfd)
    assert (code, "--format is for several" in line) == (USAGE, True)
