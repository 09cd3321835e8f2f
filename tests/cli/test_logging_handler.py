import logging
from collections.abc import Iterator

import pytest

from livecam.cli.logging_handler import install_handler


@pytest.fixture(autouse=True)
def _restored_logger() -> Iterator[None]:
    logger = logging.getLogger("livecam")
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_install_handler_twice_prints_a_message_once(capsys: pytest.CaptureFixture[str]) -> None:
    install_handler()
    install_handler()
    logging.getLogger("livecam.runtime").info("camera %s", "lost")
    logging.getLogger("livecam.runtime").debug("not shown")
    assert capsys.readouterr().err == "livecam: camera lost\n"


def test_install_handler_with_debug_prints_debug_messages(capsys: pytest.CaptureFixture[str]) -> None:
    install_handler(debug=True)
    logging.getLogger("livecam.sinks").debug("state")
    logging.getLogger("elsewhere").warning("not livecam's")
    assert "livecam: state\n" in capsys.readouterr().err
    install_handler()
    logging.getLogger("livecam.sinks").debug("state")
    assert "state" not in capsys.readouterr().err
