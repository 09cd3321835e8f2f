import json
import zipfile
from pathlib import Path

import pytest

from livecam.cli.main import main
from livecam.core.errors import FileWriteError, ModelError, UsageError
from livecam.models import archive as parcel
from livecam.models import registry as models
from livecam.models.archive import export_model, import_model
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
from tests.support.tiny_model import SIZE, write_model


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """The card of a model that lies somewhere, with the network it was exported from."""
    path = write_model(tmp_path)
    path.with_suffix(".keras").write_bytes(b"network")
    return path.with_suffix(".json")


@pytest.mark.parametrize("name", ["me", "Me_2", "a-b", "x" * 40])
def test_names_of_letters_digits_and_strokes_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "a b", "../me", "a/b", "me.tflite", "-me", "x" * 41, "ü", "me\n", "nul", "Com1", "person", "Person"],
)
def test_other_names_and_shipped_ones_are_refused(name: str, card: Path) -> None:
    with pytest.raises(UsageError):
        install(card, name)
    assert not list_user()


def test_the_data_folder_is_the_platform_s_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECAM_DATA", "/elsewhere")
    assert user_models_dir() == Path("/elsewhere/models")
    monkeypatch.delenv("LIVECAM_DATA")
    assert user_models_dir().parent.name == "livecam"


def test_an_installed_model_is_found_by_its_name_and_runs_live(card: Path) -> None:
    installed = install(card, "me")

    assert resolve_model("me") == installed == user_model_path("me")
    assert ModelCard.read(installed).name == "me"
    assert list_user() == ["me"]
    assert (user_models_dir() / "me.keras").read_bytes() == b"network"
    Pipeline.load("me").close()


def test_a_model_that_nobody_has_is_told_with_all_that_there_are(card: Path) -> None:
    install(card, "me")
    with pytest.raises(UsageError, match=r"there are: person, person-lite, me "):
        resolve_model("nobody")


def test_a_shipped_name_goes_before_a_personal_one(card: Path) -> None:
    install(card, "me")
    for suffix in models.MODEL_SUFFIXES:
        (user_models_dir() / f"me{suffix}").rename(user_models_dir() / f"person{suffix}")
    assert resolve_model("person").parent != user_models_dir()


def test_installing_again_replaces_all_parts(card: Path) -> None:
    install(card, "me")
    card.with_suffix(".keras").unlink()
    install(card, "me")
    assert sorted(path.name for path in user_models_dir().iterdir()) == ["me.json", "me.tflite"]


def test_a_full_disk_leaves_the_model_that_was_there(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(card, "me")
    before = {path.name: path.read_bytes() for path in user_models_dir().iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("livecam.models.registry.ModelCard.write", full)
    with pytest.raises(FileWriteError, match=r"No space left on device.*free space"):
        install(card, "me")
    assert {path.name: path.read_bytes() for path in user_models_dir().iterdir()} == before


def test_removing_takes_all_parts_away(card: Path) -> None:
    install(card, "me")
    assert {path.suffix for path in remove("me")} == set(models.MODEL_SUFFIXES)
    assert not list(user_models_dir().iterdir())
    with pytest.raises(UsageError, match="no personal model 'me'"):
        remove("me")


class TestAParcel:
    @pytest.fixture
    def file(self, card: Path, tmp_path: Path) -> Path:
        """A parcel of a model that is not installed any more."""
        install(card, "me")
        made = export_model("me", tmp_path / "me.livecam")
        remove("me")
        return made

    def rewritten(self, file: Path, **changed: bytes | None) -> Path:
        """The same parcel with other contents; None leaves a part out."""
        with zipfile.ZipFile(file) as old:
            parts = {name: old.read(name) for name in old.namelist()}
        with zipfile.ZipFile(file, "w") as new:
            for name, content in parts.items():
                given = changed.get(name.replace("model.", ""), content)
                if given is not None:
                    new.writestr(name, given)
        return file

    def refused(self, file: Path, words: str) -> None:
        with pytest.raises(ModelError, match=words):
            import_model(file)
        assert not list_user()

    def test_brings_the_model_to_another_machine(self, file: Path) -> None:
        assert import_model(file) == "me"
        assert import_model(file, "you") == "you"
        assert ModelCard.read(resolve_model("you")).size == SIZE
        assert resolve_model("you").with_suffix(".keras").read_bytes() == b"network"

    def test_does_not_replace_a_model(self, file: Path) -> None:
        import_model(file)
        with pytest.raises(UsageError, match="there is a model me already"):
            import_model(file)

    def test_can_t_take_a_shipped_name(self, file: Path) -> None:
        with pytest.raises(UsageError, match="comes with livecam"):
            import_model(file, "person")

    def test_of_damaged_weights_is_refused(self, file: Path) -> None:
        self.refused(self.rewritten(file, tflite=b"TFL3 or not"), "damaged")

    def test_without_a_card_is_refused(self, file: Path) -> None:
        self.refused(self.rewritten(file, json=None), "no model of livecam")

    def test_that_is_cut_off_is_refused(self, file: Path) -> None:
        file.write_bytes(file.read_bytes()[:-200])
        self.refused(file, "copy or export it again")

    def test_that_grows_beyond_all_measure_is_refused(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parcel, "MAX_MEMBER_BYTES", 1000)
        self.refused(self.rewritten(file, keras=bytes(10_000)), "don't trust it")

    def test_whose_card_names_a_file_elsewhere_uses_its_own(self, file: Path, card: Path) -> None:
        told = json.loads(card.read_text())
        told["file"] = "../../../etc/passwd"
        import_model(self.rewritten(file, json=json.dumps(told).encode()), "me")
        assert ModelCard.read(resolve_model("me")).file == "me.tflite"

    def test_brings_nothing_but_its_three_parts(self, file: Path, tmp_path: Path) -> None:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("../../evil.txt", "evil")
        import_model(file)
        assert not list(tmp_path.parent.rglob("evil.txt"))
        assert not list(user_models_dir().parent.rglob("evil.txt"))

    def test_of_an_enormous_network_is_refused(self, file: Path, card: Path) -> None:
        told = json.loads(card.read_text())
        told["input"]["width"] = 1_000_000
        self.refused(self.rewritten(file, json=json.dumps(told).encode()), "1000000")

    @pytest.mark.parametrize("name", ["me.tar", "me.livecam"])
    def test_is_written_to_new_files_of_known_kinds_only(self, card: Path, tmp_path: Path, name: str) -> None:
        install(card, "me")
        (tmp_path / "me.livecam").touch()
        with pytest.raises(UsageError, match=r"must end in \.livecam|exists already"):
            export_model("me", tmp_path / name)


class TestTheWords:
    def test_list_tell_each_model_and_how_much_better_it_is(
        self, card: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = json.loads(card.read_text())
        told["about"]["learnt"] = {
            "base": "person", "date": "2030-01-02", "frames": {"learnt": 30},
            "held_out_iou": {"before": 90.04, "after": 97.5},
        }  # fmt: skip
        card.write_text(json.dumps(told))
        install(card, "me")
        assert main(["models"]) == 0
        said = capsys.readouterr().out
        assert "person" in said
        assert "me: 32x24, learnt from person on 2030-01-02, 30 frames" in said
        assert "IoU on your held-out frames 90.0 -> 97.5 %" in said

    def test_go_the_whole_way(self, card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        install(card, "me")
        file = str(tmp_path / "a.zip")
        for words in (["export", "me", file], ["remove", "me"], ["import", file, "you"], ["list"]):
            assert main(["models", *words]) == 0
        assert "installed: livecam --model you" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "words", [["remove"], ["what"], ["export", "me"], ["list", "me"], ["import", "none.zip"]]
    )
    def test_that_make_no_sense_are_told_so(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["models", *words]) == 2
        assert capsys.readouterr().err.count("\n") == 1
