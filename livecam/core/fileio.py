"""Files as people name them: why one can't be opened, which was meant; and written whole or not at all."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from livecam.core.errors import AnnotationError, ImageError


def read_signature(path: Path) -> bytes:
    """The first 16 bytes of a picture file, or every reason not to get them.

    Raises:
        ImageError: missing (naming the nearest file), a folder, a device, empty or not permitted.
    """
    try:
        if path.is_dir():
            raise ImageError(f"{path} is a folder, not a picture; name a file in it")
        if path.exists() and not path.is_file():
            raise ImageError(f"{path} is a device, not a picture; name a file")
        with path.open("rb") as file:
            start = file.read(16)
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(not_found_message(path)) from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read; allow it (chmod u+r) or copy it") from error
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{str(path)[:200]!r} can't be opened ({os_error_reason(error)}); check the path"
        ) from error
    if not start:
        raise ImageError(f"{path} is empty (0 bytes); download or copy it again")
    return start


def not_found_message(path: Path) -> str:
    """One line for a file that isn't there, with the nearest one that is."""
    near = closest_existing_name(path)
    return f"there is no {path}; " + (f"did you mean {near}?" if near else "check the path")


def closest_existing_name(path: Path) -> str | None:
    """What lies in the folder of `path` and is called nearly the same, with that folder; None if nothing."""
    try:
        names = {entry.name.casefold(): entry.name for entry in path.parent.iterdir()}
    except (OSError, ValueError):
        return None
    found = get_close_matches(path.name.casefold(), names, n=1, cutoff=0.6)
    return str(path.with_name(names[found[0]])) if found else None


def os_error_reason(error: BaseException) -> str:
    """What went wrong in a foreign error's own words, without its path."""
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. May raise OSError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def json_bytes(plain: Any) -> bytes:
    """As people can read it, for `write_atomic`."""
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()


def read_json(path: Path, missing: Any = None) -> Any:
    """What is in a file; `not_found_message`, if given, where there is none.

    Raises:
        AnnotationError: it can't be read.
    """
    if missing is not None and not path.exists():
        return missing
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnnotationError(
            f"{path} can't be read ({os_error_reason(error)}); mend it, or label into another folder"
        ) from error


@contextmanager
def translate_os_errors(folder: Path) -> Iterator[None]:
    """What can't be written, in our words.

    Raises:
        AnnotationError: instead of OSError.
    """
    try:
        yield
    except AnnotationError:
        raise
    except OSError as error:
        raise AnnotationError(
            f"can't write into {folder} ({os_error_reason(error)}); mend that and run the same command "
            "again, it goes on where it stopped"
        ) from error
