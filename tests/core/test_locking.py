import signal
import sys
from pathlib import Path

import pytest

from livecam.annotation import job
from livecam.cli.main import main
from livecam.core.errors import FileWriteError, FolderInUseError
from livecam.core.locking import exclusive_lock
from tests.support.second_process import held, start
from tests.support.synthetic_people import FakeSam, GreenModel, write_scenes


def test_exclusive_lock_refuses_a_second_process(tmp_path: Path) -> None:
    with held(tmp_path):
        with (
            pytest.raises(FolderInUseError, match=r"is in use by another livecam; wait until"),
            exclusive_lock(tmp_path),
        ):
            pass
        (tmp_path / "other").mkdir()
        with exclusive_lock(tmp_path / "other"):
            pass
    with exclusive_lock(tmp_path):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no kill -9")
def test_exclusive_lock_after_kill_is_free(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with exclusive_lock(tmp_path):
        pass


def test_exclusive_lock_after_an_error_is_free(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), exclusive_lock(tmp_path):
        raise KeyboardInterrupt
    with exclusive_lock(tmp_path):
        pass


def test_exclusive_lock_in_missing_folder_raises(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="can't write into"), exclusive_lock(tmp_path / "missing"):
        pass


def test_second_label_process_is_refused_without_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job, "_load_sam", lambda preset: FakeSam())
    monkeypatch.setattr(job.LiteRTSegmenter, "load", lambda model: GreenModel())
    clip, out = write_scenes(tmp_path / "talk.mkv", 8), tmp_path / "set"
    argv = ["label", str(clip), "--out", str(out), "--frames", "3", "--quiet"]
    out.mkdir()
    with held(out):
        assert main(argv) == 1
        assert [path.name for path in out.iterdir()] == [".in-use"]
    assert main(argv) == 0
    name = next((out / "images").iterdir()).stem
    capsys.readouterr()
    with held(out):
        for refused in (
            [*argv, "--again"],
            ["label", str(out), "--reject", name],
            ["label", "--review", str(out)],
        ):
            assert main(refused) == 1
            output = capsys.readouterr()
            assert "is in use by another livecam" in output.err
            assert (output.err.count("\n"), output.out) == (1, "")
    assert (out / "images" / f"{name}.jpg").is_file()
    assert not (out / "decisions.json").exists()
