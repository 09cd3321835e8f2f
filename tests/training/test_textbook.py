import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livecam.cli.main import main
from livecam.core.errors import TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.imaging.compositing import alpha_composite
from livecam.imaging.ops import downscale
from livecam.models.segmenter import LiteRTSegmenter
from livecam.pipeline import Pipeline

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.datasets.pets import list_samples  # noqa: E402
from livecam.training import textbook, trainer  # noqa: E402
from livecam.training.checkpoint import Checkpoint, read_checkpoint, read_history  # noqa: E402
from livecam.training.config import RunConfig  # noqa: E402
from livecam.training.export.exporter import export_model  # noqa: E402
from livecam.training.export.litert_converter import FLOAT_TOLERANCE  # noqa: E402
from livecam.training.textbook import (  # noqa: E402
    TextbookRecipe,
    TextbookSettings,
    TrimapDataset,
    build,
    load_arrays,
    read_pair,
    with_matte,
)
from livecam.training.trainer import create_recipe, fit  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]
EPOCHS, STEPS = 6, 12


def with_run(settings: TextbookSettings, **changes: Any) -> TextbookSettings:
    return TextbookSettings(dataclasses.replace(settings.run, **changes))


def train_with_options(options: dict[str, Any]) -> Path:
    recipe = create_recipe({"network": "textbook", **options})
    return fit(recipe, recipe.settings.run)


def train(settings: TextbookSettings) -> Path:
    return fit(TextbookRecipe(settings), settings.run)


@pytest.fixture(scope="module")
def settings(
    tmp_path_factory: pytest.TempPathFactory, make_pets: Callable[..., Path]
) -> Iterator[TextbookSettings]:
    """Return the settings of a short run of a narrow network on drawn discs."""
    folder = tmp_path_factory.mktemp("textbook")
    make_pets(folder / "pets", trainval=48, test=3, mattes=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(textbook, "WIDTHS", (8, 16, 16))
        data, out = (folder / "pets",), folder / "unbroken"
        yield TextbookSettings(RunConfig(data, out, EPOCHS, batch=4, learning_rate=3e-3, seed=5))


@pytest.fixture(scope="module")
def unbroken(settings: TextbookSettings) -> Path:
    assert train(settings) == settings.run.out / "best.keras"
    return settings.run.out


@pytest.fixture(scope="module")
def broken(settings: TextbookSettings) -> Path:
    """Interrupt the same run in its second epoch after the history was written, then resume it."""
    settings = with_run(settings, out=settings.run.out.with_name("broken"))
    write = Checkpoint.write

    def cut(self: Checkpoint, run: Path) -> None:
        if self.epoch == 2:
            raise KeyboardInterrupt
        write(self, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    train(with_run(settings, resume=True))
    return settings.run.out


@pytest.fixture(scope="module")
def exported(unbroken: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("weights") / "textbook.tflite"
    export_model(unbroken, out, precision="float32")
    return out


def test_three_stages_down_three_up_and_a_softmax_of_three() -> None:
    network = build()
    kinds = [type(layer).__name__ for layer in network.layers[1:]]
    strides = [layer.strides for layer in network.layers[1:]]

    assert network.input_shape == (None, 200, 200, 3)
    assert network.output_shape == (None, 200, 200, 3)
    assert kinds == ["Conv2D"] * 6 + ["Conv2DTranspose"] * 6 + ["Conv2D"]
    assert strides == [(2, 2), (1, 1)] * 3 + [(1, 1), (2, 2)] * 3 + [(1, 1)]
    output = keras.ops.convert_to_numpy(
        network(np.random.default_rng(1).random((2, 200, 200, 3), np.float32))
    )
    np.testing.assert_allclose(output.sum(-1), 1, atol=1e-5)


def test_a_run_s_folder_holds_all_it_promises(unbroken: Path) -> None:
    assert {p.name for p in unbroken.iterdir()} == {
        "settings.json", "history.csv", "curves.png", "predictions.png", "best.keras", "backup",
    }  # fmt: skip
    saved = json.loads((unbroken / "settings.json").read_text())
    assert (saved["network"], saved["seed"], saved["epochs"]) == ("textbook", 5, EPOCHS)
    assert "rooms" not in saved
    with Image.open(unbroken / "predictions.png") as sheet:
        assert sheet.size == (3 * 200, 3 * 200)
        rows = np.asarray(sheet)
    assert set(np.unique(rows[:, 200:])) <= {0, 128, 255}


def test_a_few_seconds_on_drawn_shapes_teach_it(unbroken: Path) -> None:
    rows = read_history(unbroken)

    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    assert float(rows[-1]["test_loss"]) < float(rows[0]["test_loss"])
    assert max(float(row["foreground_iou"]) for row in rows) > 75


def test_the_best_weights_are_those_that_the_history_calls_best(
    unbroken: Path, settings: TextbookSettings
) -> None:
    tested = TrimapDataset(*load_arrays(list_samples(settings.run.data[0], "test")), 3, 0)
    network = keras.models.load_model(unbroken / "best.keras", compile=False)
    textbook.compile_textbook(network, 1e-3, {"loss": "sparse_categorical_crossentropy"})
    scores = network.evaluate(tested, verbose=0, return_dict=True)

    best = max(read_history(unbroken), key=lambda row: float(row["miou"]))
    assert 100 * scores["miou"] == pytest.approx(float(best["miou"]), abs=0.01)
    assert 100 * scores["foreground_iou"] == pytest.approx(float(best["foreground_iou"]), abs=0.01)


def test_an_interrupted_run_ends_as_an_unbroken_one(unbroken: Path, broken: Path) -> None:
    there, here = read_history(unbroken), read_history(broken)
    assert [int(row["epoch"]) for row in here] == list(range(1, EPOCHS + 1))
    for name in ("loss", "test_loss"):
        np.testing.assert_allclose([float(r[name]) for r in here], [float(r[name]) for r in there], rtol=0.05)

    state, other = read_checkpoint(broken), read_checkpoint(unbroken)
    assert state is not None
    assert other is not None
    # The first variable of Adam is the step counter.
    assert int(state.optimizer[0]) == int(other.optimizer[0]) == EPOCHS * STEPS
    assert 100 * state.best == pytest.approx(max(float(row["miou"]) for row in here), abs=1e-3)


def test_resuming_a_finished_run_changes_nothing(unbroken: Path, settings: TextbookSettings) -> None:
    before = {p.name: p.read_bytes() for p in (unbroken / "history.csv", unbroken / "best.keras")}

    train(with_run(settings, resume=True))
    assert {name: (unbroken / name).read_bytes() for name in before} == before


def test_labels_are_resized_by_the_nearest_pixel_and_begin_at_0(settings: TextbookSettings) -> None:
    samples = list_samples(settings.run.data[0], "trainval")
    for sample in samples[:4]:
        rgb_image, trimap = read_pair(sample)
        assert (rgb_image.shape, trimap.shape) == ((200, 200, 3), (200, 200))
        assert set(np.unique(trimap)) == {1, 2, 3}
        small = np.asarray(Image.open(sample.trimap))
        down, across = ((np.arange(200) + 0.5) * side / 200 for side in small.shape)
        assert (trimap == small[down.astype(int)][:, across.astype(int)]).mean() > 0.995
    assert set(np.unique(load_arrays(samples)[1])) == {0, 1, 2}


def test_every_epoch_sees_every_image_once_in_another_order() -> None:
    rgb_images = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    batches = TrimapDataset(rgb_images, rgb_images[..., 0], 4, 7)
    orders = []
    for _ in range(2):
        loaded = [batches[i] for i in range(len(batches))]
        orders.append([int(label[0, 0]) for _, labels in loaded for label in labels])
        assert all((p[..., 0] * 255).round().astype(int).tolist() == q.tolist() for p, q in loaded)
        batches.on_epoch_end()

    assert sorted(orders[0]) == sorted(orders[1]) == list(range(10))
    assert orders[0] != orders[1]


def test_the_official_set_s_odd_files_are_read_or_left_out(
    make_pets: Callable[..., Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_pets(tmp_path / "pets", trainval=5, test=1, mattes=False)
    images = folder / "images"
    for i in range(5):
        with Image.open(images / f"disc_{i}.png") as drawn:
            rgb_image = drawn.convert("RGB")
        (images / f"disc_{i}.png").unlink()
        kind = ("PNG", "JPEG", "GIF", "JPEG", "JPEG")[i]
        mode = ("RGBA", "L", "RGB", "CMYK", "RGB")[i]
        rgb_image.convert(mode).save(images / f"disc_{i}.jpg", kind)
    (images / "disc_4.jpg").write_bytes((images / "disc_4.jpg").read_bytes()[:200])
    with Image.open(images / "disc_3.jpg") as drawn:
        drawn.transpose(Image.Transpose.ROTATE_90).save(images / "disc_3.jpg")
    (images / "._disc_0.jpg").write_bytes(b"macOS")
    (folder / "annotations/trimaps/._disc_0.png").write_bytes(b"macOS")
    (images / "disc_0.mat").write_bytes(b"MATLAB")

    rgb_images, labels = load_arrays(list_samples(folder, "trainval"))

    assert (rgb_images.shape, labels.shape) == ((3, 200, 200, 3), (3, 200, 200))
    warnings = [message for message in caplog.messages if "left out" in message]
    assert ["disc_3.jpg" in warnings[0], "disc_4.jpg" in warnings[1]] == [True, True]
    assert len(warnings) == 2


def test_data_of_which_nothing_can_be_read_is_refused(make_pets: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_pets(tmp_path / "pets", trainval=1, test=1, mattes=False)
    (folder / "images/disc_0.png").write_bytes(b"no image")
    with pytest.raises(TrainingError, match="none of 1 images can be read"):
        load_arrays(list_samples(folder, "trainval"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rooms": (Path("rooms"),)}, "--rooms is nothing to --network textbook"),
        ({"size": Size(256, 144)}, "--size is nothing to --network textbook"),
        ({"real": 0.5}, "--real is nothing to --network textbook"),
        ({"start": Path("a.keras"), "freeze_norms": True}, "--start is nothing to --network textbook"),
        ({"steps": 7}, "--steps is nothing"),
        ({"steps": 250}, "--steps is nothing"),
        ({"real": 0.35}, "--real is nothing"),
        ({"freeze_norms": False}, "--freeze-norms is nothing"),
        ({"start": Path("a.keras")}, "--start is nothing"),
        ({"epochs": 0}, "--epochs 0"),
        ({"resume": True}, "leave out --resume"),
    ],
)
def test_what_means_nothing_to_it_is_refused_before_anything_is_made(
    pets: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    run = tmp_path / "run"
    with pytest.raises(UsageError, match=message) as caught:
        train_with_options({"data": (pets,), "out": run, **changes})
    assert "\n" not in str(caught.value)
    assert not run.exists()


def test_a_run_in_use_is_not_begun_anew(unbroken: Path, settings: TextbookSettings) -> None:
    with pytest.raises(UsageError, match="holds a run already"):
        train(settings)


def test_the_command_line_trains_it(
    make_pets: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    requested: list[TextbookSettings] = []

    def keep(recipe: TextbookRecipe, config: RunConfig, progress: object) -> Path:
        requested.append(recipe.settings)
        return config.out / "best.keras"

    monkeypatch.setattr(trainer, "fit", keep)
    run = str(tmp_path / "run")
    assert main(["train", "pets", "--network", "textbook", "--out", run, "--epochs", "2"]) == 0
    assert requested == [
        TextbookSettings(RunConfig((Path("pets"),), Path(run), epochs=2, learning_rate=1e-3))
    ]
    assert f"livecam export {run}" in capsys.readouterr().out


def test_the_matte_is_the_foreground_and_half_the_contour() -> None:
    keras.utils.set_random_seed(3)
    network = build()
    rgb_image = np.random.default_rng(3).random((1, 200, 200, 3), np.float32)
    classes = keras.ops.convert_to_numpy(network(rgb_image))
    outputs = {
        name: keras.ops.convert_to_numpy(part) for name, part in with_matte(network)(rgb_image).items()
    }

    np.testing.assert_allclose(outputs["classes"], classes, atol=1e-6)
    assert outputs["matte"].shape == (1, 200, 200, 1)
    np.testing.assert_allclose(outputs["matte"][..., 0], classes[..., 0] + classes[..., 2] / 2, atol=1e-6)


def test_the_exported_file_gives_livecam_the_matte_that_keras_gives(
    unbroken: Path, exported: Path, settings: TextbookSettings
) -> None:
    frame = np.asarray(Image.open(list_samples(settings.run.data[0], "test")[0].image).resize((640, 360)))
    network = with_matte(keras.models.load_model(unbroken / "best.keras", compile=False))
    small = downscale(frame, Size(200, 200)).astype(np.float32) / 255
    keras_says = keras.ops.convert_to_numpy(network(small[None], training=False)["matte"])[0, ..., 0]

    segmenter = LiteRTSegmenter.load(str(exported))
    matte, classes = segmenter.predict(frame), segmenter.class_probabilities()

    assert keras_says.std() > 0.1
    np.testing.assert_allclose(matte, keras_says, atol=FLOAT_TOLERANCE)
    # All classes are in one output, as in older networks of livecam.
    assert classes is not None
    np.testing.assert_allclose(matte, classes[..., 0] + classes[..., 2] / 2, atol=FLOAT_TOLERANCE)
    card = json.loads(exported.with_suffix(".json").read_text())
    assert card["about"]["scores_on_test_scenes"]["foreground_iou"] > 75


def test_livecam_replaces_a_drawn_wall_with_it(exported: Path, settings: TextbookSettings) -> None:
    sample = list_samples(settings.run.data[0], "test")[0]
    frame = np.asarray(Image.open(sample.image).resize((640, 360)))
    trimap = np.asarray(Image.open(sample.trimap).resize((640, 360), Image.Resampling.NEAREST))

    matte = LiteRTSegmenter.load(str(exported)).predict(frame)
    wide = np.asarray(Image.fromarray(matte).resize((640, 360)))
    shown = alpha_composite(frame, np.zeros_like(frame), wide)

    assert wide[trimap == 2].mean() < 0.1
    assert wide[trimap == 1].mean() > wide[trimap == 2].mean() + 0.3
    assert shown[trimap == 2].mean() < 0.3 * frame[trimap == 2].mean()
    assert Pipeline.load(str(exported)).replace(frame).shape == frame.shape
