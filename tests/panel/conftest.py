"""A live run of the demo with a panel, and files to drop on it."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.config import LiveSettings
from livecam.core.geometry import Size
from livecam.sinks.recorder import Recorder
from tests.support.panel_run import PanelClient, PanelRun
from tests.support.tiny_model import write_model


@pytest.fixture
def settings(tmp_path: Path) -> LiveSettings:
    """Settings of a small, quick run: the model keeps nothing, so frames show the background alone."""
    return LiveSettings(
        camera="demo",
        size=Size(320, 180),
        background=("#204060",),
        model=str(write_model(tmp_path)),
        virtual_camera=False,
        panel=True,
    )


@pytest.fixture
def run(settings: LiveSettings) -> Iterator[PanelRun]:
    with PanelRun(settings) as running:
        yield running


@pytest.fixture
def client(run: PanelRun) -> PanelClient:
    return run.client


@pytest.fixture
def make_png() -> Callable[..., bytes]:
    def make(color: tuple[int, ...] = (200, 30, 20), size: tuple[int, int] = (640, 360)) -> bytes:
        content = io.BytesIO()
        mode = {0: "1", 3: "RGB", 4: "RGBA"}[len(color)]
        Image.new(mode, size, color or 0).save(content, "PNG")
        return content.getvalue()

    return make


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video of two seconds, green."""
    path = tmp_path_factory.mktemp("video") / "green.mp4"
    frame = np.full((180, 320, 3), (30, 160, 60), np.uint8)
    with Recorder(path, Size(320, 180), 15) as recorder:
        for number in range(30):
            recorder.send(frame, number / 15)
    return path.read_bytes()
