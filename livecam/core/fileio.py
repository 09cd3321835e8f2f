"""Atomic writes, JSON files, and one-line reasons why a file cannot be read."""

import codecs
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from livecam.core.errors import FileReadError, FileWriteError, ImageError, LivecamError, UsageError

_MAX_NAME_BYTES = 255


def read_signature(path: Path) -> bytes:
    """Return the first 16 bytes of an image file.

    Raises:
        ImageError: the file is missing (the error names the nearest file), a folder, a device, empty or not
            permitted.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not an image", "name a file in it", path=path)
        if path.exists() and not path.is_file():
            raise ImageError(f"{path} is a device, not an image", "name a file", path=path)
        with path.open("rb") as file:
            start = file.read(16)
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(*_not_found(path), path=path) from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read", "allow it (chmod u+r) or copy it", path=path) from error
    except (OSError, ValueError) as error:
        problem = f"{str(path)[:200]!r} can't be opened ({os_error_reason(error)})"
        raise ImageError(problem, "check the path", path=path) from error
    if not start:
        raise ImageError(f"{path} is empty (0 bytes)", "download or copy it again", path=path)
    return start


def not_found_message(path: Path) -> str:
    """Return one line for a missing file, with the nearest existing name in its folder."""
    return "; ".join(_not_found(path))


def _not_found(path: Path) -> tuple[str, str]:
    near = closest_existing_name(path)
    return f"there is no {path}", f"did you mean {near}?" if near else "check the path"


def closest_existing_name(path: Path) -> str | None:
    """Return the path with the most similar name in the same folder; None if there is none."""
    try:
        names = {entry.name.casefold(): entry.name for entry in path.parent.iterdir()}
    except (OSError, ValueError):
        return None
    found = get_close_matches(path.name.casefold(), names, n=1, cutoff=0.6)
    return str(path.with_name(names[found[0]])) if found else None


def list_inputs(path: Path, is_wanted: Callable[[Path], bool], kind: str) -> list[Path]:
    """Return a file that the user named, or the files in a folder for which `is_wanted`, sorted by name.

    Hidden files of a folder are left out.

    Raises:
        UsageError: there is no such path, it can't be opened, or the folder has no file of that `kind`.
    """
    try:
        if not path.is_dir():
            if not path.exists():
                raise UsageError(not_found_message(path))
            return [path]
        found = sorted(
            each
            for each in path.iterdir()
            if not each.name.startswith(".") and is_wanted(each) and not each.is_dir()
        )
    except OSError as error:
        raise UsageError(f"{path} can't be opened ({os_error_reason(error)}); check the path") from error
    if not found:
        raise UsageError(f"{path} holds no {kind}; name another folder")
    return found


def distinct_stem(stem: str, path: Path, taken: set[str]) -> str:
    """Return `stem`, with a digest of the path if it is in `taken` in any case; add the result to `taken`."""
    if stem.casefold() in taken:
        stem += "-" + hashlib.sha1(os.fsencode(path.absolute()), usedforsecurity=False).hexdigest()[:6]
    taken.add(stem.casefold())
    return stem


def os_error_reason(error: BaseException) -> str:
    """Return the text of a foreign error without its path and error number."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def partial_path(path: Path, mark: str = "") -> Path:
    """Return the hidden name next to `path` for a file that is not complete yet.

    It keeps the suffix of `path`, because Keras, NumPy and FFmpeg choose the format by the suffix. The end of
    a long name is left out, as file systems take 255 bytes.
    """
    rest = f".partial{mark}{path.suffix}"
    room = max(1, _MAX_NAME_BYTES - 1 - len(os.fsencode(rest)))
    stem = path.stem
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return path.with_name(f".{stem}{rest}")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Write a file completely or not at all.

    Yields a hidden path next to `path` that the body writes a file to. At the end of the body the file is
    flushed to the disk (fsync) and renamed to `path`, so a reader, a crash or a power failure meets the old
    file or the new one. If the body raises an exception, the hidden file is deleted and `path` is unchanged.
    A symbolic link stays a link: its target is replaced. An existing file keeps its permissions.

    Raises:
        OSError: the file cannot be flushed or renamed.
    """
    target = path.resolve() if path.is_symlink() else path
    # The process id separates two processes that write the same file.
    partial = partial_path(target, f"-{os.getpid()}")
    try:
        yield partial
        # Windows flushes only what is open for writing.
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        with suppress(OSError):
            shutil.copymode(target, partial)
        partial.replace(target)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_atomic(path: Path, content: bytes) -> None:
    """Write bytes to a file with `atomic_path`.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_path(path) as partial:
        partial.write_bytes(content)


def json_bytes(value: Any) -> bytes:
    """Return a JSON value as indented UTF-8 with a final line break, for `write_atomic`."""
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file; a byte order mark, as editors on Windows write it, is left out.

    Raises:
        ValueError: the file is UTF-16, or no text.
        OSError: it can't be read.
    """
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("it is UTF-16 text; save it as UTF-8")
    return content.decode("utf-8-sig")


def read_json(path: Path, missing: Any = None, *, hint: str = "mend or delete it") -> Any:
    """Return the JSON value in a file.

    Args:
        path: the file.
        missing: returned where there is no such file; None: a missing file is an error.
        hint: the remedy in the error's text.

    Raises:
        FileReadError: the file cannot be read or holds no JSON.
    """
    if missing is not None and not path.exists():
        return missing
    try:
        return json.loads(read_text(path))
    except (OSError, ValueError) as error:
        problem = f"{path} can't be read ({os_error_reason(error)})"
        raise FileReadError(problem, hint, path=path) from error


@contextmanager
def translate_os_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError of the body into a FileWriteError that names the folder.

    Raises:
        FileWriteError: the body raised an OSError that is no error of livecam.
    """
    try:
        yield
    except LivecamError:
        raise
    except OSError as error:
        raise FileWriteError(
            f"can't write into {folder} ({os_error_reason(error)})",
            "mend that and run the same command again, it goes on where it stopped",
            path=folder,
        ) from error
