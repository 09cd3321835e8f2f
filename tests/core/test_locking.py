import signal
import sys
from pathlib import Path

import pytest

from livecam.annotation import job as bootstrap
from livecam.cli.main import main
from livecam.core.errors import FileWriteError, FolderInUseError
from livecam.core.locking import exclusive_lock
from tests.support.second_process import held, start
from tests.support.synthetic_people import FakeSam, GreenModel, write_scenes


def test_a_folder_is_one_process_s_and_free_after_it(tmp_path: Path) -> None:
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
def test_a_killed_process_leaves_nothing_that_keeps_others_out(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with exclusive_lock(tmp_path):
        pass


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), exclusive_lock(tmp_path):
        raise KeyboardInterrupt
    with exclusive_lock(tmp_path):
        pass


def test_a_folder_that_can_t_be_written_into_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="can't write into"), exclusive_lock(tmp_path / "missing"):
        pass


def test_two_labellers_of_one_data_set_are_one_line_and_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "_load_sam", lambda preset: FakeSam())
    monkeypatch.setattr(bootstrap.LiteRTSegmenter, "load", lambda model: GreenModel())
    clip, out = write_scenes(tmp_path / "talk.mkv", 8), tmp_path / "set"
    words = ["label", str(clip), "--out", str(out), "--frames", "3", "--quiet"]
    out.mkdir()
    with held(out):
        assert main(words) == 1
        assert [path.name for path in out.iterdir()] == [".in-use"]
    assert main(words) == 0
    name = next((out / "images").iterdir()).stem
    capsys.readouterr()
    with held(out):
        for refused in (
            [*words, "--again"],
            ["label", str(out), "--reject", name],
            ["label", "--review", str(out)],
        ):
            assert main(refused) == 1
            said = capsys.readouterr()
            assert "is in use by another livecam" in said.err
            assert (said.err.count("\n"), said.out) == (1, "")
    assert (out / "images" / f"{name}.jpg").is_file()
    assert not (out / "decisions.json").exists()
