"""The doctor for the page, in a process of its own."""

import subprocess
from types import SimpleNamespace

import pytest

from livecam.core.config import LiveSettings
from livecam.core.errors import LivecamError
from livecam.panel import examination
from livecam.panel.examination import examine


def test_findings_of_the_doctor_have_commands(settings: LiveSettings) -> None:
    findings = examine(settings)
    names = {finding["name"]: finding for finding in findings}
    assert "opencv" in names
    assert {"fine", "warning", "broken"} >= {finding["level"] for finding in findings}
    assert all(finding["remedy"].startswith(finding["command"]) for finding in findings)


@pytest.mark.parametrize("output", [b"", b"no JSON"])
def test_checks_without_a_result_are_an_error(
    settings: LiveSettings, monkeypatch: pytest.MonkeyPatch, output: bytes
) -> None:
    monkeypatch.setattr(examination.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=output))
    with pytest.raises(LivecamError, match="livecam doctor"):
        examine(settings)


def test_checks_that_take_too_long_are_an_error(
    settings: LiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("livecam", 60)

    monkeypatch.setattr(examination.subprocess, "run", run)
    with pytest.raises(LivecamError, match="no result"):
        examine(settings)
