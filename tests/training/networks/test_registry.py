import pytest

from livecam.core.errors import UsageError
from livecam.core.geometry import Size

pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.matting import MattingRecipe
from livecam.training.networks.matting_net import ARCHITECTURES
from livecam.training.networks.registry import find_network, get_network, list_networks
from livecam.training.textbook import TextbookRecipe

pytestmark = pytest.mark.training


def test_list_networks_names_all_architectures_and_textbook() -> None:
    assert set(list_networks()) == {*ARCHITECTURES, "textbook"}


def test_recipe_class_matches_the_network() -> None:
    assert get_network("person").recipe_class() is MattingRecipe
    assert get_network("textbook").recipe_class() is TextbookRecipe


def test_get_network_unknown_name_lists_the_networks() -> None:
    with pytest.raises(UsageError, match=r"no network is called 'huge'; there are person, .*textbook"):
        get_network("huge")
    assert find_network("huge") is None


def test_build_without_size_uses_the_network_s_own() -> None:
    tiny = get_network("tiny")
    assert tiny.build(None).input_shape == (None, 48, 64, 3)
    assert tiny.build(Size(96, 64)).input_shape == (None, 64, 96, 3)


def test_add_matte_gives_textbook_the_outputs_of_livecam_s_networks() -> None:
    textbook = get_network("textbook")
    model = textbook.add_matte(textbook.build(Size(64, 48)))
    assert {name: output.shape[1:] for name, output in model.output.items()} == {
        "classes": (48, 64, 3),
        "matte": (48, 64, 1),
    }
