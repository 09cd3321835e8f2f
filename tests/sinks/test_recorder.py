import errno
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from livecam.core.clock import ManualClock
from livecam.core.errors import FrameError, SinkError, UsageError
from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from livecam.video.containers import CONTAINER_FORMATS
from livecam.video.partial_output import PartialOutput

SIZE = Size(128, 96)
VIDEOS = sorted(CONTAINER_FORMATS)


def photo(size=SIZE):
    return np.asarray(Image.fromarray(astronaut()).resize(size, Image.Resampling.BOX))


def noise(count, size=SIZE):
    return list(np.random.default_rng(0).integers(0, 255, (count, size.height, size.width, 3), np.uint8))


def record(path, frames, seconds=None, size=SIZE, fps=30.0, **settings):
    with Recorder(path, size, fps, **settings) as recorder:
        for index, frame in enumerate(frames):
            recorder.send(frame, index / fps if seconds is None else seconds[index])
    return recorder


def play(path):
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def rgb(video_frame):
    return video_frame.to_ndarray(
        format="rgb24", src_colorspace="ITU709" if video_frame.colorspace == 1 else "ITU601"
    )


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("suffix", VIDEOS)
def test_every_video_gives_back_all_frames_in_their_colors(tmp_path, suffix):
    recorder = record(tmp_path / f"a{suffix}", [photo()] * 40)
    images = play(tmp_path / f"a{suffix}")
    assert len(images) == recorder.frames == 40
    for video_frame in (images[0], images[-1]):
        # A wrong matrix or range is off by 8 and more on average.
        assert np.abs(rgb(video_frame).astype(int) - photo()).mean() < 5
    assert names(tmp_path) == [f"a{suffix}"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_colors_are_tagged_as_bt709_in_limited_range(tmp_path, suffix):
    record(tmp_path / f"a{suffix}", [photo()] * 2)
    video_frame = play(tmp_path / f"a{suffix}")[0]
    assert (video_frame.colorspace, video_frame.color_range) == (1, 1)


@pytest.mark.parametrize("name", ["take", "take.1/"])
def test_a_folder_holds_numbered_pngs_without_any_loss(tmp_path, name):
    frames = noise(3)
    record(f"{tmp_path}/{name}", frames)
    assert names(tmp_path / name) == ["000001.png", "000002.png", "000003.png"]
    for frame, file in zip(frames, sorted((tmp_path / name).iterdir()), strict=True):
        assert np.array_equal(np.asarray(Image.open(file)), frame)


def cutout():
    alpha = np.zeros((SIZE.height, SIZE.width, 1), np.uint8)
    alpha[:, SIZE.width // 2 :] = 255
    return np.concatenate([photo() * (alpha > 0), alpha], axis=2)


def test_a_folder_of_cutouts_keeps_them_exactly(tmp_path):
    record(tmp_path / "take", [cutout()], transparent=True)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "take" / "000001.png")), cutout())


@pytest.mark.parametrize(("suffix", "decoder"), [(".webm", "libvpx-vp9"), (".mov", "prores")])
def test_a_transparent_video_carries_color_and_alpha(tmp_path, suffix, decoder):
    path = tmp_path / f"a{suffix}"
    record(path, [cutout()] * 5, transparent=True)
    images = []
    with av.open(str(path)) as container:
        context = av.CodecContext.create(decoder, "r")
        context.extradata = container.streams.video[0].codec_context.extradata
        for packet in container.demux(video=0):
            images += context.decode(packet) if packet.size else []
    assert len(images) == 5
    assert images[-1].format.name.startswith("yuva")
    rgba = images[-1].to_ndarray(format="rgba", src_colorspace="ITU709").astype(int)
    assert np.abs(rgba[..., 3] - cutout()[..., 3]).mean() < 3
    assert np.abs(rgba[:, SIZE.width // 2 + 8 :] - cutout()[:, SIZE.width // 2 + 8 :]).mean() < 6
    # Matroska's AlphaMode = 1, without which players never look for alpha.
    assert suffix != ".webm" or b"\x53\xc0\x81\x01" in path.read_bytes()[:1000]


@pytest.mark.parametrize("suffix", [".mp4", ".y4m"])
def test_what_has_no_alpha_names_what_has(tmp_path, suffix):
    with pytest.raises(UsageError, match=r"\.webm, \.mov or a folder"):
        Recorder(tmp_path / f"a{suffix}", SIZE, 30, transparent=True)


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match=r"\.mp4, \.webm, \.mov, \.y4m, or a folder"):
        Recorder(tmp_path / "a.wmv", SIZE, 30)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_an_impossible_rate_is_refused(tmp_path, fps):
    with pytest.raises(UsageError, match="30"):
        Recorder(tmp_path / "a.mp4", SIZE, fps)


def test_what_is_no_image_of_its_kind_is_refused(tmp_path):
    with Recorder(tmp_path / "a.webm", SIZE, 30, transparent=True) as recorder, pytest.raises(FrameError):
        recorder.send(photo())
    with Recorder(tmp_path / "a.mp4", SIZE, 30) as recorder, pytest.raises(FrameError):
        recorder.send(cutout())


def test_an_existing_file_is_not_touched_without_overwrite(tmp_path):
    (tmp_path / "a.mp4").write_text("precious")
    with pytest.raises(UsageError, match="--overwrite"):
        Recorder(tmp_path / "a.mp4", SIZE, 30)
    assert (tmp_path / "a.mp4").read_text() == "precious"
    record(tmp_path / "a.mp4", [photo()], overwrite=True)
    assert len(play(tmp_path / "a.mp4")) == 1


def test_a_name_taken_after_construction_is_still_refused(tmp_path):
    recorder = Recorder(tmp_path / "a.mp4", SIZE, 30)
    (tmp_path / "a.mp4").write_text("precious")
    with pytest.raises(UsageError, match="--overwrite"), recorder:
        pass
    assert names(tmp_path) == ["a.mp4"]


def test_a_name_taken_while_recording_leaves_both_files(tmp_path):
    with Recorder(tmp_path / "a.mp4", SIZE, 30) as recorder:
        recorder.send(photo())
        (tmp_path / "a.mp4").write_text("precious")
        with pytest.raises(SinkError, match=r"made by another program meanwhile.*a-2\.mp4"):
            recorder.close()
    assert (tmp_path / "a.mp4").read_text() == "precious"
    assert len(play(tmp_path / "a-2.mp4")) == 1
    assert names(tmp_path) == ["a-2.mp4", "a.mp4"]


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.parametrize("name", ["a.mp4", "a"])
def test_of_two_recordings_of_one_name_both_are_kept(tmp_path, monkeypatch, name, has_links):
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_link)
    recorders = [Recorder(tmp_path / name, SIZE, 30).__enter__() for _ in range(3)]
    for recorder in recorders:
        recorder.send(photo())
    recorders[0].close()
    for recorder in recorders[1:]:
        with pytest.raises(SinkError, match="meanwhile"):
            recorder.close()
    assert names(tmp_path) == sorted([name, name.replace("a", "a-2", 1), name.replace("a", "a-3", 1)])


def refuse_link(*_):
    raise OSError(errno.EPERM, "no hard links here")


def test_name_taken_in_the_last_moment_is_not_taken_over(tmp_path, monkeypatch):
    with Recorder(tmp_path / "a.mp4", SIZE, 30) as recorder:
        recorder.send(photo())
        monkeypatch.setattr(PartialOutput, "check", lambda _: (tmp_path / "a.mp4").write_text("precious"))
        with pytest.raises(SinkError, match=r"a-2\.mp4"):
            recorder.close()
    assert (tmp_path / "a.mp4").read_text() == "precious"


def test_overwrite_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "b.mp4").write_text("old")
    (tmp_path / "a.mp4").symlink_to("real/b.mp4")
    with pytest.raises(UsageError, match="--overwrite"):
        Recorder(tmp_path / "a.mp4", SIZE, 30)
    record(tmp_path / "a.mp4", [photo()], overwrite=True)
    assert (tmp_path / "a.mp4").is_symlink()
    assert len(play(tmp_path / "real" / "b.mp4")) == 1
    assert names(tmp_path) == ["a.mp4", "real"]
    assert names(tmp_path / "real") == ["b.mp4"]


def test_folder_behind_a_link_is_filled_and_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "take").symlink_to("real")
    record(tmp_path / "take", noise(3))
    record(tmp_path / "take", noise(2), overwrite=True)
    assert (tmp_path / "take").is_symlink()
    assert names(tmp_path / "real") == ["000001.png", "000002.png"]


def test_link_to_nowhere_names_the_folder_that_is_missing(tmp_path):
    (tmp_path / "a.mp4").symlink_to("gone/b.mp4")
    with pytest.raises(SinkError, match=r"no folder .*gone"), Recorder(tmp_path / "a.mp4", SIZE, 30):
        pass


@pytest.mark.parametrize("name", ["n" * 247 + ".mp4", "ü" * 123 + ".webm", "n" * 251, "ü" * 125])
def test_name_as_long_as_the_file_system_takes_is_recorded(tmp_path, name):
    record(tmp_path / name, noise(2))
    assert names(tmp_path) == [name]


def test_a_folder_is_replaced_only_if_it_holds_nothing_but_a_recording(tmp_path):
    record(tmp_path / "take", noise(3))
    with pytest.raises(UsageError, match="--overwrite"):
        Recorder(tmp_path / "take", SIZE, 30)
    record(tmp_path / "take", noise(1), overwrite=True)
    assert names(tmp_path / "take") == ["000001.png"]
    (tmp_path / "take" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="new folder"):
        Recorder(tmp_path / "take", SIZE, 30, overwrite=True)


def test_a_folder_in_the_way_of_a_file_and_a_file_in_the_way_of_a_folder_are_refused(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    (tmp_path / "take").write_text("precious")
    for name in ("a.mp4", "take"):
        with pytest.raises(UsageError, match="another name"):
            Recorder(tmp_path / name, SIZE, 30, overwrite=True)


@pytest.mark.parametrize("name", ["a.mp4", "take"])
def test_without_a_frame_nothing_is_left(tmp_path, name):
    with Recorder(tmp_path / name, SIZE, 30):
        assert names(tmp_path) != []
    assert names(tmp_path) == []


def test_a_missing_or_impossible_parent_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for parent, remedy in (("nowhere", "make it first"), ("file", "another place")):
        with pytest.raises(SinkError, match=remedy), Recorder(tmp_path / parent / "a.mp4", SIZE, 30):
            pass


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="may not write"), Recorder(tmp_path / "a.mp4", SIZE, 30):
        pass


def test_a_draft_left_by_a_power_cut_is_not_overwritten(tmp_path):
    (tmp_path / ".a.partial.mp4").write_text("precious")
    record(tmp_path / "a.mp4", [photo()])
    assert names(tmp_path) == [".a.partial.mp4", "a.mp4"]
    assert (tmp_path / ".a.partial.mp4").read_text() == "precious"


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_live_frames_are_stamped_by_the_clock(tmp_path, suffix):
    clock, times = ManualClock(1000.0), [0.0, 0.034, 0.5, 2.25, 2.251, 5.0]
    with Recorder(tmp_path / f"a{suffix}", SIZE, 30, clock=clock) as recorder:
        for frame, seconds in zip(noise(len(times)), times, strict=True):
            clock.seconds = 1000.0 + seconds
            recorder.send(frame)
    assert [video_frame.time for video_frame in play(tmp_path / f"a{suffix}")] == pytest.approx(
        times, abs=1e-4
    )


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_frames_of_one_moment_still_rise_in_time(tmp_path, suffix):
    with Recorder(tmp_path / f"a{suffix}", SIZE, 30, clock=ManualClock()) as recorder:
        for frame in noise(5):
            recorder.send(frame)
    times = [video_frame.time for video_frame in play(tmp_path / f"a{suffix}")]
    assert len(times) == 5
    assert all(np.diff(times) > 0)
    assert times[-1] < 0.02


def test_y4m_keeps_time_by_repeating(tmp_path):
    frames = noise(3)
    record(tmp_path / "a.y4m", frames, [0.0, 0.2, 0.3], fps=10.0)
    images = play(tmp_path / "a.y4m")
    nearest = [min(range(3), key=lambda i: np.abs(rgb(p).astype(int) - frames[i]).mean()) for p in images]
    assert nearest == [0, 0, 1, 2]


def test_a_long_pause_does_not_fill_the_disk_with_repeats(tmp_path):
    record(tmp_path / "a.y4m", noise(2), [0.0, 3600.0], fps=10.0)
    assert 100 <= len(play(tmp_path / "a.y4m")) <= 102


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_the_last_frame_is_shown_as_long_as_the_others(tmp_path, suffix):
    record(tmp_path / f"a{suffix}", [photo()], fps=5.0)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        assert container.duration / av.time_base == pytest.approx(0.2, abs=0.002)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_slow_camera_still_gets_a_key_frame_every_second(tmp_path, suffix):
    record(tmp_path / f"a{suffix}", [photo()] * 12, [index / 4 for index in range(12)])
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        keys = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.is_keyframe]
    assert [float(key) for key in keys] == pytest.approx([0.0, 1.0, 2.0])


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_odd_sides_repeat_their_last_row_and_column(tmp_path, suffix):
    frame = np.zeros((95, 127, 3), np.uint8)
    frame[:, 100:] = 230
    frame[80:] = 230
    record(tmp_path / f"a{suffix}", [frame] * 3, size=Size(127, 95))
    image = rgb(play(tmp_path / f"a{suffix}")[0]).astype(int)
    assert image.shape == (96, 128, 3)
    assert image[:, -1].min() > 200
    assert image[-1].min() > 200


def test_a_frame_of_another_size_is_fitted_with_black_bars(tmp_path):
    record(tmp_path / "take", [np.full((100, 40, 3), 200, np.uint8)])
    image = np.asarray(Image.open(tmp_path / "take" / "000001.png"))
    assert Size.of(image) == SIZE
    assert image[:, SIZE.width // 2].min() == 200
    assert image[:, 0].max() == image[:, -1].max() == 0


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_the_block_the_recording_is_complete(tmp_path, ending):
    def frames():
        yield from noise(25)
        raise ending

    with pytest.raises(ending):
        record(tmp_path / "a.mp4", frames())
    assert len(play(tmp_path / "a.mp4")) == 25
    assert names(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov"])
def test_a_copy_made_while_recording_plays_up_to_its_last_seconds(tmp_path, suffix):
    with Recorder(tmp_path / f"a{suffix}", SIZE, 10) as recorder:
        for index, frame in enumerate(noise(40)):
            recorder.send(frame, index / 10)
        shutil.copy(tmp_path / f".a.partial{suffix}", tmp_path / f"cut{suffix}")
    assert play(tmp_path / f"cut{suffix}")[-1].time > 1.9


def test_a_closed_recorder_closes_quietly_again_and_takes_no_more(tmp_path):
    recorder = record(tmp_path / "a.mp4", [photo()])
    recorder.close()
    with pytest.raises(SinkError, match="open another"):
        recorder.send(photo())


def fill_up(path):
    """Record noise until it fails; what the errors said at send, once more, and when closing."""
    message = []
    with suppress(SinkError), Recorder(path, SIZE, 30) as recorder:
        for _ in range(2):
            try:
                for index, frame in enumerate(noise(90)):
                    recorder.send(frame, index / 30)
            except SinkError as error:
                message.append(str(error))
        recorder.close()
        message.append("closed")
    return message


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 512 KiB, where the tests may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield disk
    # Lazily, as a mount left behind by a failing test would break every later run.
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mov", "a.y4m", "take"])
def test_a_full_disk_keeps_what_was_written_under_its_name(small_disk, name):
    message = fill_up(small_disk / name)
    assert len(message) == 3
    assert message[0] == message[1]
    assert "disk full" in message[0]
    assert "kept the first" in message[0]
    assert message[2] == "closed"
    assert names(small_disk) == [name]
    if name == "take":
        for file in (small_disk / name).iterdir():
            with Image.open(file) as image:
                image.load()
    else:
        kept = float(message[0].split("kept the first ")[1].split(" s")[0])
        assert play_what_plays(small_disk / name) == pytest.approx(kept, abs=0.11)


def play_what_plays(path):
    end = 0.0
    with av.open(str(path)) as container, suppress(av.FFmpegError):
        for video_frame in container.decode(video=0):
            end = video_frame.time + 1 / 30
    return end


LIMITED = """
import resource, signal, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
import importlib.util
spec = importlib.util.spec_from_file_location("recorder_tests", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
path, limit = Path("a.mp4").absolute(), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    tests.record(path, tests.noise(40))
except tests.SinkError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs file size limits")
@pytest.mark.parametrize("missing_bytes", [20000, 600, 1])
def test_an_end_that_does_not_fit_leaves_a_file_that_plays(tmp_path, missing_bytes):
    record(tmp_path / "whole.mp4", noise(40))
    limit = (tmp_path / "whole.mp4").stat().st_size - missing_bytes
    command = [sys.executable, "-c", LIMITED, __file__, str(limit), str(Path(__file__).parents[2])]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "file too large" in run.stdout
    assert names(tmp_path) == ["a.mp4", "whole.mp4"]
    assert play_what_plays(tmp_path / "a.mp4") > 1.0


def test_a_disk_that_is_full_from_the_start_is_reported_before_recording(small_disk):
    (small_disk / "ballast").write_bytes(bytes(512 * 1024))
    with pytest.raises(SinkError, match="another place"), Recorder(small_disk / "a.mp4", SIZE, 30):
        pass
    assert names(small_disk) == ["ballast"]


def test_ctrl_c_stays_ctrl_c_on_a_full_disk(small_disk):
    def frames():
        yield from noise(10)
        (small_disk / "ballast").write_bytes(bytes(500 * 1024))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(small_disk / "a.mp4", frames())


def test_a_recording_of_which_nothing_fits_leaves_nothing(small_disk):
    (small_disk / "ballast").write_bytes(bytes(504 * 1024))
    message = fill_up(small_disk / "a.mov")
    assert "nothing" in message[0]
    assert names(small_disk) == ["ballast"]


@pytest.mark.parametrize(
    ("code", "hint"), [(errno.ENOSPC, "free some space"), (errno.EINVAL, "try another file type")]
)
def test_failed_recording_gives_a_hint_for_its_cause(tmp_path, monkeypatch, code, hint):
    def fail(writer, image, timestamp):
        raise OSError(code, "refused")

    with suppress(SinkError), Recorder(tmp_path / "a.mp4", SIZE, 30) as recorder:
        recorder.send(photo())
        monkeypatch.setattr("livecam.video.video_writer.VideoWriter.write", fail)
        with pytest.raises(SinkError, match=hint):
            recorder.send(photo())
