"""`livecam doctor`: findings and exit code."""

import json
from collections.abc import Iterator

import pytest

from livecam.cli.main import main
from livecam.core.config import LiveSettings
from livecam.core.geometry import Size
from livecam.doctor import Finding, Level
from tests.support.command_line import FAILED

pytestmark = pytest.mark.usefixtures("folder")


def fake_checks(monkeypatch: pytest.MonkeyPatch, *levels: Level) -> list[LiveSettings]:
    """Replace the checks; return the list of settings that they are called with."""
    requests: list[LiveSettings] = []

    def run_checks(settings: LiveSettings) -> Iterator[Finding]:
        requests.append(settings)
        yield from (Finding(f"n{level.value}", level, "it is so", "do this") for level in levels)

    monkeypatch.setattr("livecam.doctor.run_checks", run_checks)
    return requests


@pytest.mark.parametrize(
    ("levels", "code"),
    [((Level.OK, Level.WARNING), 0), ((Level.OK, Level.ERROR, Level.WARNING), FAILED)],
)
def test_doctor_prints_findings_and_fails_for_errors(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], levels: tuple[Level, ...], code: int
) -> None:
    fake_checks(monkeypatch, *levels)
    assert main(["doctor"]) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == [level.value for level in levels]
    assert all(line.strip() == "mend it: do this" for line in lines[1::2])
    assert main(["doctor", "--json"]) == code
    assert [found["level"] for found in json.loads(capsys.readouterr().out)] == [x.value for x in levels]


def test_doctor_checks_the_settings_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = fake_checks(monkeypatch)
    assert main(["--camera", "C920", "--threads", "3", "--save-config"]) == 0
    arguments = "--size 640x480 --fps 15 --device studio --on-demand"
    assert main(["doctor", *arguments.split()]) == 0
    (settings,) = requests
    assert (settings.camera, settings.threads, settings.fps) == ("C920", 3, 15.0)
    assert settings.size == Size(640, 480)
    assert (settings.device, settings.on_demand) == ("studio", True)
