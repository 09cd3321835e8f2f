from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from skimage import data

from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.datasets.pets import Foreground
from livecam.imaging.ops import downscale
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, UNKNOWN
from livecam.training.data.augmentation import CameraArtifacts, LightingAugmentation, similarity_transform
from livecam.training.data.clutter import Clutter
from livecam.training.data.scene_renderer import TrainingExample, render_scene
from livecam.training.data.scene_sampler import AssetPool, PlacedForeground, Scene, SceneMix, sample_scene

SCENE_SIZE, EXAMPLE_SIZE = Size(128, 96), Size(64, 48)
RED, BLUE = np.array([220, 30, 30.0]), np.array([30, 60, 200.0])
NEUTRAL_LIGHTING, NO_ARTIFACTS = (
    LightingAugmentation((1, 1, 1), 1.0, 0.0),
    CameraArtifacts(0, (0, 0.0), 0, 1, 100, 1),
)
ForegroundFactory = Callable[..., Foreground]


def flat(color: np.ndarray) -> Frame:
    return np.broadcast_to(color.astype(np.uint8), (60, 80, 3)).copy()


def pasted(foreground: Foreground, *places: tuple[float, float], mirrored: bool = False) -> Scene:
    """Place the foreground's bottom center at each of `places` on blue, without lighting and artifacts."""
    foregrounds = tuple(
        PlacedForeground(
            foreground, similarity_transform((1.2, 1.2), 5, (48.0, 76.0), middle), NEUTRAL_LIGHTING, 0.0
        )
        for middle in places
    )
    room_at = similarity_transform((2.0, 2.0), 0, (0, 0), (0, 0))
    return Scene(flat(BLUE), room_at, foregrounds, NEUTRAL_LIGHTING, NO_ARTIFACTS, mirrored)


def real(foreground: Foreground, *, mirrored: bool = False) -> Scene:
    at = similarity_transform((SCENE_SIZE.width / 96, SCENE_SIZE.height / 80), 0, (0, 0), (0, 0))
    return Scene(
        None,
        at,
        (PlacedForeground(foreground, at, NEUTRAL_LIGHTING, 0.0),),
        NEUTRAL_LIGHTING,
        NO_ARTIFACTS,
        mirrored,
    )


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def check_example(example: TrainingExample) -> None:
    assert example.frame.shape == (EXAMPLE_SIZE.height, EXAMPLE_SIZE.width, 3)
    for part in example:
        assert part.dtype == np.uint8
        assert part.shape[:2] == (EXAMPLE_SIZE.height, EXAMPLE_SIZE.width)
        assert part.flags.c_contiguous
    assert set(np.unique(example.trimap)) <= {FOREGROUND, BACKGROUND, UNKNOWN}
    assert set(np.unique(example.valid_mask)) <= {0, 255}


def test_views_of_any_scene_have_their_shapes_types_and_values(make_foreground: ForegroundFactory) -> None:
    room = downscale(data.astronaut(), Size(90, 80))
    pool = AssetPool([make_foreground(), make_foreground(exact=False)], [room], [])
    for seed in range(60):
        generator = rng(seed)
        scene = sample_scene(pool, SceneMix(0.4, 0.1, 0.2), SCENE_SIZE, generator)
        check_example(render_scene(scene, SCENE_SIZE, generator))
        check_example(render_scene(scene, SCENE_SIZE, generator, motion=1.0))


@pytest.mark.parametrize("places", [[(64.0, 96.0)], [(45.0, 96.0), (80.0, 100.0)]])
def test_what_is_pasted_is_what_the_matte_says(
    make_foreground: ForegroundFactory, places: list[tuple[float, float]]
) -> None:
    example = render_scene(pasted(make_foreground(), *places), SCENE_SIZE, rng())

    alpha = example.matte[..., None] / 255
    assert 0.1 < alpha.mean() < 0.6
    np.testing.assert_allclose(example.frame, RED * alpha + BLUE * (1 - alpha), atol=3)
    assert (example.valid_mask == 255).all()


def test_two_soft_edges_over_each_other_let_through_the_product(make_foreground: ForegroundFactory) -> None:
    whole = make_foreground()
    half = replace(whole, matte=np.full_like(whole.matte, 128))

    example = render_scene(pasted(half, (64.0, 96.0), (64.0, 96.0)), SCENE_SIZE, rng())

    alpha = 1 - (127 / 255) ** 2
    assert example.matte.max() == pytest.approx(255 * alpha, abs=2)


def test_clutter_covers_no_person_and_changes_no_label(make_foreground: ForegroundFactory) -> None:
    square = np.array([[-0.4, -0.4], [0.4, -0.4], [0.4, 0.4], [-0.4, 0.4]])
    clutter = (Clutter(np.array([[[0, 255, 0]]], np.uint8), square, 0.5, 1, 0.0, 0.5),)
    for scene in (real(make_foreground()), pasted(make_foreground(), (45.0, 96.0), (80.0, 100.0))):
        cluttered = scene._replace(
            foregrounds=tuple(placed._replace(clutter=clutter) for placed in scene.foregrounds)
        )

        unchanged, example = (render_scene(s, SCENE_SIZE, rng()) for s in (scene, cluttered))

        for part in ("trimap", "matte", "valid_mask"):
            np.testing.assert_array_equal(getattr(example, part), getattr(unchanged, part))
        kept = example.matte == 255
        np.testing.assert_allclose(example.frame[kept], unchanged.frame[kept], atol=3)
        assert (example.frame[..., 1] > 200).mean() > 0.03


def test_the_trimap_agrees_with_the_matte(make_foreground: ForegroundFactory) -> None:
    for scene in (pasted(make_foreground(), (64.0, 96.0)), real(make_foreground())):
        example = render_scene(scene, SCENE_SIZE, rng())
        assert (example.matte[example.trimap == FOREGROUND] > 240).all()
        assert (example.matte[example.trimap == BACKGROUND] < 15).all()
        assert 0 < (example.trimap == UNKNOWN).mean() < 0.3


def test_only_the_contour_of_a_real_image_without_a_matte_is_unknown(
    make_foreground: ForegroundFactory,
) -> None:
    inexact, exact = (render_scene(real(make_foreground(exact=e)), SCENE_SIZE, rng()) for e in (False, True))

    np.testing.assert_array_equal(inexact.valid_mask == 0, inexact.trimap == UNKNOWN)
    assert (inexact.valid_mask == 0).any()
    assert (exact.valid_mask == 255).all()
    assert (
        render_scene(pasted(make_foreground(exact=False), (64.0, 96.0)), SCENE_SIZE, rng()).valid_mask == 255
    ).all()


def test_labels_lie_exactly_where_the_image_is(make_foreground: ForegroundFactory) -> None:
    # An image of three times the scene size, pixel centers on pixel centers.
    at = np.array([[1, 0, 0], [0, 1, 0]]) / 3 - np.array([[0, 0, 1], [0, 0, 1]]) / 3
    scene = real(make_foreground(size=Size(SCENE_SIZE.width * 3, SCENE_SIZE.height * 3), exact=False))
    placed = scene.foregrounds[0]._replace(transform=at)
    example = render_scene(scene._replace(foregrounds=(placed,)), SCENE_SIZE, rng())

    shown, labelled = (
        np.argwhere(m).mean(axis=0) for m in (example.frame[..., 0] > 200, example.trimap == FOREGROUND)
    )
    np.testing.assert_allclose(shown, labelled, atol=0.15)


@pytest.mark.parametrize("kind", ["pasted", "real"])
def test_a_mirrored_scene_mirrors_frame_and_labels_alike(
    make_foreground: ForegroundFactory, kind: str
) -> None:
    def draw(mirrored: bool) -> TrainingExample:
        one = make_foreground(exact=False)
        scene = (
            pasted(one, (40.0, 96.0), mirrored=mirrored) if kind == "pasted" else real(one, mirrored=mirrored)
        )
        return render_scene(scene, SCENE_SIZE, rng())

    original, mirrored = draw(False), draw(True)

    for there, here in zip(original, mirrored, strict=True):
        np.testing.assert_array_equal(there[:, ::-1], here)
    check_example(mirrored)


def test_a_room_alone_has_nothing_to_keep(make_foreground: ForegroundFactory) -> None:
    example = render_scene(pasted(make_foreground()), SCENE_SIZE, rng())

    assert not example.matte.any()
    assert (example.trimap == BACKGROUND).all()
    np.testing.assert_allclose(example.frame, np.broadcast_to(BLUE, example.frame.shape), atol=1)


def test_a_later_shot_shows_the_same_scene_moved_a_little(make_foreground: ForegroundFactory) -> None:
    for scene in (pasted(make_foreground(), (64.0, 96.0)), real(make_foreground())):
        apart = []
        for later in (0.0, 0.0001, 1.0):
            pairs = [
                (
                    render_scene(scene, SCENE_SIZE, rng(s)),
                    render_scene(scene, SCENE_SIZE, rng(s + 50), motion=later),
                )
                for s in range(8)
            ]
            apart.append(np.mean([np.abs(a.matte / 255.0 - b.matte / 255.0).mean() for a, b in pairs]))
        assert apart[0] == 0
        assert apart[1] < 0.001
        assert 0.002 < apart[2] < 0.1


def test_the_truth_moves_with_the_subject(make_foreground: ForegroundFactory) -> None:
    for seed in range(10):
        example = render_scene(pasted(make_foreground(), (64.0, 96.0)), SCENE_SIZE, rng(seed), motion=1.0)
        alpha = example.matte[..., None] / 255
        np.testing.assert_allclose(example.frame, RED * alpha + BLUE * (1 - alpha), atol=3)


def test_shooting_leaves_the_stock_as_it_was(make_foreground: ForegroundFactory) -> None:
    one = make_foreground()
    before = [np.copy(a) for a in (one.image, one.clean_image, one.trimap, one.matte)]
    for seed in range(5):
        render_scene(pasted(one, (64.0, 96.0), mirrored=True), SCENE_SIZE, rng(seed), motion=1.0)
        render_scene(real(one, mirrored=True), SCENE_SIZE, rng(seed), motion=1.0)

    for there, here in zip(before, (one.image, one.clean_image, one.trimap, one.matte), strict=True):
        np.testing.assert_array_equal(there, here)
