import threading
from collections.abc import Callable

import numpy as np
import pytest

from livecam.backgrounds import procedural
from livecam.backgrounds.procedural import PROCEDURAL_BACKGROUNDS, draw_cached
from livecam.core.geometry import Size
from livecam.core.types import Frame, check_frame

each_scene = pytest.mark.parametrize(
    "draw", PROCEDURAL_BACKGROUNDS.values(), ids=PROCEDURAL_BACKGROUNDS.keys()
)


@each_scene
@pytest.mark.parametrize("size", [Size(16, 16), Size(1, 1), Size(640, 20), Size(31, 400), Size(320, 240)])
def test_a_scene_can_be_drawn_at_any_size(draw: Callable[[Size], Frame], size: Size) -> None:
    assert Size.of(check_frame(draw(size))) == size


@each_scene
def test_a_scene_is_the_same_every_time(draw: Callable[[Size], Frame]) -> None:
    assert np.array_equal(draw(Size(160, 90)), draw(Size(160, 90)))


@each_scene
def test_a_scene_looks_alike_at_another_resolution(draw: Callable[[Size], Frame]) -> None:
    small, large = draw(Size(160, 90)), draw(Size(480, 270))
    shrunk = large.reshape(90, 3, 160, 3, 3).mean(axis=(1, 3))
    assert float(np.abs(small - shrunk).mean()) < 4.0


@each_scene
def test_a_scene_is_a_image_and_does_not_band(draw: Callable[[Size], Frame]) -> None:
    frame = draw(Size(640, 360))
    assert float(frame.std()) > 5.0
    # Of neighbours along a row some differ nearly everywhere: a band would be one shade from side to side.
    flat = (np.diff(frame.astype(int), axis=1) == 0).all(axis=(1, 2))
    assert not flat.any()


def test_a_scene_is_drawn_once_for_threads_that_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A click on a scene that is being drawn ahead must not draw it a second time beside."""
    drawn, begun, go_on = list[Size](), threading.Event(), threading.Event()
    shown = list[Frame]()

    def draw(size: Size) -> Frame:
        drawn.append(size)
        begun.set()
        assert go_on.wait(10)
        return np.zeros((size.height, size.width, 3), np.uint8)

    monkeypatch.setattr(procedural, "PROCEDURAL_BACKGROUNDS", {"dusk": draw})
    threads = [
        threading.Thread(target=lambda: shown.append(draw_cached("dusk", Size(13, 7)))) for _ in range(2)
    ]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    threads[1].join(0.1)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert len(drawn) == 1
    assert shown[0] is shown[1]
