import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.core.errors import TrainingError  # noqa: E402
from livecam.core.geometry import Size  # noqa: E402
from livecam.training.data.dataset import SceneDataset  # noqa: E402
from livecam.training.data.scene_sampler import AssetPool, SceneMix  # noqa: E402
from livecam.training.distillation import (  # noqa: E402
    FEATURES,
    LOGITS,
    DistillationDataset,
    TeacherModel,
    correct_matte,
    find_features,
    student_losses,
    student_model,
)
from livecam.training.networks.efficientnet_lite import MBConvStage  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, MattingNetConfig, build_model, resize_network  # noqa: E402
from livecam.training.networks.separable import SeparableNetwork  # noqa: E402

pytestmark = pytest.mark.training
STAGES = (
    MBConvStage(3, 2, 8, 5, 2, 2),
    MBConvStage(5, 1, 8, 3, 2, 2),
    MBConvStage(6, 1, 12, 3, 1, 2),
    MBConvStage(7, 2, 16, 3, 2, 2),
)
SIZE = Size(64, 48)


@pytest.fixture(scope="module")
def teacher() -> keras.Model:
    return build_model(MattingNetConfig("large", (64, 48), (8, 24), (1,), STAGES, (8, 8, 8, 8)))


@pytest.fixture
def student() -> keras.Model:
    return build_model(SeparableNetwork("small", (64, 48), 8, 24, STAGES, (8, 8, 8, 8)))


@pytest.fixture
def batches() -> SceneDataset:
    room = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    return SceneDataset(
        AssetPool([], [room], []), SIZE, batch=4, steps=2, seed=1, pairs=1, mix=SceneMix(0.0, 1.0, 0.0)
    )


def test_features_of_student_and_teacher_are_alike_in_shape(
    student: keras.Model, teacher: keras.Model
) -> None:
    theirs, own = find_features(teacher), find_features(student)

    assert {name: x.shape for name, x in theirs.items()} == {name: x.shape for name, x in own.items()}
    assert [own[name].shape[1:3] for name in FEATURES] == [(12, 16), (6, 8), (3, 4), (2, 2)]


def test_of_two_stages_of_one_size_the_later_is_compared(teacher: keras.Model) -> None:
    assert find_features(teacher)["stage16"].shape[-1] == 12


def test_a_network_without_blocks_teaches_no_features() -> None:
    with pytest.raises(TrainingError, match="tiny has no stages of blocks"):
        find_features(build_model(ARCHITECTURES["tiny"]))


def test_the_teacher_says_its_own_matte(teacher: keras.Model) -> None:
    images = np.random.default_rng(3).random((2, 48, 64, 3)).astype(np.float32)

    matte, features = TeacherModel(teacher, SIZE).predict(images)

    output = keras.ops.convert_to_numpy(teacher(images, training=False)["matte"])[..., 0]
    assert matte.dtype == np.uint8
    np.testing.assert_allclose(matte / 255, output, atol=0.51 / 255)
    assert sorted(features) == sorted(FEATURES)


def test_a_batch_carries_the_teachers_matte_behind_the_truth(
    batches: SceneDataset, teacher: keras.Model
) -> None:
    images, truth = batches[0]

    shown, info = DistillationDataset(batches, TeacherModel(teacher, SIZE))[0]

    np.testing.assert_array_equal(shown, images)
    np.testing.assert_array_equal(info[LOGITS][:, :4], truth)
    assert info[LOGITS].shape == (4, 5, 48, 64)


def test_the_labels_correct_the_teacher_only_where_they_are_known_and_contradict_it() -> None:
    matte = np.array([[200, 20, 20, 140, 90]], np.uint8)
    true = np.array([[255, 255, 255, 0, 0]], np.uint8)
    valid = np.array([[255, 255, 0, 255, 255]], np.uint8)

    corrected = correct_matte(matte, true, valid)

    np.testing.assert_array_equal(corrected, [[200, 255, 20, 0, 90]])


def test_a_batch_never_teaches_against_its_labels(batches: SceneDataset, teacher: keras.Model) -> None:
    info = DistillationDataset(batches, TeacherModel(teacher, SIZE))[0][1][LOGITS]

    known = info[:, 2] > 0
    assert known.any()
    np.testing.assert_array_equal((info[:, 4] > 127)[known], (info[:, 1] > 127)[known])


def test_a_pupil_nears_its_teacher(batches: SceneDataset, student: keras.Model, teacher: keras.Model) -> None:
    model = student_model(student)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), **student_losses(pairs=1, matte_weight=1.0))
    taught = DistillationDataset(batches, TeacherModel(teacher, SIZE))

    losses = model.fit(taught, epochs=20, shuffle=False, verbose=0).history["stage8_loss"]

    assert losses[-1] < 0.7 * losses[0]
    assert [w.shape for w in model.weights] == [w.shape for w in student.weights]


def test_an_epochs_end_goes_on_to_other_scenes(batches: SceneDataset, teacher: keras.Model) -> None:
    taught = DistillationDataset(batches, TeacherModel(teacher, SIZE))

    taught.on_epoch_end()

    assert batches.epoch == 1
    assert len(taught) == len(batches)


def test_a_network_of_another_size_says_the_same_of_what_it_sees(student: keras.Model) -> None:
    wide = resize_network(student, Size(96, 48))

    assert wide.input_shape == (None, 48, 96, 3)
    for a, b in zip(student.get_weights(), wide.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
