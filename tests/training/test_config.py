from pathlib import Path
from typing import Any

import pytest

from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.training.config import RunConfig, TrainSettings
from livecam.training.data.scene_sampler import SceneMix


def settings(**changes: Any) -> TrainSettings:
    return TrainSettings.from_options({"data": (Path("pets"),), "out": Path("run"), **changes})


def test_the_defaults_are_fine() -> None:
    assert settings().run == RunConfig((Path("pets"),), Path("run"))
    assert (settings().run.epochs, settings().network) == (60, "person")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "name at least one folder"),
        ({"epochs": 0}, "--epochs 0 is too small; give 1"),
        ({"steps": 0}, "--steps 0 is too small; give 1"),
        ({"batch": 3}, "--batch 3 is too small; give 4"),
        ({"devices": 0}, "--devices 0 is too small; give 1"),
        ({"devices": 3}, "--batch 16 can't be divided equally by --devices 3; give --batch 15 or 18"),
        ({"batch": 4, "devices": 3}, "give --batch 6"),
        ({"seed": -1}, "--seed -1 is too small; give 0"),
        ({"seed": 2**32}, "--seed 4294967296 is too large"),
        ({"workers": 0}, "--workers 0 is too small; give 1"),
        ({"longest": 8}, "--longest 8 is too small"),
        ({"learning_rate": 0.0}, "--learning-rate 0 is not above 0.*try"),
        ({"learning_rate": -1e-3}, "--learning-rate -0.001 is not above 0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan is not above 0"),
        ({"learning_rate": 30.0}, "at most 1"),
        ({"size": Size(100, 64)}, "--size 100x64 is not divisible by 16; try 96x64"),
        ({"size": Size(64, 50)}, "try 64x48"),
        ({"size": Size(16, 0)}, "try 16x16"),
        ({"freeze_norms": True}, "name one with --start"),
        ({"mix": SceneMix(real=0.9, empty=0.2, double=0.0)}, "sum of at most 1"),
        ({"mix": SceneMix(real=-0.1)}, "--real -0.1 is not between 0 and 1; try 0.5"),
        ({"real": float("nan")}, "--real nan is not between 0 and 1"),
        ({"zoom": 2.0}, "--zoom 2 is not between 0 and 1; try 0.5"),
        ({"close": -0.5}, "--close -0.5 is not between 0 and 1; try 0.5"),
        ({"zoom": 0.6, "close": 0.5}, "--zoom 0.6 and --close 0.5 are more than 1 in all; try 0.5 and 0.1"),
        ({"often": (("cat", 0),)}, "--often cat=0 is too small; give cat=2"),
    ],
)
def test_what_can_t_be_used_is_refused_in_one_line_with_a_remedy(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        settings(**changes)
    assert "\n" not in str(caught.value)


def test_fractions_of_the_command_line_become_the_mix_and_the_others_keep_their_defaults() -> None:
    assert settings(real=0.6, zoom=0.5).mix == SceneMix(real=0.6, zoom=0.5)
    assert settings(zoom=0.5).mix == SceneMix(zoom=0.5)
    assert settings(close=0.1).mix == SceneMix(close=0.1)
    assert settings().mix == SceneMix()


def test_settings_as_json_are_plain_and_leave_out_the_resuming() -> None:
    values = settings(size=Size(64, 48), start=Path("a.keras"), resume=True).to_dict()

    assert values["data"] == ["pets"]
    assert values["size"] == "64x48"
    assert values["start"] == "a.keras"
    assert values["mix"] == {
        "real": 0.35,
        "empty": 0.07,
        "double": 0.06,
        "clothes": 0.2,
        "clutter": 0.3,
        "zoom": 0.0,
        "close": 0.0,
    }
    assert "resume" not in values


def test_a_quarter_of_a_batch_begins_pairs() -> None:
    assert settings(batch=16).pairs == 4
    assert settings(batch=4).pairs == 1
    assert settings(epochs=3, steps=7).total_steps == 21
