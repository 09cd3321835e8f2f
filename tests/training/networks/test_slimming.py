import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.core.errors import TrainingError  # noqa: E402
from livecam.training.networks.efficientnet_lite import MBConvStage  # noqa: E402
from livecam.training.networks.matting_net import ARCHITECTURES, MattingNetConfig, build_model  # noqa: E402
from livecam.training.networks.separable import SeparableNetwork  # noqa: E402
from livecam.training.networks.slimming import (  # noqa: E402
    can_be_slimmed,
    clipped_moments,
    is_separable,
    slim,
)

pytestmark = pytest.mark.training
LARGE = MattingNetConfig(
    "large", (96, 64), (8, 24), (1,), (MBConvStage(3, 2, 8, 5, 2), MBConvStage(5, 1, 16, 3, 2)), (8, 8, 8)
)


def small(expansion: int, repeats: int = 2) -> keras.Model:
    stages = (MBConvStage(3, repeats, 8, 5, 2, expansion), MBConvStage(5, 1, 16, 3, 2, expansion))
    return build_model(SeparableNetwork("small", (96, 64), 8, 24, stages, (8, 8, 8)))


@pytest.fixture
def teacher() -> keras.Model:
    """Build a network whose normalisations have random statistics."""
    model, rng = build_model(LARGE), np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights(
                [rng.uniform(0.5, 1.5, w.shape).astype(np.float32) for w in layer.get_weights()]
            )
    return model


def test_with_all_channels_a_block_says_what_the_teachers_says(teacher: keras.Model) -> None:
    student = small(expansion=6)

    slim(teacher, student)

    given = np.random.default_rng(2).normal(0, 1, (1, 16, 24, 24)).astype(np.float32)
    output = [
        keras.Model(model.get_layer("block3_expand_conv").input, model.get_layer("block4_sum").output)(
            given, training=False
        )
        for model in (teacher, student)
    ]
    np.testing.assert_allclose(*map(keras.ops.convert_to_numpy, output), atol=1e-5)


def test_channels_that_nobody_reads_go_first(teacher: keras.Model) -> None:
    project = teacher.get_layer("block4_project_conv")
    (kernel,) = project.get_weights()
    kernel[:, :, ::2] = 0
    project.set_weights([kernel])
    student = small(expansion=3)

    slim(teacher, student)

    (kept,) = student.get_layer("block4_project_conv").get_weights()
    np.testing.assert_array_equal(kept, kernel[:, :, 1::2])
    (depth,) = student.get_layer("block4_depth_conv").get_weights()
    np.testing.assert_array_equal(depth, teacher.get_layer("block4_depth_conv").get_weights()[0][:, :, 1::2])


def test_what_lost_channels_add_on_average_stays(teacher: keras.Model) -> None:
    norm, project = teacher.get_layer("block5_depth_norm"), teacher.get_layer("block5_project_conv")
    gamma, beta, *statistics = norm.get_weights()
    # Channels with constant output 2 and small weights.
    gamma[24:], beta[24:] = 0, 2
    norm.set_weights([gamma, beta, *statistics])
    (kernel,) = project.get_weights()
    before = teacher.get_layer("block5_project_norm").get_weights()[2]
    student = small(expansion=3)

    slim(teacher, student)

    after = student.get_layer("block5_project_norm").get_weights()[2]
    np.testing.assert_allclose(before - after, 2 * kernel[0, 0, 24:].sum(axis=0), atol=1e-4)


def test_layers_of_the_same_shape_are_copied_and_others_keep_their_own(teacher: keras.Model) -> None:
    student = small(expansion=3)
    own = student.get_layer("enter_expand_conv").get_weights()

    slim(teacher, student)

    np.testing.assert_array_equal(
        student.get_layer("down2_conv").get_weights()[0], teacher.get_layer("down2_conv").get_weights()[0]
    )
    np.testing.assert_array_equal(student.get_layer("enter_expand_conv").get_weights()[0], own[0])


def test_moments_of_a_clipped_normal_distribution_are_those_of_a_sample() -> None:
    gamma, beta = np.array([1.0, 2.0, 0.5], np.float32), np.array([0.0, 5.0, -1.0], np.float32)
    sample = np.clip(np.random.default_rng(0).normal(0, 1, (400_000, 1)) * gamma + beta, 0, 6)

    mean, variance = clipped_moments(gamma, beta)

    np.testing.assert_allclose(mean, sample.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(variance, sample.var(axis=0), atol=0.02)


def test_a_network_without_common_layers_is_refused() -> None:
    given = keras.Input((8, 8, 3))
    other = keras.Model(given, keras.layers.Conv2D(2, 1, name="other")(given), name="other")

    with pytest.raises(TrainingError, match="other has no layer that small could begin with"):
        slim(other, small(3))


def test_other_widths_are_refused(teacher: keras.Model) -> None:
    stages = (MBConvStage(3, 1, 8, 5, 2, 3), MBConvStage(4, 1, 8, 3, 1, 3), MBConvStage(5, 1, 16, 5, 2, 3))
    student = build_model(SeparableNetwork("small", (96, 64), 8, 24, stages, (8, 8, 8)))

    with pytest.raises(TrainingError, match="block4_depth_conv has another shape"):
        slim(teacher, student)


def test_separable_networks_are_known_by_their_way_up() -> None:
    assert is_separable(small(3))
    assert not is_separable(build_model(ARCHITECTURES["tiny"]))


def test_a_narrower_stem_and_entrance_keep_the_channels_that_matter() -> None:
    stages = (MBConvStage(3, 1, 8, 5, 2, 3), MBConvStage(5, 1, 16, 3, 2, 3))
    larger, smaller = (
        build_model(SeparableNetwork("n", (96, 64), stem, entrance, stages, (8, 8, 8)))
        for stem, entrance in ((12, 20), (8, 12))
    )
    # Channels 2 to 9 of the stem and 4 to 15 of the entrance are read by the next layer, the others are not.
    for name, read in (("down4_conv", slice(2, 10)), ("enter_project_conv", slice(4, 16))):
        (kernel,) = larger.get_layer(name).get_weights()
        unread = np.ones(kernel.shape[2], bool)
        unread[read] = False
        kernel[:, :, unread] = 0
        larger.get_layer(name).set_weights([kernel])

    assert can_be_slimmed(larger, smaller)
    assert not can_be_slimmed(smaller, smaller)
    slim(larger, smaller)

    image = np.random.default_rng(4).random((1, 64, 96, 3), np.float32)
    outputs = [
        keras.ops.convert_to_numpy(keras.Model(m.input, m.get_layer("block5_project_norm").output)(image))
        for m in (larger, smaller)
    ]
    np.testing.assert_allclose(*outputs, atol=1e-4 * np.ptp(outputs[0]))


def test_networks_of_equal_layers_are_not_slimmed(teacher: keras.Model) -> None:
    assert can_be_slimmed(teacher, small(expansion=3))
    assert not can_be_slimmed(small(expansion=3), build_model(LARGE))
