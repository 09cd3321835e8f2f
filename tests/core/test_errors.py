import pickle
from pathlib import Path

import pytest

from livecam.core import errors
from livecam.core.errors import (
    CameraBusyError,
    CameraError,
    CameraLostError,
    FileWriteError,
    LivecamError,
    UsageError,
)

CLASSES = [
    each
    for each in vars(errors).values()
    if isinstance(each, type) and issubclass(each, LivecamError) and each is not LivecamError
]


@pytest.mark.parametrize("kind", CLASSES)
def test_error_with_hint_is_one_text_and_two_fields(kind: type[LivecamError], tmp_path: Path) -> None:
    error = kind("the disk is full", "free space", path=tmp_path)

    assert str(error) == "the disk is full; free space"
    assert (error.problem, error.hint, error.path) == ("the disk is full", "free space", tmp_path)
    assert isinstance(error, (ValueError, OSError, RuntimeError))


@pytest.mark.parametrize("kind", CLASSES)
def test_error_with_one_text_has_no_hint(kind: type[LivecamError]) -> None:
    error = kind("say 1; or 2")

    assert (str(error), error.problem, error.hint, error.path) == ("say 1; or 2", "say 1; or 2", "", None)


def test_error_of_os_kind_has_no_errno() -> None:
    """OSError itself would read two arguments as an errno and its text."""
    error = FileWriteError("a", "b")

    assert (error.errno, error.strerror) == (None, None)


def test_error_pickled_keeps_problem_and_hint() -> None:
    error = pickle.loads(pickle.dumps(UsageError("a", "b")))

    assert (type(error), str(error), error.problem, error.hint) == (UsageError, "a; b", "a", "b")


def test_busy_and_lost_cameras_are_camera_errors() -> None:
    assert issubclass(CameraBusyError, CameraError)
    assert issubclass(CameraLostError, CameraError)
