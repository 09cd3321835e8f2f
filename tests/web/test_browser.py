"""Opening a page in the user's browser."""

import threading

import pytest

from livecam.web import browser


def test_page_opens_on_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, addresses = threading.Event(), list[str]()
    monkeypatch.setattr(browser.webbrowser, "open", lambda url: (addresses.append(url), arrived.set()))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert browser.open_browser("http://127.0.0.1:1/")
    assert arrived.wait(5)
    assert addresses == ["http://127.0.0.1:1/"]


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}])
def test_page_does_not_open_without_a_desktop_or_over_ssh(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    monkeypatch.setattr(browser.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(browser.webbrowser, "open", lambda url: pytest.fail("opened"))
    assert not browser.open_browser("http://127.0.0.1:1/")


def test_tunnel_command_forwards_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "ada")
    assert browser.tunnel_command(4321).startswith("ssh -L 4321:127.0.0.1:4321 ada@")
