from collections.abc import Callable

import numpy as np
import pytest
from skimage import data

from livecam.core.geometry import Size
from livecam.imaging.ops import downscale

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")
pytest.importorskip("tensorflow", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.datasets.pets import Foreground  # noqa: E402
from livecam.training.data.dataset import SceneDataset  # noqa: E402
from livecam.training.data.scene_renderer import TrainingExample  # noqa: E402
from livecam.training.data.scene_sampler import AssetPool, SceneMix  # noqa: E402
from livecam.training.export.litert_converter import convert_to_litert, output_indices  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, build_model, logits_model  # noqa: E402
from scripts.experiments.recurrent_matte import (  # noqa: E402
    EMPTY_SHARE,
    OTHER_SCENE_SHARE,
    MatteDegradation,
    RecurrentDataset,
    add_memory,
    draw_memories,
    split_inputs,
)

pytestmark = [
    pytest.mark.training,
    # Keras saving a model, with TensorFlow's tensors under NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SIZE = Size(64, 48)


def numbers(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


@pytest.fixture(scope="module")
def network() -> object:
    keras.utils.set_random_seed(3)
    return build_model(ARCHITECTURES["tiny"])


@pytest.fixture(scope="module")
def inputs() -> tuple[np.ndarray, np.ndarray]:
    """Images and memories of noise."""
    rng = np.random.default_rng(1)
    return rng.random((2, 48, 64, 3), np.float32), rng.random((2, 48, 64, 1), np.float32)


@pytest.fixture
def pool(make_foreground: Callable[..., Foreground]) -> AssetPool:
    room = downscale(data.astronaut(), Size(120, 100))
    return AssetPool([make_foreground(), make_foreground(radius=0.2)], [room, room[::-1].copy()], [])


def test_untrained_memory_changes_nothing(network: object, inputs: tuple[np.ndarray, np.ndarray]) -> None:
    image, memory = inputs
    extended = add_memory(network)

    outputs = extended(np.concatenate([image, memory], axis=3), training=False)

    for name, true in network(image, training=False).items():
        np.testing.assert_allclose(numbers(outputs[name]), numbers(true), atol=1e-6)


def test_memory_with_weights_changes_the_matte(
    network: object, inputs: tuple[np.ndarray, np.ndarray]
) -> None:
    image, memory = inputs
    extended = add_memory(network)
    kernel = extended.get_layer("down2_conv").kernel
    kernel.assign(kernel.numpy() + np.array([0, 0, 0, 1], np.float32)[:, None])

    one, other = (extended(np.concatenate([image, m], axis=3))["matte"] for m in (memory, 0 * memory))

    assert np.abs(numbers(one) - numbers(other)).max() > 1e-3
    # With an empty memory the network returns the same as before.
    before = network(image, training=False)["matte"]
    np.testing.assert_allclose(numbers(other), numbers(before), atol=1e-6)


def test_extended_network_is_saved_and_loaded(
    network: object, inputs: tuple[np.ndarray, np.ndarray], tmp_path: object
) -> None:
    together = np.concatenate(inputs, axis=3)
    extended = add_memory(network)
    assert logits_model(extended)(together).shape == (2, 48, 64, 4)
    extended.save(tmp_path / "grown.keras")

    again = keras.models.load_model(tmp_path / "grown.keras", compile=False)

    np.testing.assert_array_equal(numbers(again(together)["matte"]), numbers(extended(together)["matte"]))


def test_litert_model_has_memory_as_second_input(
    network: object, inputs: tuple[np.ndarray, np.ndarray]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    extended = add_memory(network)
    kernel = extended.get_layer("down2_conv").kernel
    kernel.assign(kernel.numpy() + np.array([0, 0, 0, 1], np.float32)[:, None])
    weights = convert_to_litert(split_inputs(extended))
    interpreter = Interpreter(model_content=weights)
    interpreter.allocate_tensors()
    indices = {int(tensor["shape"][3]): tensor["index"] for tensor in interpreter.get_input_details()}
    image, memory = (part[:1] for part in inputs)
    interpreter.set_tensor(indices[3], image)
    interpreter.set_tensor(indices[1], memory)

    interpreter.invoke()

    matte = interpreter.get_tensor(
        interpreter.get_output_details()[output_indices(weights)["matte"]]["index"]
    )
    true = extended(np.concatenate([image, memory], axis=3), training=False)["matte"]
    np.testing.assert_allclose(matte, numbers(true), atol=1e-4)


def examples(count: int, pairs: int = 0) -> list[TrainingExample]:
    """Training examples whose mattes have one gray level each."""
    mattes = [np.full((48, 64), 20 + 10 * i, np.uint8) for i in range(count)]
    frame = np.zeros((48, 64, 3), np.uint8)
    return [TrainingExample(frame, np.ones((48, 64), np.uint8), matte, matte) for matte in mattes]


def gray_levels(memories: np.ndarray) -> list[float]:
    """Return the gray level at the middle of each memory, where small shifts change nothing."""
    return [float(np.median(memory[20:28, 28:36])) * 255 for memory in memories]


def test_memory_is_empty_of_the_pair_or_of_another_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MatteDegradation, "apply", lambda self, matte: matte)
    drawn = [gray_levels(draw_memories(examples(8), 2, np.random.default_rng(seed))) for seed in range(60)]

    other_frame = [30, 20, 50, 40, 60, 70, 80, 90]
    kinds = []
    for memories in drawn:
        for i, (level, other) in enumerate(zip(memories, other_frame, strict=True)):
            kinds.append(
                "nothing" if level == 0 else "other frame" if round(level) == other else "other scene"
            )
            if kinds[-1] == "other scene" and i < 4:
                assert round(level) not in (20 + 10 * i, other)
        # Both frames of a pair get the same kind of memory.
        assert kinds[-8] == kinds[-7]
        assert kinds[-6] == kinds[-5]
    fractions = {kind: kinds.count(kind) / len(kinds) for kind in set(kinds)}
    assert fractions["nothing"] == pytest.approx(EMPTY_SHARE, abs=0.1)
    assert fractions["other scene"] == pytest.approx(OTHER_SCENE_SHARE, abs=0.1)


def test_degraded_matte_differs_but_stays_similar(disc: Callable[..., np.ndarray]) -> None:
    matte = np.rint(disc(SIZE, 16, (32, 30)) * 255).astype(np.uint8)
    kept = matte.copy()

    degraded = [MatteDegradation.draw(np.random.default_rng(seed), SIZE).apply(matte) for seed in range(40)]

    np.testing.assert_array_equal(matte, kept)
    assert all(one.dtype == np.uint8 and one.shape == matte.shape for one in degraded)
    wrong = [float(np.mean((one > 127) != (matte > 127))) for one in degraded]
    assert 0.005 < np.mean(wrong) < 0.1
    assert max(wrong) < 0.4


def test_scenes_equal_those_without_memory(pool: AssetPool) -> None:
    options = {"batch": 8, "steps": 2, "seed": 1, "pairs": 2, "mix": SceneMix(0, 0, 0)}
    without_memory, remembering = (
        SceneDataset(pool, SIZE, **options),
        RecurrentDataset(pool, SIZE, **options),
    )

    (images, truth), (together, same_truth) = without_memory[1], remembering[1]

    assert (together.shape, together.dtype) == ((8, 48, 64, 4), np.float32)
    np.testing.assert_array_equal(together[..., :3], images)
    np.testing.assert_array_equal(same_truth, truth)
    assert together[..., 3].max() > 0.9
    np.testing.assert_array_equal(remembering[1][0], together)
