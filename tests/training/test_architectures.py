"""scripts/architectures counts what a network costs; converting and timing all of them takes a minute."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.network import NETWORKS, build  # noqa: E402

pytestmark = pytest.mark.training
SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "architectures"


@pytest.fixture(scope="module")
def architectures() -> ModuleType:
    loader = SourceFileLoader("architectures", str(SCRIPT))
    spec = spec_from_loader("architectures", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_operations_are_those_counted_by_hand(architectures: ModuleType) -> None:
    picture = keras.Input((16, 24, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(picture)
    x = keras.layers.Conv2DTranspose(4, 2, strides=2, padding="same")(x)

    counted = architectures.operations(keras.Model(picture, x))

    assert counted == 2 * (8 * 12 * 3 * 3 * 3 * 8 + 8 * 12 * 2 * 2 * 8 * 4)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8"])
def test_every_kind_of_numbers_can_be_timed(architectures: ModuleType, kind: str, tmp_path: Path) -> None:
    path = architectures.write(tmp_path, build(NETWORKS["tiny"]), kind)

    times = architectures.measure({"tiny": path}, runs=3, threads=1)

    assert 0 < times["tiny"] < 1000
