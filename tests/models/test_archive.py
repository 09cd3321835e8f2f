import json
import zipfile
from pathlib import Path

import pytest

from livecam.core.errors import ModelError, UsageError
from livecam.models import archive
from livecam.models.archive import export_model, import_model
from livecam.models.model_card import ModelCard
from livecam.models.registry import install, list_user, remove, resolve_model, user_models_dir
from tests.support.tiny_model import SIZE, write_model


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Write a model with its Keras network and return the path of its card."""
    path = write_model(tmp_path)
    path.with_suffix(".keras").write_bytes(b"network")
    return path.with_suffix(".json")


@pytest.fixture
def file(card: Path, tmp_path: Path) -> Path:
    """Export a model, remove it and return the archive."""
    install(card, "me")
    path = export_model("me", tmp_path / "me.livecam")
    remove("me")
    return path


def rewritten(file: Path, **changed: bytes | None) -> Path:
    """Replace members of the archive; None removes a member."""
    with zipfile.ZipFile(file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(file, "w") as new:
        for name, content in parts.items():
            given = changed.get(name.replace("model.", ""), content)
            if given is not None:
                new.writestr(name, given)
    return file


def assert_refused(file: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_model(file)
    assert not list_user()


def test_import_installs_the_model(file: Path) -> None:
    assert import_model(file) == "me"
    assert import_model(file, "you") == "you"
    assert ModelCard.read(resolve_model("you")).size == SIZE
    assert resolve_model("you").with_suffix(".keras").read_bytes() == b"network"


def test_import_over_existing_model_raises(file: Path) -> None:
    import_model(file)
    with pytest.raises(UsageError, match="there is a model me already"):
        import_model(file)


def test_import_under_builtin_name_raises(file: Path) -> None:
    with pytest.raises(UsageError, match="comes with livecam"):
        import_model(file, "person")


def test_import_of_damaged_weights_raises(file: Path) -> None:
    assert_refused(rewritten(file, tflite=b"TFL3 or not"), "damaged")


def test_import_without_card_raises(file: Path) -> None:
    assert_refused(rewritten(file, json=None), "no model of livecam")


def test_import_of_truncated_archive_raises(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-200])
    assert_refused(file, "copy or export it again")


def test_import_of_huge_member_raises(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER_BYTES", 1000)
    assert_refused(rewritten(file, keras=bytes(10_000)), "don't trust it")


def test_import_ignores_file_path_in_card(file: Path, card: Path) -> None:
    content = json.loads(card.read_text())
    content["file"] = "../../../etc/passwd"
    import_model(rewritten(file, json=json.dumps(content).encode()), "me")
    assert ModelCard.read(resolve_model("me")).file == "me.tflite"


def test_import_unpacks_only_known_members(file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("../../evil.txt", "evil")
    import_model(file)
    assert not list(tmp_path.parent.rglob("evil.txt"))
    assert not list(user_models_dir().parent.rglob("evil.txt"))


def test_import_of_enormous_input_size_raises(file: Path, card: Path) -> None:
    content = json.loads(card.read_text())
    content["input"]["width"] = 1_000_000
    assert_refused(rewritten(file, json=json.dumps(content).encode()), "1000000")


@pytest.mark.parametrize("name", ["me.tar", "me.livecam"])
def test_export_to_existing_or_other_file_raises(card: Path, tmp_path: Path, name: str) -> None:
    install(card, "me")
    (tmp_path / "me.livecam").touch()
    with pytest.raises(UsageError, match=r"must end in \.livecam|exists already"):
        export_model("me", tmp_path / name)
