import numpy as np

from livecam.training.data.clutter import CLUTTER_FRACTION, Clutter, apply_clutter, sample_clutter

GREEN = np.array([[[0, 255, 0]]], np.uint8)
SQUARE = np.array([[-0.2, -0.2], [0.2, -0.2], [0.2, 0.2], [-0.2, 0.2]])


def person() -> tuple[np.ndarray, np.ndarray]:
    """Return a gray figure on black, and its matte."""
    matte = np.zeros((100, 80), np.uint8)
    matte[20:80, 30:50] = 255
    return np.repeat(matte[..., None] // 2, 3, axis=2), matte


def thing(**changes: object) -> Clutter:
    return Clutter(GREEN, SQUARE, 0.5, 1, 0.0, 0.5)._replace(**changes)


def test_a_thing_lies_beside_the_border_of_a_person_and_never_on_it() -> None:
    frame, matte = person()

    result = apply_clutter(frame, matte, (thing(),))

    green = result[..., 1] > 200
    np.testing.assert_array_equal(result[matte == 255], frame[matte == 255])
    assert green[40:60, 50:66].all()
    assert not green[:, :27].any()


def test_a_thing_may_be_at_the_left_and_away_from_the_border() -> None:
    frame, matte = person()

    left = apply_clutter(frame, matte, (thing(side=-1),))[..., 1] > 200
    away = apply_clutter(frame, matte, (thing(overlap=-0.1),))[..., 1] > 200

    assert left[40:60, 12:30].all()
    assert not left[:, 53:].any()
    assert away[50].nonzero()[0].max() > 75


def test_a_thing_beyond_the_borders_of_the_frame_is_cut() -> None:
    frame, matte = person()
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:, 4:] = 255

    for height in (-1.0, 0.0, 2.0):
        for side in (-1, 1):
            apply_clutter(frame, matte, (thing(texture=texture, height=height, side=side, overlap=-0.3),))
    matte[:, :] = 0
    matte[0, 0] = 255
    cut = apply_clutter(frame, matte, (thing(texture=texture, side=-1),))

    # The right half of the texture is white; its center is the corner of the frame.
    assert cut[5, 4:17].min() > 200


def test_the_frame_that_is_given_stays() -> None:
    frame, matte = person()
    before = frame.copy()

    apply_clutter(frame, matte, (thing(), thing(side=-1)))

    np.testing.assert_array_equal(frame, before)


def test_without_a_person_or_clutter_the_frame_is_returned_itself() -> None:
    frame, matte = person()

    assert apply_clutter(frame, matte, ()) is frame
    assert apply_clutter(frame, np.zeros_like(matte), (thing(),)) is frame


def test_a_fraction_of_persons_gets_one_to_three_things() -> None:
    rng = np.random.default_rng(0)
    textures = [rng.integers(0, 255, (50, 40, 3)).astype(np.uint8)]

    drawn = [sample_clutter(textures, rng) for _ in range(1000)]

    assert abs(np.mean([bool(d) for d in drawn]) - CLUTTER_FRACTION) < 0.05
    assert {len(d) for d in drawn if d} == {1, 2, 3}
    assert all(t.texture.size for d in drawn for t in d)
    assert sample_clutter([], rng, 1.0) == ()


def test_the_same_seed_gives_the_same_clutter() -> None:
    textures = [np.arange(7500, dtype=np.uint8).reshape(50, 50, 3)]
    frame, matte = person()

    first, second = (
        apply_clutter(frame, matte, sample_clutter(textures, np.random.default_rng(4), 1.0)) for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)
    assert (first != frame).any()
