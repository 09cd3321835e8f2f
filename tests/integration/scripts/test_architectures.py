"""scripts/architectures.py counts what a network costs; converting and timing all of them takes a minute."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.support.scripts import load_script

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def architectures() -> ModuleType:
    return load_script("architectures")


def test_operations_are_those_counted_by_hand(architectures: ModuleType) -> None:
    image = keras.Input((16, 24, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(image)
    x = keras.layers.Conv2DTranspose(4, 2, strides=2, padding="same")(x)

    counted = architectures.operations(keras.Model(image, x))

    assert counted == 2 * (8 * 12 * 3 * 3 * 3 * 8 + 8 * 12 * 2 * 2 * 8 * 4)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "all int8"])
def test_every_kind_of_numbers_can_be_timed(architectures: ModuleType, kind: str, tmp_path: Path) -> None:
    path = architectures.write(tmp_path, build_model(ARCHITECTURES["tiny"]), kind)

    times = architectures.measure({"tiny": path}, runs=3, threads=1)

    assert 0 < times["tiny"] < 1000
