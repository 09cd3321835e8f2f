import subprocess
import sys
from types import SimpleNamespace

import pytest

from livecam.core.geometry import Crop, Size


def test_size_of_needs_only_a_shape() -> None:
    assert Size.of(SimpleNamespace(shape=(3, 4, 3))) == Size(4, 3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (Size(800, 400), Size(100, 50)),
        (Size(30, 20), Size(30, 20)),
        (Size(5000, 1), Size(100, 1)),
        (Size(20, 2000), Size(1, 100)),
    ],
)
def test_fit_within_limits_the_longer_side(size: Size, expected: Size) -> None:
    assert size.fit_within(100) == expected


@pytest.mark.parametrize(
    "module", ["geometry", "errors", "media_types", "fileio", "config", "locking", "clock"]
)
def test_core_module_in_a_fresh_interpreter_loads_no_numpy(module: str) -> None:
    """`livecam --version` and usage errors must not pay NumPy's 125 ms of start-up time."""
    code = f"import sys, livecam.core.{module}; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_rescaled_crop_is_expanded_to_whole_pixels() -> None:
    frame, grid = Size(1280, 720), Size(192, 108)
    assert Crop(0, 0, frame).rescaled(frame, grid) == Crop(0, 0, grid)
    assert Crop(160, 80, Size(320, 160)).rescaled(Size(640, 360), Size(64, 36)) == Crop(16, 8, Size(32, 16))
    assert Crop(7, 7, Size(1, 1)).rescaled(frame, grid) == Crop(1, 1, Size(1, 1))
    assert Crop(5, 5, Size(4, 4)).rescaled(frame, grid) == Crop(0, 0, Size(2, 2))
    assert Crop(1, 2, Size(3, 1)).rescaled(Size(8, 4), Size(80, 40)) == Crop(10, 20, Size(30, 10))
