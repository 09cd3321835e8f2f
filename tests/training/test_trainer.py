import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from livecam.core.errors import FileWriteError, LivecamError, TrainingError, UsageError
from livecam.core.geometry import Size

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training import matting  # noqa: E402
from livecam.training.callbacks import EmaCallback, save_atomic  # noqa: E402
from livecam.training.checkpoint import Checkpoint, read_checkpoint, read_history, restore  # noqa: E402
from livecam.training.config import RunConfig, TrainSettings  # noqa: E402
from livecam.training.data.dataset import SceneDataset  # noqa: E402
from livecam.training.matting import MattingRecipe, compile_model, load_asset_pool, validate  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, build_model  # noqa: E402
from livecam.training.trainer import fit  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

EPOCHS, STEPS = 3, 30
RUN_OPTIONS = {field.name for field in dataclasses.fields(RunConfig)}
BUILD_MODEL = MattingRecipe.build_model


def with_run(settings: TrainSettings, **changes: Any) -> TrainSettings:
    return dataclasses.replace(settings, run=dataclasses.replace(settings.run, **changes))


def train_with_changes(settings: TrainSettings, **changes: Any) -> Path:
    of_run = {name: changes.pop(name) for name in RUN_OPTIONS & changes.keys()}
    return train(dataclasses.replace(with_run(settings, **of_run), **changes))


def train(settings: TrainSettings) -> Path:
    return fit(MattingRecipe(settings), settings.run)


@pytest.fixture(scope="module")
def drawn(
    tmp_path_factory: pytest.TempPathFactory, make_pets: Callable[..., Path]
) -> Iterator[TrainSettings]:
    """Return the settings of a short run on drawn discs over photographs, with a small validation."""
    folder = tmp_path_factory.mktemp("drawn")
    make_pets(folder / "pets", trainval=6, test=3)
    (folder / "rooms").mkdir()
    for i in range(4):
        wall = data.astronaut()[i * 100 : i * 100 + 160, 250:450]
        Image.fromarray(wall).save(folder / "rooms" / f"{i}.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matting, "VALIDATION_BATCHES", 2)
        yield TrainSettings(
            RunConfig((folder / "pets",), folder / "unbroken", EPOCHS, batch=8, learning_rate=1e-2, seed=5),
            rooms=(folder / "rooms",), network="tiny", steps=STEPS, workers=1,
        )  # fmt: skip


@pytest.fixture(scope="module")
def one_graph() -> Iterator[None]:
    """Reuse one model for all runs of the same settings: TensorFlow needs seconds to trace a step."""
    made: list[tuple[keras.Model, list[Any], list[Any]]] = []

    def build_once(self: MattingRecipe, *, resumed: bool) -> keras.Model:
        if not made:
            model = BUILD_MODEL(self, resumed=False)
            model.optimizer.build(model.trainable_variables)
            steps = [v.numpy() for v in model.optimizer.variables]
            made.append((model, [w.copy() for w in model.get_weights()], steps))
        model, weights, steps = made[0]
        restore(model, Checkpoint(0, -1.0, weights, steps, []), self.settings.run.out)
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MattingRecipe, "build_model", build_once)
        yield


@pytest.fixture(scope="module")
def unbroken(drawn: TrainSettings, one_graph: None) -> Path:
    train(drawn)
    return drawn.run.out


@pytest.fixture(scope="module")
def broken(drawn: TrainSettings, one_graph: None) -> Path:
    """Interrupt the same run in the middle of its second epoch, then at the end of it; resume it twice."""
    settings = with_run(drawn, out=drawn.run.out.with_name("broken"))
    with pytest.MonkeyPatch.context() as patch:
        trained_batches: list[int] = []
        original = EmaCallback.on_train_batch_end

        def stop(self: EmaCallback, batch: int, logs: Any = None) -> None:
            trained_batches.append(batch)
            if len(trained_batches) > STEPS + STEPS // 2:
                raise KeyboardInterrupt
            original(self, batch, logs)

        patch.setattr(EmaCallback, "on_train_batch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    assert [row["epoch"] for row in read_history(settings.run.out)] == ["1"]
    settings = with_run(settings, resume=True)
    with pytest.MonkeyPatch.context() as patch:

        def cut(self: Checkpoint, run: Path) -> None:
            raise KeyboardInterrupt

        # The history row of the second epoch is written before the checkpoint.
        patch.setattr(Checkpoint, "write", cut)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    assert [row["epoch"] for row in read_history(settings.run.out)] == ["1", "2"]
    train(settings)
    return settings.run.out


def test_a_run_s_folder_holds_all_it_promises(unbroken: Path) -> None:
    for name in ("curves.png", "scenes.png", "predictions.png"):
        with Image.open(unbroken / name) as image:
            assert min(image.size) >= 96
    assert json.loads((unbroken / "settings.json").read_text())["seed"] == 5
    names = {"best.keras", "history.csv", "backup"}
    assert names <= {p.name for p in unbroken.iterdir()}
    assert not list(unbroken.rglob("*partial*"))


def test_the_history_has_a_row_an_epoch_with_losses_iou_and_scores(unbroken: Path) -> None:
    rows = read_history(unbroken)

    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert {"loss", "miou", "mad"} <= rows[0].keys()
    assert all(np.isfinite(float(v)) for row in rows for v in row.values())
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_a_few_seconds_on_drawn_shapes_teach_it(unbroken: Path, drawn: TrainSettings) -> None:
    validation = SceneDataset(
        load_asset_pool(drawn, "test"), Size(64, 48), batch=16, steps=2, seed=99, mix=drawn.mix
    )
    keras.utils.set_random_seed(5)
    untrained, *_ = validate(build_model(ARCHITECTURES["tiny"]), validation)
    trained, *_ = validate(keras.models.load_model(unbroken / "best.keras", compile=False), validation)

    assert trained.foreground_iou > untrained.foreground_iou + 25
    assert trained.mad < untrained.mad / 2


def test_the_best_weights_are_those_that_the_history_calls_best(unbroken: Path, drawn: TrainSettings) -> None:
    validation = SceneDataset(
        load_asset_pool(drawn, "test"), Size(64, 48), batch=16, steps=2, seed=99, mix=drawn.mix
    )
    scores, *_ = validate(keras.models.load_model(unbroken / "best.keras", compile=False), validation)

    assert scores.miou == pytest.approx(max(float(row["miou"]) for row in read_history(unbroken)), abs=0.01)


def test_an_interrupted_run_ends_as_an_unbroken_one(broken: Path, unbroken: Path) -> None:
    there, here = read_history(unbroken), read_history(broken)
    assert [row["epoch"] for row in here] == [row["epoch"] for row in there] == ["1", "2", "3"]
    for name in ("loss", "miou", "mad"):
        np.testing.assert_allclose([float(r[name]) for r in here], [float(r[name]) for r in there], rtol=0.05)

    state, other = read_checkpoint(broken), read_checkpoint(unbroken)
    assert state is not None
    assert other is not None
    assert state.epoch == other.epoch == EPOCHS
    assert int(state.optimizer[0]) == int(other.optimizer[0]) == EPOCHS * STEPS
    assert state.best == pytest.approx(max(float(row["miou"]) for row in here), abs=1e-4)
    # Not bit-identical: the order of sums depends on TensorFlow's threads.
    for a, b in zip(state.average, other.average, strict=True):
        assert np.abs(a - b).mean() < 0.02 * max(1.0, float(np.abs(b).mean()))


def test_resuming_a_finished_run_changes_nothing(unbroken: Path, drawn: TrainSettings) -> None:
    before = {p.name: p.read_bytes() for p in (unbroken / "history.csv", unbroken / "best.keras")}

    assert train(with_run(drawn, resume=True)) == unbroken / "best.keras"
    assert {name: (unbroken / name).read_bytes() for name in before} == before


def test_the_average_moves_towards_the_weights_by_its_decay(tmp_path: Path) -> None:
    model = build_model(ARCHITECTURES["tiny"])
    ema = EmaCallback(0.9)
    ema.set_model(model)
    ema.set_params({"steps": 10, "epochs": 1})
    ema.on_train_begin()
    first = [w.copy() for w in model.get_weights()]
    model.set_weights([w + 1 for w in first])

    for batch in range(10):
        ema.on_train_batch_end(batch)

    for average, weight in zip(ema.average, first, strict=True):
        np.testing.assert_allclose(average - weight, 1 - 0.9**10, rtol=1e-4)


def test_epochs_shorter_than_a_look_at_the_weights_are_averaged_too(tmp_path: Path) -> None:
    model = build_model(ARCHITECTURES["tiny"])
    ema = EmaCallback(0.5)
    ema.set_model(model)
    ema.set_params({"steps": 2, "epochs": 1})
    ema.on_train_begin()
    before = ema.average[0].copy()
    model.set_weights([w + 1 for w in model.get_weights()])

    ema.on_train_batch_end(0)
    ema.on_train_batch_end(1)

    np.testing.assert_allclose(ema.average[0] - before, 0.75, rtol=1e-4)


def test_a_save_cut_short_leaves_the_former_weights(tmp_path: Path) -> None:
    class Cut:
        def save(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise KeyboardInterrupt

    (tmp_path / "best.keras").write_bytes(b"whole")
    with pytest.raises(KeyboardInterrupt):
        save_atomic(Cut(), tmp_path / "best.keras")

    assert (tmp_path / "best.keras").read_bytes() == b"whole"


def test_the_last_tenth_of_the_rooms_is_kept_for_the_test_split(drawn: TrainSettings) -> None:
    learned, tested = load_asset_pool(drawn, "trainval"), load_asset_pool(drawn, "test")

    assert (len(learned.foregrounds), len(tested.foregrounds)) == (6, 3)
    assert (len(learned.backgrounds), len(tested.backgrounds)) == (3, 1)
    assert not any(
        room.shape == tested.backgrounds[0].shape and (room == tested.backgrounds[0]).all()
        for room in learned.backgrounds
    )


@pytest.mark.parametrize("steps", [1, 9, 10, 3000])
def test_the_learning_rate_rises_falls_and_is_never_nothing(drawn: TrainSettings, steps: int) -> None:
    model = build_model(ARCHITECTURES["tiny"])
    settings = dataclasses.replace(with_run(drawn, epochs=1, learning_rate=0.01), steps=steps)
    compile_model(model, settings, MattingRecipe(settings).loss())
    rates = [float(model.optimizer._learning_rate(step)) for step in range(0, steps, max(1, steps // 50))]

    assert all(0 < rate <= 0.0101 for rate in rates)
    assert max(rates) > 0.008
    assert rates[-1] <= max(rates)


class TestRefusedBeforeAnyPictureIsDecoded:
    @pytest.fixture
    def settings(self, pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainSettings:
        def decode(*_: object) -> None:
            pytest.fail("an image was decoded before all was checked")

        monkeypatch.setattr(matting, "load_foreground", decode)
        monkeypatch.setattr(matting, "load_image", decode)
        monkeypatch.setattr(MattingRecipe, "build_model", BUILD_MODEL)
        run = RunConfig((pets,), tmp_path / "run", epochs=1, batch=4)
        return TrainSettings(run, network="tiny", steps=2)

    def refused(
        self, settings: TrainSettings, kind: type[LivecamError], message: str, **changes: Any
    ) -> None:
        with pytest.raises(kind, match=message) as caught:
            train_with_changes(settings, **changes)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"epochs": 0}, "--epochs 0"),
            ({"batch": 2}, "--batch 2"),
            ({"network": "none"}, "no network is called 'none'"),
            ({"size": Size(60, 48)}, "not divisible by 16"),
            ({"resume": True}, "leave out --resume"),
        ],
    )
    def test_invalid_options(self, settings: TrainSettings, changes: dict[str, Any], message: str) -> None:
        self.refused(settings, UsageError, message, **changes)
        assert not settings.run.out.exists()

    def test_a_folder_in_use(self, settings: TrainSettings) -> None:
        settings.run.out.mkdir()
        (settings.run.out / "history.csv").write_text("epoch,miou\n1,50\n")
        self.refused(settings, UsageError, "go on with --resume")
        assert (settings.run.out / "history.csv").read_text() == "epoch,miou\n1,50\n"

    def test_a_missing_test_list(self, settings: TrainSettings) -> None:
        (settings.run.data[0] / "annotations/test.txt").unlink()
        self.refused(settings, TrainingError, r"test\.txt is missing")
        assert not settings.run.out.exists()

    def test_a_missing_folder_of_rooms(self, settings: TrainSettings, tmp_path: Path) -> None:
        self.refused(settings, TrainingError, "can't be opened", rooms=(tmp_path / "nowhere",))

    def test_a_folder_that_can_t_be_written(self, settings: TrainSettings, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        self.refused(settings, FileWriteError, "can't write in", out=tmp_path / "file" / "run")

    @pytest.mark.parametrize("content", [None, b"", b"nonsense", b"PK\x05\x06" + bytes(18)])
    def test_first_weights_that_are_none(
        self, settings: TrainSettings, tmp_path: Path, content: bytes | None
    ) -> None:
        start = tmp_path / "start.keras"
        if content is not None:
            start.write_bytes(content)
        self.refused(settings, TrainingError, r"start\.keras doesn't hold weights .*--start", start=start)
        assert not settings.run.out.exists()

    def test_first_weights_of_a_wider_network(self, settings: TrainSettings, tmp_path: Path) -> None:
        build_model(dataclasses.replace(ARCHITECTURES["tiny"], widths=(8, 8, 16, 24))).save(
            tmp_path / "start.keras"
        )
        self.refused(settings, TrainingError, "doesn't hold weights", start=tmp_path / "start.keras")


def test_frozen_normalisations_stay_as_they_are_while_the_rest_learns(
    drawn: TrainSettings, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(78)
    given = build_model(ARCHITECTURES["tiny"])
    given.save(tmp_path / "start.keras")
    changes = {"start": tmp_path / "start.keras", "freeze_norms": True}
    model = BUILD_MODEL(MattingRecipe(dataclasses.replace(drawn, **changes)), resumed=False)
    batches = SceneDataset(load_asset_pool(drawn, "trainval"), Size(64, 48), batch=8, steps=STEPS, seed=5)
    model.fit(batches, epochs=1, verbose=0)

    before = {layer.name: layer.get_weights() for layer in given.layers}
    moved = {True: [], False: []}
    for layer in model.layers:
        for was, weight in zip(before.get(layer.name, []), layer.get_weights(), strict=True):
            moved["norm" in layer.name].append(float(np.abs(weight - was).max()))
    assert max(moved[True]) == 0
    assert min(moved[False]) > 0


def test_a_run_begins_with_the_weights_it_is_given(drawn: TrainSettings, tmp_path: Path) -> None:
    keras.utils.set_random_seed(77)
    given = build_model(ARCHITECTURES["tiny"])
    given.save(tmp_path / "start.keras")
    settings = dataclasses.replace(drawn, start=tmp_path / "start.keras", size=Size(96, 64))

    model = BUILD_MODEL(MattingRecipe(settings), resumed=False)

    assert model.input_shape == (None, 64, 96, 3)
    for there, here in zip(given.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(there, here)
