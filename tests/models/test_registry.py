from pathlib import Path

import pytest

from livecam.core.errors import FileWriteError, UsageError
from livecam.models import registry
from livecam.models.model_card import ModelCard
from livecam.models.registry import (
    check_name,
    install,
    list_user,
    remove,
    resolve_model,
    user_model_path,
    user_models_dir,
)
from livecam.pipeline import Pipeline
from tests.support.tiny_model import write_model


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Write a model with its Keras network and return the path of its card."""
    path = write_model(tmp_path)
    path.with_suffix(".keras").write_bytes(b"network")
    return path.with_suffix(".json")


@pytest.mark.parametrize("name", ["me", "Me_2", "a-b", "x" * 40])
def test_check_name_accepts_letters_digits_and_dashes(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a b", "../me", "a/b", "me.tflite", "-me", "x" * 41, "ü", "me\n", "nul", "Com1", "person", "Person"],
)
def test_install_under_invalid_or_builtin_name_raises(name: str, card: Path) -> None:
    with pytest.raises(UsageError):
        install(card, name)
    assert not list_user()


def test_user_models_dir_follows_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECAM_DATA", "/elsewhere")
    assert user_models_dir() == Path("/elsewhere/models")
    monkeypatch.delenv("LIVECAM_DATA")
    assert user_models_dir().parent.name == "livecam"


def test_installed_model_resolves_and_runs(card: Path) -> None:
    installed = install(card, "me")

    assert resolve_model("me") == installed == user_model_path("me")
    assert ModelCard.read(installed).name == "me"
    assert list_user() == ["me"]
    assert (user_models_dir() / "me.keras").read_bytes() == b"network"
    Pipeline.load("me").close()


def test_resolve_unknown_model_lists_all_models(card: Path) -> None:
    install(card, "me")
    with pytest.raises(UsageError, match=r"there are: person, person-large, person-lite, me "):
        resolve_model("nobody")


def test_resolve_model_prefers_builtin_name(card: Path) -> None:
    install(card, "me")
    for suffix in registry.MODEL_SUFFIXES:
        (user_models_dir() / f"me{suffix}").rename(user_models_dir() / f"person{suffix}")
    assert resolve_model("person").parent != user_models_dir()


def test_install_again_replaces_all_files(card: Path) -> None:
    install(card, "me")
    card.with_suffix(".keras").unlink()
    install(card, "me")
    assert sorted(path.name for path in user_models_dir().iterdir()) == ["me.json", "me.tflite"]


def test_install_on_full_disk_keeps_the_old_model(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(card, "me")
    before = {path.name: path.read_bytes() for path in user_models_dir().iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livecam.models.registry.ModelCard.write", fail)
    with pytest.raises(FileWriteError, match=r"No space left on device.*free space"):
        install(card, "me")
    assert {path.name: path.read_bytes() for path in user_models_dir().iterdir()} == before


def test_remove_deletes_all_files(card: Path) -> None:
    install(card, "me")
    assert {path.suffix for path in remove("me")} == set(registry.MODEL_SUFFIXES)
    assert not list(user_models_dir().iterdir())
    with pytest.raises(UsageError, match="no personal model 'me'"):
        remove("me")
