"""The built-in SAM: LiteRT gives what ONNX Runtime and KerasHub give, without them and without a network."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from livecam.annotation.prompts import Box, Point, Prompt
from livecam.annotation.sam.memory_estimate import MemoryEstimate
from livecam.annotation.sam.network import CARD, DECODER, ENCODER, LiteRTSam
from livecam.annotation.sam.predictor import ImageEmbedding, SamPredictor, _prompt_tensors
from livecam.annotation.sam.preprocessing import ResizeLongestSide
from livecam.annotation.sam.presets import builtin_folder, load_network
from livecam.core.errors import AnnotationError
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image, write_image
from scripts.shared.sam_parity import example_prompts, thin
from tests.support.fruits import FRUITS, Fruit, draw_fruits
from tests.support.synthetic_shapes import draw_shape, iou

TOP = Path(__file__).parent.parent.parent.parent
ASTRONAUT = TOP / "livecam" / "assets" / "astronaut.jpg"
REFERENCE = Path(__file__).parent / "mobile_sam_reference.npz"


@pytest.fixture(scope="module")
def network() -> LiteRTSam:
    loaded, _ = load_network("mobile_sam")
    assert isinstance(loaded, LiteRTSam)
    return loaded


@pytest.fixture(scope="module")
def sam(network: LiteRTSam) -> SamPredictor:
    return SamPredictor(network)


@pytest.fixture(scope="module")
def astronaut(sam: SamPredictor) -> ImageEmbedding:
    return sam.embed(read_image(ASTRONAUT, longest=1024).image)


@pytest.fixture(scope="module")
def fruits(sam: SamPredictor) -> ImageEmbedding:
    return sam.embed(draw_fruits())


def test_outputs_are_those_of_onnx_runtime(network: LiteRTSam, astronaut: ImageEmbedding) -> None:
    """The reference is written by scripts/convert_sam.py --reference; the weights here are rounded."""
    with np.load(REFERENCE) as expected:
        embedding = astronaut._embedding
        assert np.abs(thin("embedding", embedding[None]) - expected["embedding"]).max() < 0.01
        assert len(expected.files) == 1 + 2 * len(example_prompts())
        for name, prompt in example_prompts().items():
            logits, scores = network.decode(embedding, prompt)
            difference = np.abs(thin("logits", logits) - expected[f"logits, {name}"])
            assert difference.mean() < 0.03
            assert difference.max() < 0.3
            np.testing.assert_allclose(scores, expected[f"scores, {name}"], atol=0.01)


@pytest.mark.labelling
def test_kerashub_gives_the_same(sam: SamPredictor, astronaut: ImageEmbedding) -> None:
    pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
    slow = SamPredictor.load(str(builtin_folder())).embed(read_image(ASTRONAUT, longest=1024).image)
    assert np.abs(slow._embedding - astronaut._embedding).max() < 0.01
    person = draw_shape("disc", Point(220, 120), 60, Size(512, 512))
    prompts = (
        Prompt((Point(220, 120),)),
        Prompt((Point(220, 120), Point(150, 400)), (Point(450, 60),), Box(20, 10, 430, 511)),
        Prompt(box=Box(150, 40, 310, 215)),
        Prompt(mask=person),
    )
    for prompt in prompts:
        pairs = zip(astronaut.predict(prompt), slow.predict(prompt), strict=True)
        for fast, exact in sorted(pairs, key=lambda pair: pair[0].index):
            assert fast.index == exact.index
            assert fast.iou_score == pytest.approx(exact.iou_score, abs=0.005)
            assert np.abs(fast.matte - exact.matte).mean() < 1e-3


@pytest.mark.parametrize("fruit", FRUITS, ids=lambda fruit: fruit.name)
def test_a_point_on_a_fruit_and_a_box_around_it_select_it(fruits: ImageEmbedding, fruit: Fruit) -> None:
    for prompt in (Prompt((fruit.centre,)), Prompt(box=fruit.box)):
        assert iou(fruits.predict(prompt)[0].matte, fruit.matte) > 0.95


def test_a_box_around_all_fruits_with_a_point_to_drop(fruits: ImageEmbedding) -> None:
    apple, orange = FRUITS[:2]
    both = Box(apple.box.left, apple.box.top, orange.box.right, orange.box.bottom)
    best = fruits.predict(Prompt((apple.centre,), (orange.centre,), both))[0]
    assert iou(best.matte, apple.matte) > 0.9


def test_ambiguous_point_has_several_ranked_candidates(astronaut: ImageEmbedding) -> None:
    """A point on the suit: a part, the suit, the person."""
    candidates = astronaut.predict(Prompt((Point(150, 400),)))
    assert [each.iou_score for each in candidates] == sorted(
        (each.iou_score for each in candidates), reverse=True
    )
    areas = sorted(float((each.matte > 0.5).mean()) for each in candidates)
    assert areas[-1] > 1.5 * areas[0]


@pytest.mark.parametrize("size", [Size(1200, 300), Size(200, 900), Size(24, 16)], ids=str)
def test_wide_tall_and_tiny_images(sam: SamPredictor, size: Size) -> None:
    radius = 0.3 * min(size)
    place = Point(0.3 * size.width, 0.6 * size.height)
    matte = draw_shape("disc", place, radius, size)
    frame = np.full((size.height, size.width, 3), (90, 110, 120), np.float32)
    frame += (np.array((220, 190, 40)) - frame) * matte[..., None]
    embedding = sam.embed(np.rint(frame).astype(np.uint8))
    for prompt in (Prompt((place,)), Prompt(box=_around(place, radius))):
        best = embedding.predict(prompt)[0].matte
        assert best.shape == (size.height, size.width)
        assert iou(best, matte) > 0.85


def _around(place: Point, radius: float) -> Box:
    return Box(place.x - radius, place.y - radius, place.x + radius, place.y + radius)


def test_number_of_points_may_change_from_prompt_to_prompt(
    network: LiteRTSam, astronaut: ImageEmbedding
) -> None:
    """LiteRT allocates anew; the results must not depend on the prompts before."""
    transform = ResizeLongestSide.of(astronaut.size)
    points = tuple(Point(60 + 40 * number, 300) for number in range(6))
    few, many = (_prompt_tensors(Prompt(points[:count]), transform) for count in (1, 6))
    first = network.decode(astronaut._embedding, few)
    network.decode(astronaut._embedding, many)
    again = network.decode(astronaut._embedding, few)
    for before, after in zip(first, again, strict=True):
        np.testing.assert_array_equal(before, after)


def test_segment_command_needs_neither_network_nor_tensorflow(tmp_path: Path) -> None:
    write_image(tmp_path / "fruits.png", draw_fruits())
    x, y = (int(value) for value in FRUITS[0].centre)
    code = f"""
import builtins, socket, sys
def forbidden(*_, **__):
    raise OSError('no network in this test')
socket.socket.connect = socket.getaddrinfo = forbidden
original = builtins.__import__
def guarded(name, *rest, **more):
    if name.partition('.')[0] in ('tensorflow', 'keras', 'keras_hub', 'torch', 'kagglehub'):
        raise ModuleNotFoundError(name, name=name)
    return original(name, *rest, **more)
builtins.__import__ = guarded
from livecam.cli.main import main
sys.exit(main(['segment', 'fruits.png', '--point', '{x},{y}', '--out', 'out']))
"""
    environment = {**os.environ, "PYTHONPATH": str(TOP), "KAGGLEHUB_CACHE": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    matte = read_image(tmp_path / "out" / "fruits.matte.png", longest=1024).image[..., 0] / 255
    assert iou(matte.astype(np.float32), FRUITS[0].matte) > 0.95


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in (CARD, ENCODER, DECODER):
        shutil.copy(builtin_folder() / name, tmp_path)
    return tmp_path


def complaint(folder: Path) -> str:
    with pytest.raises(AnnotationError) as caught:
        LiteRTSam.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_missing_file_names_the_remedy(copied: Path) -> None:
    (copied / DECODER).unlink()
    assert "reinstall livecam, or get the folder from its repository again" in complaint(copied)


def test_damaged_file_is_refused(copied: Path) -> None:
    path = copied / ENCODER
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert f"{path} is damaged; reinstall livecam" in complaint(copied)


@pytest.mark.parametrize("text", ["", "[]", '{"files": {}}'])
def test_damaged_card_is_refused(copied: Path, text: str) -> None:
    (copied / CARD).write_text(text)
    assert "can't be read" in complaint(copied)


def test_file_that_is_no_network_is_one_line(copied: Path) -> None:
    (copied / ENCODER).write_bytes(b"no network")
    card = json.loads((copied / CARD).read_text())
    card["files"][ENCODER]["sha256"] = hashlib.sha256(b"no network").hexdigest()
    (copied / CARD).write_text(json.dumps(card))
    assert "can't be run by LiteRT" in complaint(copied)


def test_card_states_the_difference_from_onnx_runtime() -> None:
    card = json.loads((builtin_folder() / CARD).read_text())
    for kind in ("keras, float32", "keras, preset", "litert"):
        assert set(card["difference_from_onnx_runtime"][kind]) == {"embedding", "logits", "scores"}
    assert card["difference_from_onnx_runtime"]["keras, float32"]["embedding"]["largest"] < 1e-5
    assert "MobileSAM" in card["licence"]
    assert (builtin_folder() / "LICENSE").is_file()


def test_one_image_at_a_time(network: LiteRTSam, sam: SamPredictor, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def encode(images: np.ndarray) -> np.ndarray:
        sizes.append(len(images))
        return np.zeros((len(images), 64, 64, 256), np.float32)

    monkeypatch.setattr(network, "encode", encode)
    memory = MemoryEstimate(0.0, 1.0)
    frames = [np.zeros((8, 8, 3), np.uint8)] * 3
    assert len(list(SamPredictor(network, memory).embed_many(frames))) == 3
    assert sizes == [1, 1, 1]
