"""Fine-tunes a tiny network that keeps red discs to keep a green square as well."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livecam.annotation.config import AnnotationSettings
from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.core.progress import progress_values

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.datasets.evaluation_set import LabeledFrame  # noqa: E402
from livecam.models.segmenter import LiteRTSegmenter  # noqa: E402
from livecam.personalization import finetune as tune  # noqa: E402
from livecam.personalization import regression_set, results, stages, weight_interpolation  # noqa: E402
from livecam.personalization.finetune import FinetuneConfig, load_network  # noqa: E402
from livecam.personalization.journal import workspace_dir  # noqa: E402
from livecam.personalization.replay import (  # noqa: E402
    ReplayDataset,
    ReplayDistillationLoss,
    build_replay_dataset,
    foreground_from_matte,
)
from livecam.personalization.synthetic_rooms import draw_room, synthetic_backgrounds  # noqa: E402
from livecam.personalization.weight_interpolation import interpolate, select_alpha  # noqa: E402
from livecam.personalization.workflow import (  # noqa: E402
    PersonalizationResult,
    PersonalizationSettings,
    PersonalizationWorkflow,
)
from livecam.pipeline import Pipeline  # noqa: E402
from livecam.training.checkpoint import read_checkpoint  # noqa: E402
from tests.support.red_discs import SIZE, SMALL, scene, teach  # noqa: E402
from tests.support.written_labels import write_labels  # noqa: E402

pytestmark = [
    pytest.mark.training,
    # Keras saves a model with TensorFlow tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and export a tiny network that keeps red discs; its .keras is in the same folder."""
    return teach(tmp_path_factory.mktemp("base"))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace training lengths and limits by small ones."""
    monkeypatch.setattr(stages, "FINETUNE_CONFIG", SMALL)
    monkeypatch.setattr(regression_set, "SCENES", 8)
    # In a network this small, each new example displaces something else that it had learnt.
    monkeypatch.setattr(weight_interpolation, "MAX_REGRESSION_DROP", 20.0)
    monkeypatch.setattr(stages, "MAX_REGRESSION_DROP", 20.0)
    monkeypatch.setattr(results, "MAX_MIOU_LOSS", 20.0)


def write_scenes(settings: AnnotationSettings, notify: Any) -> None:
    write_labels(settings.out, [scene(i, with_square=True) for i in range(20)], 4)


def learn(
    base: Path,
    name: str = "me",
    effort: FinetuneConfig = SMALL,
    notify: Callable[[str], None] = lambda message: None,
) -> PersonalizationResult:
    settings = PersonalizationSettings.from_options(name=name, sources=(str(base),), base=str(base))
    return PersonalizationWorkflow(settings, notify, write_scenes).learn()


def test_learned_object_is_kept_and_the_rest_unchanged(base: Path) -> None:
    lines: list[str] = []
    learnt = learn(base, notify=lines.append)
    stages_seen = [progress_values(line)["stage"] for line in lines if progress_values(line)["stage"]]
    assert stages_seen == ["tune"] * (1 + SMALL.epochs) + ["compare", "compare"]
    model = str(workspace_dir("me") / "model" / "me.tflite")

    frame, _ = scene(99, with_square=True)
    square, disc = (slice(50, 90), slice(112, 144)), (slice(60, 100), slice(40, 70))
    before, after = (Pipeline.load(name).matte(frame) for name in (str(base), model))
    assert before[square].mean() < 0.3
    assert after[square].mean() > 0.7
    assert after[disc].mean() > 0.8
    assert after[:20].mean() < 0.1
    assert learnt.installed
    LiteRTSegmenter.load("me")
    with Image.open(
        learnt.comparison_image
    ) as image:  # frame, before, after, truth; a row each of four frames
        assert image.width == 4 * SIZE.width
        assert image.height > 4 * SIZE.height


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    """Return the run folder and the weights of an uninterrupted fine-tune."""
    run = tmp_path_factory.mktemp("whole")
    return run, tune_once(base, run)


def tune_once(base: Path, run: Path) -> list[Any]:
    model = load_network(base.with_suffix(".keras"))
    dataset, loss = replay_dataset_and_loss(base)
    return tune.finetune(model, dataset, loss, SMALL, run, lambda message: None)


def test_each_epoch_reports_how_much_is_left(base: Path, tmp_path: Path) -> None:
    model = load_network(base.with_suffix(".keras"))
    dataset, loss = replay_dataset_and_loss(base)
    lines: list[str] = []
    tune.finetune(model, dataset, loss, replace(SMALL, epochs=2), tmp_path, lines.append)
    values = [progress_values(line) for line in lines]
    assert [(each["stage"], each["done"], each["total"]) for each in values] == [
        ("tune", 1, 2),
        ("tune", 2, 2),
    ]
    assert values[0]["seconds_left"] > 0
    assert values[1]["seconds_left"] == 0


def replay_dataset_and_loss(base: Path) -> tuple[ReplayDataset, ReplayDistillationLoss]:
    own = [foreground_from_matte(f"own{i}", *scene(i, with_square=True)) for i in range(6)]
    others = [foreground_from_matte(f"other{i}", *scene(50 + i, with_square=False)) for i in range(3)]
    rooms = [draw_room(i) for i in range(4)]
    return build_replay_dataset(
        own, [], others, rooms, LiteRTSegmenter.load(str(base)), Size(64, 48), SMALL.rows, SMALL.steps, 1
    )


def test_interrupted_finetune_equals_an_unbroken_one(
    base: Path, whole: tuple[Path, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_batch_end = tune.FinetuneCheckpoint.on_train_batch_end
    batches: list[int] = []

    def stop(self: tune.FinetuneCheckpoint, batch: int, logs: Any = None) -> None:
        batches.append(batch)
        if len(batches) == SMALL.steps + SMALL.steps // 2:
            raise KeyboardInterrupt
        on_batch_end(self, batch, logs)

    monkeypatch.setattr(tune.FinetuneCheckpoint, "on_train_batch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        tune_once(base, tmp_path)
    state = read_checkpoint(tmp_path)
    assert state is not None
    assert state.epoch == 1
    monkeypatch.setattr(tune.FinetuneCheckpoint, "on_train_batch_end", on_batch_end)
    for there, here in zip(whole[1], tune_once(base, tmp_path), strict=True):
        np.testing.assert_allclose(there, here, atol=2e-5)


def test_damaged_checkpoint_restarts_the_finetune(
    base: Path, whole: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup/state.npz").write_bytes(b"PK nonsense")
    for there, here in zip(whole[1], tune_once(base, tmp_path), strict=True):
        np.testing.assert_allclose(there, here, atol=2e-5)


def test_batch_normalization_is_frozen(base: Path, whole: tuple[Path, list[Any]]) -> None:
    model = load_network(base.with_suffix(".keras"))
    changed = [
        (weight.path, not np.array_equal(old, new))
        for weight, old, new in zip(model.weights, model.get_weights(), whole[1], strict=True)
    ]
    assert not any(moved for path, moved in changed if "_norm/" in path)
    assert all(moved for path, moved in changed if "_conv/" in path)


def test_replay_targets_are_the_teachers_predictions(base: Path) -> None:
    dataset, _ = replay_dataset_and_loss(base)
    dataset.set_epoch(0)
    images, truth = dataset[0]
    own, kept = SMALL.rows
    assert images.shape == (own + kept, 48, 64, 3)
    assert truth.shape == (own + kept, 7, 48, 64)
    assert not truth[:own, 4:].any()
    teacher = LiteRTSegmenter.load(str(base))
    for image, target in zip(images[own:], truth[own:], strict=True):
        matte = teacher.predict(np.rint(image * 255).astype(np.uint8))
        np.testing.assert_allclose(target[1] / 255, matte, atol=0.01)
        np.testing.assert_allclose(target[4:].sum(axis=0) / 255, 1, atol=0.01)


def test_batches_depend_on_epoch_and_number_alone(base: Path) -> None:
    first, second = replay_dataset_and_loss(base)[0], replay_dataset_and_loss(base)[0]
    first.set_epoch(0)
    second.set_epoch(1)
    assert not np.array_equal(first[1][0], second[1][0])
    first.set_epoch(1)
    _ = first[0]
    np.testing.assert_array_equal(first[1][0], second[1][0])


def test_replay_loss_is_lowest_at_the_teachers_prediction() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (6, 4, 5, 4)).astype(np.float32)
    probabilities = np.exp(logits[..., :3]) / np.exp(logits[..., :3]).sum(axis=-1, keepdims=True)
    matte = probabilities[..., 0] + probabilities[..., 2] / (1 + np.exp(-logits[..., 3]))
    truth = np.zeros((6, 7, 4, 5), np.uint8)
    truth[4:, 1] = np.rint(matte[4:] * 255)
    truth[4:, 4:] = np.rint(probabilities[4:].transpose(0, 3, 1, 2) * 255)
    loss = ReplayDistillationLoss(4, 1)

    def of(changed: Any) -> float:
        return float(loss(truth, np.concatenate([logits[:4], changed])))

    same = of(logits[4:])
    assert all(
        of(logits[4:] + rng.normal(0, 0.3, logits[4:].shape).astype(np.float32)) > same for _ in range(8)
    )


class Constant:
    """A network with one weight, which is its matte at every pixel."""

    input_shape = (None, 8, 8, 3)

    def __init__(self) -> None:
        self.weights: list[Any] = [np.zeros(1)]

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = weights

    def __call__(self, images: Any, training: bool) -> dict[str, Any]:
        return {"matte": np.full((len(images), 8, 8, 1), self.weights[0][0], np.float32)}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Confident only at alpha 1, and the regression set allows it.
        (0.0, 0.95, 1.0),
        # The regression set drops at each alpha: the smallest one is chosen.
        (0.4, 2.6, 0.25),
    ],
)
def test_select_alpha_uses_both_sets(old: float, new: float, expected: float) -> None:
    ones, zeros = np.ones((16, 16), np.float32), np.zeros((16, 16), np.float32)
    frame, known = np.zeros((16, 16, 3), np.uint8), np.ones((16, 16), bool)
    own, other = (
        [LabeledFrame(frame, ones, known)],
        [LabeledFrame(frame, ones if expected == 1 else zeros, known)],
    )
    model = Constant()
    choice = select_alpha(model, [np.array([old])], [np.array([new])], own, other)
    assert choice.alpha == expected
    assert choice.own == (0.0, 100.0)
    assert model.weights[0][0] == pytest.approx(old + choice.alpha * (new - old))


def test_interpolate_keeps_the_dtype() -> None:
    (mixed,) = interpolate([np.zeros(2, np.float32)], [np.ones(2, np.float32)], 0.25)
    assert mixed.dtype == np.float32
    np.testing.assert_allclose(mixed, 0.25)


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_a_base_without_its_network_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "me.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"me\.keras"):
        load_network(path)


def test_synthetic_backgrounds_are_stable_and_distinct() -> None:
    first, second = synthetic_backgrounds(Size(64, 36), 4), synthetic_backgrounds(Size(64, 36), 4)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len({room.tobytes() for room in first}) == len(first)
