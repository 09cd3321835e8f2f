from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from livecam.core.errors import TrainingError
from livecam.core.geometry import Size
from livecam.datasets.pets import (
    SamplePaths,
    decontaminate_colors,
    list_images,
    list_samples,
    load_foreground,
    load_image,
    load_images,
    matte_from_trimap,
)
from livecam.imaging.trimap import BACKGROUND, FOREGROUND, UNKNOWN, trimap_from_matte


def refused(pets: Path, message: str, split: str = "trainval") -> None:
    """Check that reading the split fails with a one-line message that matches."""
    with pytest.raises(TrainingError, match=message) as caught:
        [load_foreground(sample, 416) for sample in list_samples(pets, split)]
    assert "\n" not in str(caught.value)


def test_each_list_gives_its_own_samples_with_all_their_files(pets: Path) -> None:
    trainval, test = list_samples(pets, "trainval"), list_samples(pets, "test")

    assert [s.name for s in trainval] == ["disc_0", "disc_1", "disc_2", "disc_3"]
    assert [s.name for s in test] == ["disc_4", "disc_5"]
    assert all(s.image.is_file() and s.trimap.is_file() and s.matte for s in trainval + test)


def test_a_sample_without_a_matte_is_known_off_its_contour_only(
    tmp_path: Path, make_pets: Callable[..., Path]
) -> None:
    folder = make_pets(tmp_path / "plain", mattes=False)

    foreground = load_foreground(list_samples(folder, "trainval")[0], 416)

    assert not foreground.has_exact_matte
    assert (foreground.matte[foreground.trimap == BACKGROUND] < 30).all()
    assert foreground.matte[foreground.trimap == FOREGROUND].mean() > 240


def test_comments_blank_lines_and_a_byte_order_mark_are_no_names(pets: Path) -> None:
    listing = pets / "annotations/trainval.txt"
    listing.write_bytes(b"\xef\xbb\xbf# a comment\r\n\r\n  disc_1 3 1 2\r\n\t\r\n")

    assert [s.name for s in list_samples(pets, "trainval")] == ["disc_1"]


@pytest.mark.parametrize("split", ["trainval", "test"])
def test_a_folder_in_another_layout_is_told_what_is_missing(pets: Path, split: str) -> None:
    (pets / f"annotations/{split}.txt").unlink()

    refused(pets, rf"not in Pets layout: .*{split}\.txt is missing \(images/", split)


@pytest.mark.parametrize("text", ["", "\n \n", "# only a comment\n"])
def test_an_empty_list_is_refused(pets: Path, text: str) -> None:
    (pets / "annotations/trainval.txt").write_text(text)

    refused(pets, "lists no image; write")


def test_a_list_that_is_no_text_is_refused(pets: Path) -> None:
    (pets / "annotations/trainval.txt").write_bytes(b"\xff\xfe\x00\xd8disc")

    refused(pets, "write it again as UTF-8")


@pytest.mark.parametrize("part", ["images", "annotations/trimaps"])
def test_a_listed_image_without_its_files_is_named(pets: Path, part: str) -> None:
    (pets / part / "disc_2.png").unlink()

    refused(pets, rf"disc_2 is listed, but {part}/disc_2\.\w+ is missing; add it or mend the list")


@pytest.mark.parametrize("kind", ["png", "jpg"])
@pytest.mark.parametrize("part", ["images", "annotations/mattes"])
def test_a_truncated_image_or_matte_is_refused(pets: Path, part: str, kind: str) -> None:
    path = pets / part / "disc_2.png"
    noise = np.random.default_rng(1).integers(0, 255, (80, 100), np.uint8)
    Image.fromarray(noise).save(path, "PNG" if kind == "png" else "JPEG")
    path.write_bytes(path.read_bytes()[:-2000])

    refused(pets, r"disc_2\.png is cut off or damaged")


def test_an_image_that_is_none_is_refused(pets: Path) -> None:
    (pets / "images/disc_0.png").write_text("not an image")

    refused(pets, r"disc_0\.png is no image")


@pytest.mark.parametrize("part", ["trimaps", "mattes"])
def test_labels_of_another_size_than_their_image_are_refused(pets: Path, part: str) -> None:
    Image.new("L", (33, 22), 1).save(pets / f"annotations/{part}/disc_1.png")

    refused(pets, r"disc_1\.png is 33x22, but .*disc_1\.png is \d+x\d+ .*make them the same size")


def test_labels_fit_an_image_that_its_camera_turned(pets: Path) -> None:
    with Image.open(pets / "annotations/trimaps/disc_0.png") as image:
        labels = image.copy()
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.new("RGB", (labels.height, labels.width), (9, 9, 9))
    lying.save(pets / "images/disc_0.jpg", exif=exif)
    (pets / "images/disc_0.png").unlink()

    foreground = load_foreground(list_samples(pets, "trainval")[0], 416)

    assert Size.of(foreground.image) == Size(*labels.size)


def test_a_large_sample_shrinks_and_its_labels_stay_labels(tmp_path: Path) -> None:
    photo = data.astronaut()
    matte = np.zeros(photo.shape[:2], np.float32)
    matte[40:420, 100:330] = 1
    Image.fromarray(photo).save(tmp_path / "p.jpg")
    Image.fromarray(trimap_from_matte(matte, band=3)).save(tmp_path / "t.png")
    Image.fromarray((matte * 255).astype(np.uint8)).save(tmp_path / "m.png")

    foreground = load_foreground(
        SamplePaths("a", tmp_path / "p.jpg", tmp_path / "t.png", tmp_path / "m.png"), 100
    )

    assert foreground.image.shape == foreground.clean_image.shape == (100, 100, 3)
    assert foreground.trimap.shape == foreground.matte.shape == (100, 100)
    assert set(np.unique(foreground.trimap)) == {FOREGROUND, BACKGROUND, UNKNOWN}
    assert (foreground.matte[foreground.trimap == FOREGROUND] == 255).all()
    assert (foreground.matte[foreground.trimap == BACKGROUND] == 0).all()
    assert foreground.has_exact_matte
    assert foreground.pasteable
    assert not foreground.cropped_top


def test_a_sixteen_bit_matte_means_what_an_eight_bit_one_means(pets: Path) -> None:
    sample = list_samples(pets, "trainval")[0]
    assert sample.matte
    with Image.open(sample.matte) as image:
        narrow = np.array(image)
    before = load_foreground(sample, 416).matte
    Image.fromarray(narrow.astype(np.uint16) * 257).save(sample.matte)

    np.testing.assert_allclose(load_foreground(sample, 416).matte.astype(int), before.astype(int), atol=1)


@pytest.mark.parametrize(
    ("rows", "columns", "pasteable", "headless"),
    [
        (slice(10, 40), slice(10, 30), True, False),
        (slice(0, 40), slice(10, 30), True, True),
        (slice(10, 40), slice(0, 30), False, False),
        (slice(10, 40), slice(10, 40), False, False),
    ],
)
def test_a_subject_cut_at_a_side_is_not_pasted_and_at_the_top_is_headless(
    tmp_path: Path, rows: slice, columns: slice, pasteable: bool, headless: bool
) -> None:
    trimap = np.full((40, 40), BACKGROUND, np.uint8)
    trimap[rows, columns] = FOREGROUND
    Image.fromarray(trimap).save(tmp_path / "t.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "p.png")

    foreground = load_foreground(SamplePaths("a", tmp_path / "p.png", tmp_path / "t.png", None), 416)

    assert (foreground.pasteable, foreground.cropped_top) == (pasteable, headless)


def test_rooms_are_every_image_of_a_folder_at_most_so_long(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "c.webp"):
        Image.new("RGB", (200, 100), (0, 90, 0)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")

    assert [p.name for p in list_images(tmp_path)] == ["a.PNG", "b.jpg", "c.webp"]
    assert [r.shape for r in load_images(tmp_path, 50)] == [(25, 50, 3)] * 3


def test_a_folder_without_rooms_or_none_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"holds no image .*name another"):
        list_images(tmp_path)
    with pytest.raises(TrainingError, match="can't be opened"):
        list_images(tmp_path / "missing")


def test_an_image_is_rgb(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), (250, 20, 10)).save(tmp_path / "red.png")

    assert (load_image(tmp_path / "red.png", 416) == (250, 20, 10)).all()


def test_a_guessed_matte_rises_inside_the_contour_only() -> None:
    trimap = np.full((9, 40), BACKGROUND, np.uint8)
    trimap[:, 12:20], trimap[:, 20:] = UNKNOWN, FOREGROUND

    row = matte_from_trimap(trimap)[4].astype(int)

    assert (np.diff(row) >= 0).all()
    assert (row[:10] == 0).all()
    assert (row[22:] == 255).all()
    assert 0 < row[16] < 255


def test_a_guessed_matte_without_foreground_keeps_nothing() -> None:
    assert not matte_from_trimap(np.full((8, 8), UNKNOWN, np.uint8)).any()


def test_a_soft_edge_loses_the_old_background_color(disc: Callable[..., np.ndarray]) -> None:
    matte = disc(Size(60, 60), 20, (30, 30))
    # A soft edge of three pixels, like hair.
    matte = np.clip(matte + np.roll(matte, 2, 1) + np.roll(matte, -2, 1), 0, 3) / 3
    alpha = matte[..., None]
    frame = np.rint(np.array([220, 30, 30]) * alpha + np.array([30, 60, 200]) * (1 - alpha)).astype(np.uint8)
    soft = (matte > 0.3) & (matte < 0.95)

    cleaned = decontaminate_colors(frame, np.rint(matte * 255).astype(np.uint8))

    before, after = (np.abs(p[soft].astype(int) - (220, 30, 30)).mean() for p in (frame, cleaned))
    assert after < before / 2
    np.testing.assert_array_equal(cleaned[matte == 1], frame[matte == 1])


def test_limiting_keeps_the_shape_and_never_enlarges() -> None:
    assert Size(800, 400).fit_within(100) == Size(100, 50)
    assert Size(30, 20).fit_within(100) == Size(30, 20)
    assert Size(5000, 1).fit_within(100) == Size(100, 1)


def test_image_name_of_two_files_is_refused_with_both_paths(pets: Path) -> None:
    image = next((pets / "images").glob("disc_2.*"))
    other = ".bmp" if image.suffix != ".bmp" else ".png"
    image.with_suffix(other).write_bytes(image.read_bytes())
    refused(pets, rf"disc_2\{image.suffix} or .*disc_2\.\w+|disc_2\.\w+ or .*disc_2\{image.suffix}")


@pytest.mark.parametrize("part", ["images", "annotations/trimaps", "annotations/mattes"])
def test_suffix_in_upper_case_is_the_same_suffix(pets: Path, part: str) -> None:
    path = next((pets / part).glob("disc_2.*"))
    path.rename(path.with_suffix(path.suffix.upper()))

    sample = next(each for each in list_samples(pets, "trainval") if each.name == "disc_2")

    assert sample.matte is not None
    assert {sample.image.suffix, sample.trimap.suffix, sample.matte.suffix} > {path.suffix.upper()}
    assert load_foreground(sample, 416).has_exact_matte
