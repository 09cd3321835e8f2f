import os
import stat
import sys
from pathlib import Path

import pytest

from livecam.core.errors import FileReadError, FileWriteError, UsageError
from livecam.core.fileio import (
    atomic_path,
    json_bytes,
    os_error_reason,
    partial_path,
    read_json,
    read_text,
    translate_os_errors,
    write_atomic,
)

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_path_replaces_the_file_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")

    with atomic_path(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
        assert (partial.parent, partial.suffix, partial.name[0]) == (tmp_path, ".json", ".")

    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_atomic_path_after_an_error_keeps_the_old_file(tmp_path: Path, failure: type[BaseException]) -> None:
    target = tmp_path / "a.json"
    target.write_text("old")

    with pytest.raises(failure), atomic_path(target) as partial:  # noqa: PT012
        partial.write_text("half")
        raise failure

    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_atomic_path_without_a_written_file_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.json"):
        pass
    assert names(tmp_path) == []


def test_write_atomic_onto_a_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match=r"\[Errno"):
        write_atomic(tmp_path / "a", b"x")
    assert names(tmp_path) == ["a"]


def test_write_atomic_flushes_before_it_renames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure the new name must not refer to an empty file."""
    flushed: list[bool] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (flushed.append((tmp_path / "a").exists()), sync(file)))

    write_atomic(tmp_path / "a", b"x")

    assert flushed == [False]


@POSIX
def test_write_atomic_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.toml").write_text("old")
    (tmp_path / "a.toml").symlink_to(tmp_path / "real" / "a.toml")

    write_atomic(tmp_path / "a.toml", b"new")

    assert (tmp_path / "a.toml").is_symlink()
    assert (tmp_path / "real" / "a.toml").read_text() == "new"
    assert names(tmp_path / "real") == ["a.toml"]


@POSIX
def test_write_atomic_keeps_the_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "a").chmod(0o600)

    write_atomic(tmp_path / "a", b"x")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_partial_path_is_hidden_and_keeps_the_suffix() -> None:
    assert partial_path(Path("v/clip.mp4")) == Path("v/.clip.partial.mp4")
    assert partial_path(Path("v/clip"), "2") == Path("v/.clip.partial2")


@pytest.mark.parametrize("stem", ["n" * 251, "n" * 247, "ü" * 125, "ü" * 123 + "n"])
@pytest.mark.parametrize("mark", ["", "17", "-4194304"])
def test_partial_path_of_a_long_name_fits_into_a_file_system(tmp_path: Path, stem: str, mark: str) -> None:
    partial = partial_path(tmp_path / f"{stem}.mp4", mark)
    assert len(os.fsencode(partial.name)) <= 255
    assert partial.name.endswith(f".partial{mark}.mp4")
    partial.touch()
    assert partial.name.startswith(".")


def test_read_json_returns_what_was_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a.json", json_bytes({"é": [1, None]}))

    assert read_json(tmp_path / "a.json") == {"é": [1, None]}
    assert "é" in (tmp_path / "a.json").read_text(encoding="utf-8")
    assert read_json(tmp_path / "none.json", missing=[]) == []


@pytest.mark.parametrize("content", [b"{", b"\xff", None])
def test_read_json_of_an_unreadable_file_names_the_hint(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(FileReadError, match=r"a\.json can't be read") as caught:
        read_json(tmp_path / "a.json", hint="do this")
    assert (caught.value.hint, caught.value.path) == ("do this", tmp_path / "a.json")


def test_translate_os_errors_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match="No space left") as caught, translate_os_errors(tmp_path):
        raise OSError(28, "No space left on device")
    assert caught.value.problem == f"can't write into {tmp_path} (No space left on device)"
    assert caught.value.path == tmp_path


def test_translate_os_errors_keeps_errors_of_livecam(tmp_path: Path) -> None:
    for error in (UsageError("a"), FileWriteError("b")):
        with pytest.raises(type(error)) as caught, translate_os_errors(tmp_path):
            raise error
        assert caught.value is error


def test_os_error_reason_has_neither_path_nor_number() -> None:
    assert os_error_reason(OSError(2, "No such file", "/secret")) == "No such file"
    assert os_error_reason(ValueError()) == "ValueError"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_read_text_takes_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_text("größe = 1\n", encoding=encoding)
    assert read_text(tmp_path / "a.txt") == "größe = 1\n"


def test_read_text_refuses_utf16_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a = 1\n", encoding="utf-16")
    with pytest.raises(ValueError, match="UTF-16 text; save it as UTF-8"):
        read_text(tmp_path / "a.txt")
