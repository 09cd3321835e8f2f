import subprocess
import sys
from types import SimpleNamespace

import pytest

from livecam.core.geometry import Size


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
