"""Fixtures of the command line tests."""

from pathlib import Path

import pytest

from livecam.imaging.image_io import write_image
from tests.support.command_line import LARGE, TOP
from tests.support.fakes import secret_frame
from tests.support.tiny_model import write_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with a small model and an image of a person in a room."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(TOP))
    write_model(tmp_path)
    write_image("room.png", secret_frame(size=LARGE))
    return tmp_path
