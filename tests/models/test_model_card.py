import json
from pathlib import Path
from typing import Any

import pytest

from livecam.core.errors import ModelError
from livecam.core.geometry import Size
from livecam.models.model_card import ModelCard

CARD = ModelCard(
    "pets", "pets.tflite", "ab" * 32, Size(256, 144), (0.0, 1.0), {"matte": 0, "classes": 1}, {"é": [1]}
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    CARD.write(tmp_path / "pets.json")
    return tmp_path / "pets.json"


def test_write_card_then_read_is_equal(path: Path) -> None:
    assert ModelCard.read(path) == CARD


def test_read_card_ignores_unknown_keys(path: Path) -> None:
    change(path, "extra", 1)
    assert ModelCard.read(path) == CARD


def change(path: Path, key: str, value: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    if value is None:
        del content[key]
    else:
        content[key] = value
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("key", ["format", "name", "file", "sha256", "input", "outputs"])
def test_read_card_with_missing_key_raises(path: Path, key: str) -> None:
    change(path, key, None)
    with pytest.raises(ModelError, match="export"):
        ModelCard.read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", "1"),
        ("input", []),
        ("input", {"width": 256, "height": 144, "colours": "BGR", "range": [0, 1]}),
        ("input", {"width": 256, "height": 144, "colours": "RGB", "range": [0]}),
        ("input", {"width": "wide", "height": 144, "colours": "RGB", "range": [0, 1]}),
        ("outputs", ["matte"]),
        ("outputs", {"matte": "first"}),
        ("about", 7),
    ],
)
def test_read_card_of_other_format_raises(path: Path, key: str, value: Any) -> None:
    change(path, key, value)
    with pytest.raises(ModelError, match="export") as caught:
        ModelCard.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"card"', b"7", b"null", b"\xff\xfe\x00"])
def test_read_card_of_other_content_raises(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"pets\.json"):
        ModelCard.read(path)


def test_read_missing_card_explains_model_files(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="beside it"):
        ModelCard.read(tmp_path / "none.json")
