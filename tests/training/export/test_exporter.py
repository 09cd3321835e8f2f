import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from livecam.core.errors import FileWriteError, TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.evaluation.report import EvaluationReport, SampleResult, write_report
from livecam.imaging.ops import downscale
from livecam.models.model_card import ModelCard
from livecam.models.segmenter import LiteRTSegmenter
from livecam.training.export.exporter import load_card_scores

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.export import exporter as exporting  # noqa: E402
from livecam.training.export import litert_converter as litert  # noqa: E402
from livecam.training.export.exporter import export_model, with_input_size  # noqa: E402
from livecam.training.export.litert_converter import FLOAT_TOLERANCE, INT8_TOLERANCE, PRECISIONS  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


def a_network(seed: int = 1) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return build_model(ARCHITECTURES["tiny"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run folder whose second epoch was the best."""
    folder = tmp_path_factory.mktemp("run")
    a_network().save(folder / "best.keras")
    (folder / "settings.json").write_text(json.dumps({"seed": 5, "data": ["/home/me/pets"], "start": None}))
    rows = ["epoch,miou,foreground_iou,boundary_f,mad", "1,70,60,50,40", "2,81,71,61,31", "3,80,70,60,30"]
    (folder / "history.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export once per module, because a conversion takes seconds."""
    out = tmp_path_factory.mktemp("weights") / "deeper" / "disc.tflite"
    export_model(run, out, notes=("drawn by a test",), precision="float32")
    return out


@pytest.fixture(scope="module")
def rounded(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the same run with int8 weights (the default)."""
    out = tmp_path_factory.mktemp("rounded") / "disc.tflite"
    with pytest.MonkeyPatch.context() as patch:
        # By default all its convolutions are too small to be quantized.
        patch.setattr(litert, "MIN_QUANTIZED_WEIGHTS", 1000)
        export_model(run, out)
    return out


@pytest.fixture
def converted(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make every conversion return the bytes of the exported network."""
    monkeypatch.setattr(exporting, "convert_to_litert", lambda model: exported.read_bytes())
    return exported


def refused(run: Path, out: Path, message: str) -> None:
    with pytest.raises(TrainingError, match=message) as caught:
        export_model(run, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()
    assert not list(out.parent.glob("*.json"))
    assert not list(out.parent.glob(".*"))


def test_the_card_tells_what_the_file_is(exported: Path) -> None:
    card = ModelCard.read(exported.with_suffix(".json"))

    assert (card.name, card.file, card.size) == ("disc", "disc.tflite", Size(64, 48))
    assert card.input_range == (0.0, 1.0)
    assert sorted(card.outputs) == ["background", "contour", "foreground", "matte"]
    assert card.sha256 == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert card.metadata["notes"] == ["drawn by a test"]
    assert card.metadata["classes"] == ["foreground", "background", "contour"]
    assert card.metadata["parameters"] == a_network().count_params()
    assert card.metadata["training"] == {"seed": 5, "data": ["pets"], "start": None}
    assert card.metadata["scores_on_test_scenes"]["epoch"] == 2
    assert card.metadata["scores_on_test_scenes"]["miou"] == 81


def test_the_card_s_parity_is_measured(exported: Path) -> None:
    parity = ModelCard.read(exported.with_suffix(".json")).metadata["parity_with_keras"]

    assert 0 <= parity["mean"] <= parity["largest"] <= FLOAT_TOLERANCE
    assert parity["largest"] > 0
    assert parity["pictures"] >= 8


def test_nothing_but_file_card_and_network_is_left_in_the_folder(exported: Path) -> None:
    assert {p.name for p in exported.parent.iterdir()} == {"disc.tflite", "disc.json", "disc.keras"}


def test_the_network_beside_it_is_the_one_that_was_trained(exported: Path) -> None:
    beside = keras.models.load_model(exported.with_suffix(".keras"), compile=False)

    for weight, trained in zip(beside.get_weights(), a_network().get_weights(), strict=True):
        np.testing.assert_array_equal(weight, trained)


def test_int8_weights_are_smaller_and_say_nearly_the_same(exported: Path, rounded: Path) -> None:
    frame = data.astronaut()
    exact, near = (LiteRTSegmenter.load(str(path)).predict(frame) for path in (exported, rounded))
    card = ModelCard.read(rounded.with_suffix(".json"))

    assert rounded.stat().st_size < exported.stat().st_size
    assert 0 < np.abs(exact - near).mean() < INT8_TOLERANCE
    assert card.metadata["parity_with_keras"]["mean"] <= INT8_TOLERANCE
    assert (card.metadata["precision"], near.dtype) == ("int8", np.float32)


def test_only_plain_convolutions_of_some_size_are_rounded(capfd: pytest.CaptureFixture[str]) -> None:
    image = keras.Input((32, 32, 24))
    x = keras.layers.Conv2D(24, 3, name="large")(image)
    x = keras.layers.Conv2D(8, 3, name="small")(x)
    exact = litert.convert_to_litert(keras.Model(image, keras.layers.DepthwiseConv2D(5, name="deep")(x)))

    near = litert.quantize_weights(exact)

    stored = litert.Interpreter(model_content=near).get_tensor_details()
    kinds = {tuple(one["shape"]): one["dtype"] for one in stored if len(one["shape"]) == 4}
    assert kinds[24, 3, 3, 24] is np.int8
    assert kinds[8, 3, 3, 24] is np.float32
    assert kinds[1, 5, 5, 8] is np.float32
    assert litert.quantize_weights(exact, "float32") == exact
    assert "quantiz" not in "".join(capfd.readouterr()).lower()


def test_float16_weights_take_half_the_room_and_say_the_same(exported: Path) -> None:
    exact = exported.read_bytes()

    half = litert.quantize_weights(exact, "float16")

    stored = litert.Interpreter(model_content=half).get_tensor_details()
    assert np.float16 in {one["dtype"] for one in stored}
    assert len(half) < len(exact)
    assert litert.check_parity(a_network(), half, "float16").largest < 0.02


def test_rounding_that_changes_what_is_said_is_refused_with_the_remedy(
    run: Path, converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = litert.convert_to_litert(a_network(seed=2))
    monkeypatch.setattr(exporting, "quantize_weights", lambda weights, precision: other)

    refused(run, tmp_path / "x.tflite", "differs from Keras by .*--precision float32")


def test_another_precision_is_refused_with_those_that_there_are(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"'int4'; there are {', '.join(PRECISIONS)}"):
        export_model(run, tmp_path / "x.tflite", precision="int4")
    assert not list(tmp_path.iterdir())


def test_the_exported_file_gives_livecam_the_matte_that_keras_gives(exported: Path) -> None:
    frame = data.astronaut()
    small = downscale(frame, Size(64, 48)).astype(np.float32) / 255
    keras_says = keras.ops.convert_to_numpy(a_network()(small[None], training=False)["matte"])[0, ..., 0]

    matte = LiteRTSegmenter.load(str(exported)).predict(frame)

    assert keras_says.std() > 0.01
    np.testing.assert_allclose(matte, keras_says, atol=FLOAT_TOLERANCE)


def test_a_file_that_says_something_else_is_never_written(converted: Path, tmp_path: Path) -> None:
    a_network(seed=2).save(tmp_path / "best.keras")

    refused(
        tmp_path, tmp_path / "out" / "other.tflite", r"LiteRT differs from Keras by .*nothing was exported"
    )


def test_a_file_that_says_nan_is_never_written(run: Path, converted: Path, tmp_path: Path) -> None:
    network = a_network()
    network.set_weights([np.full_like(w, np.nan) for w in network.get_weights()])
    network.save(tmp_path / "best.keras")

    refused(tmp_path, tmp_path / "out" / "nan.tflite", "LiteRT differs from Keras by nan")


def test_a_file_of_another_size_is_never_written(converted: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    build_model(replace(ARCHITECTURES["tiny"], size=(96, 64))).save(tmp_path / "best.keras")

    refused(tmp_path, tmp_path / "out" / "large.tflite", r"LiteRT takes \(1, 48, 64, 3\)")


def test_a_conversion_that_litert_can_t_run_is_never_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "convert_to_litert", lambda model: b"TFL3 nonsense")

    refused(run, tmp_path / "bad.tflite", "LiteRT can't run")


def test_an_export_that_fails_leaves_the_former_one(converted: Path, tmp_path: Path, run: Path) -> None:
    export_model(run, tmp_path / "mine.tflite")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    (tmp_path / "other").mkdir()
    a_network(seed=2).save(tmp_path / "other" / "best.keras")

    with pytest.raises(TrainingError, match="differs"):
        export_model(tmp_path / "other", tmp_path / "mine.tflite")

    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("name", ["model.onnx", "model", "model.json", "model.tflite.bak"])
def test_an_output_that_is_no_tflite_is_refused(run: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"must be a file that ends in \.tflite"):
        export_model(run, tmp_path / name)


def test_a_folder_that_can_t_be_written_is_refused(run: Path, converted: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FileWriteError, match=r"can't write .*choose another folder"):
        export_model(run, tmp_path / "file" / "x.tflite")


def damage(saved: Path, cut: Callable[[bytes], bytes]) -> None:
    saved.write_bytes(cut(saved.read_bytes()))


@pytest.mark.parametrize("cut", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"x" * 500])
def test_a_damaged_keras_file_is_refused(run: Path, tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    (tmp_path / "run").mkdir()
    saved = tmp_path / "run" / "best.keras"
    saved.write_bytes(cut((run / "best.keras").read_bytes()))

    refused(tmp_path / "run", tmp_path / "x.tflite", "can't be read as a trained network; name a run")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, tmp_path / "x.tflite", r"there is no .*best\.keras; train first")
    refused(tmp_path / "nowhere", tmp_path / "x.tflite", "there is no .*nowhere; train first")


def test_networks_of_another_kind_are_refused(tmp_path: Path) -> None:
    image = keras.Input((48, 64, 3))
    one = keras.layers.Conv2D(1, 1)(image)
    three = keras.layers.Conv2D(3, 1)(image)
    gray_input = keras.Input((48, 64, 1))
    others = (
        keras.Model(image, one),
        keras.Model(image, {"alpha": one, "classes": three}),
        keras.Model(image, {"matte": three, "classes": three}),
        keras.Model(
            gray_input,
            {
                "matte": keras.layers.Conv2D(1, 1)(gray_input),
                "classes": keras.layers.Conv2D(3, 1)(gray_input),
            },
        ),
    )
    for model in others:
        model.save(tmp_path / "best.keras")
        refused(tmp_path, tmp_path / "x.tflite", "is not a livecam network")


def test_another_file_in_a_run_s_folder_gets_none_of_its_scores(
    run: Path, converted: Path, tmp_path: Path
) -> None:
    (run / "copy.keras").write_bytes((run / "best.keras").read_bytes())

    card = export_model(run / "copy.keras", tmp_path / "copy.tflite")

    assert "scores_on_test_scenes" not in card.metadata
    assert "training" not in card.metadata
    assert card.metadata["parameters"] > 0


def test_a_damaged_history_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "best.keras").write_bytes((run / "best.keras").read_bytes())
    (tmp_path / "history.csv").write_text("epoch,miou\n1\n")

    refused(tmp_path, tmp_path / "x.tflite", r"history\.csv .*mend or remove")


def test_the_same_weights_are_exported_for_images_of_another_size(run: Path, tmp_path: Path) -> None:
    card = export_model(run, tmp_path / "larger.tflite", size=Size(96, 64))

    assert card.size == Size(96, 64)
    segmenter = LiteRTSegmenter.load(str(tmp_path / "larger.tflite"))
    frame = np.random.default_rng(4).integers(0, 256, (64, 96, 3), np.uint8)
    assert segmenter.predict(frame).shape == (64, 96)
    larger = keras.models.load_model(tmp_path / "larger.keras", compile=False)
    assert larger.input_shape == (None, 64, 96, 3)
    for one, other in zip(larger.get_weights(), a_network().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_network_with_blocks_takes_a_size_that_cannot_be_halved_five_times_and_another_back() -> None:
    square = build_model(replace(ARCHITECTURES["person-large"], size=(64, 64)))

    flat = with_input_size(square, Size(64, 48))
    again = with_input_size(flat, Size(64, 64))

    assert flat.output["matte"].shape == (None, 48, 64, 1)
    image = np.random.default_rng(2).random((1, 64, 64, 3), np.float32)
    for one, other in zip(square(image).values(), again(image).values(), strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (one, other)))


def test_a_size_that_cannot_be_halved_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--size 100x50 is not divisible by 16; try 96x48"):
        export_model(run, tmp_path / "x.tflite", size=Size(100, 50))
    assert not list(tmp_path.iterdir())


def evaluation(folder: Path, data: str, sha256: str, miou: float = 90.126) -> Path:
    """Write the report of an evaluation of one sample; return the path of its JSON file."""
    result = SampleResult("a_1", "a", ("low light",), {"miou": miou, "grad": 0.01, "hole": 2.0}, (5.0,))
    folder.mkdir()
    write_report(EvaluationReport("mine", data, 2, (result,), sha256), folder)
    return folder / "scores.json"


def test_a_card_gets_every_row_of_every_evaluation(tmp_path: Path) -> None:
    files = [evaluation(tmp_path / "a", "people", "abc"), evaluation(tmp_path / "b", "clips", "abc", 80.0)]

    figures = load_card_scores(files, "abc")

    assert list(figures) == ["people", "clips"]
    assert list(figures["people"]) == ["a", "mean", "low light"]
    assert figures["people"]["mean"] == {"cases": 1, "miou": 90.13, "hole": 2.0}
    assert figures["clips"]["a"]["miou"] == 80.0


@pytest.mark.parametrize("sha256", ["abd", ""])
def test_figures_of_other_weights_are_refused(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(TrainingError, match="other weights"):
        load_card_scores([evaluation(tmp_path / "a", "people", sha256)], "abc")


@pytest.mark.parametrize("text", ["", "[]", "{}", json.dumps({"rows": [{"name": "a"}], "data": "x"})])
def test_what_is_no_evaluation_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "scores.json").write_text(text)

    with pytest.raises(TrainingError, match="can't be read") as caught:
        load_card_scores([tmp_path / "scores.json"], "abc")

    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nowhere\.json"):
        load_card_scores([tmp_path / "nowhere.json"], "abc")
