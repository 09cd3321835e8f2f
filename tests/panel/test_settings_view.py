"""Settings as the page shows them."""

from dataclasses import fields

import pytest

from livecam.core.config import LiveSettings, PictureSettings
from livecam.core.errors import UsageError
from livecam.core.geometry import FitMode, Size
from livecam.panel.settings_view import all_values, defaults_of, describe, parse_changes, picture_settings


def test_every_setting_of_the_picture_is_shown() -> None:
    shown = {each["name"] for each in picture_settings()}
    assert {each.name for each in fields(PictureSettings)} <= shown
    assert {"fit", "mirror"} <= shown
    assert not shown & {"camera", "model", "device", "record", "port", "background"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mirror", {"kind": "switch", "default": True}),
        ("fit", {"kind": "choice", "choices": ["cover", "contain", "stretch"], "default": "cover"}),
        ("light_wrap", {"kind": "slider", "low": 0, "high": 1, "step": 0.01}),
        ("edge", {"kind": "slider", "low": -50, "high": 50, "step": 0.5, "unit": "pixels"}),
        ("threads", {"kind": "slider", "step": 1.0}),
        ("slide_seconds", {"kind": "number"}),
        ("camera", {"kind": "text", "default": "0"}),
    ],
)
def test_setting_is_described_by_its_metadata(name: str, expected: dict[str, object]) -> None:
    view = describe(name)
    assert view["help"]
    assert expected.items() <= view.items()


def test_values_are_json() -> None:
    values = all_values(LiveSettings(size=Size(640, 360), fit=FitMode.STRETCH))
    assert (values["size"], values["fit"], values["background"]) == ("640x360", "stretch", ["blur"])


def test_changes_are_parsed() -> None:
    parsed = parse_changes({"size": "640x360", "fit": "stretch", "edge": 2, "on_demand": True})
    assert parsed == {"size": Size(640, 360), "fit": FitMode.STRETCH, "edge": 2, "on_demand": True}


@pytest.mark.parametrize("body", [{"record": "x"}, {"panel": True}, {"mirror": "yes"}, {}, None, [1]])
def test_other_changes_are_refused(body: object) -> None:
    with pytest.raises(UsageError):
        parse_changes(body)


def test_defaults_are_those_of_the_settings() -> None:
    assert defaults_of(["edge", "fit"]) == {"edge": 0.0, "fit": FitMode.COVER}
    with pytest.raises(UsageError):
        defaults_of(["camera"])
