from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import ImageError
from livecam.core.geometry import Size
from livecam.imaging.trimap import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    read_trimap,
    resize_trimap,
    trimap_from_matte,
)


def make_trimap(height: int = 30, width: int = 40) -> np.ndarray:
    trimap = np.full((height, width), BACKGROUND, np.uint8)
    trimap[8:, 10:30] = UNKNOWN
    trimap[10:, 12:28] = FOREGROUND
    return trimap


def test_read_trimap_returns_the_written_values(tmp_path: Path) -> None:
    Image.fromarray(make_trimap()).save(tmp_path / "t.png")

    np.testing.assert_array_equal(read_trimap(tmp_path / "t.png"), make_trimap())


def test_read_trimap_of_palette_returns_indices(tmp_path: Path) -> None:
    image = Image.fromarray(make_trimap()).convert("P")
    image.putdata(make_trimap().ravel().tolist())
    image.putpalette([0, 0, 0, 0, 255, 0, 255, 0, 0, 128, 128, 128])
    image.save(tmp_path / "t.png")

    np.testing.assert_array_equal(read_trimap(tmp_path / "t.png"), make_trimap())


@pytest.mark.parametrize("value", [0, 4, 255])
def test_read_trimap_with_other_values_raises(tmp_path: Path, value: int) -> None:
    trimap = make_trimap()
    trimap[3, 3] = value
    Image.fromarray(trimap).save(tmp_path / "t.png")

    with pytest.raises(ImageError, match=rf"t\.png holds values from .*{value}.*write it again"):
        read_trimap(tmp_path / "t.png")


@pytest.mark.parametrize("mode", ["RGB", "I;16", "1", "LA"])
def test_read_trimap_of_other_mode_raises(tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        Image.fromarray(make_trimap().astype(np.uint16)).save(tmp_path / "t.png")
    else:
        Image.fromarray(make_trimap()).convert(mode).save(tmp_path / "t.png")

    with pytest.raises(ImageError, match="8-bit grey PNG"):
        read_trimap(tmp_path / "t.png")


def test_read_trimap_of_damaged_file_raises(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 4, (200, 200), np.uint8)
    Image.fromarray(noise).save(tmp_path / "t.png")
    whole = (tmp_path / "t.png").read_bytes()
    (tmp_path / "t.png").write_bytes(whole[: len(whole) // 2])

    for name in ("t.png", "missing.png"):
        with pytest.raises(ImageError, match="can't be read as a trimap") as caught:
            read_trimap(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None


@pytest.mark.parametrize("size", [Size(7, 5), Size(13, 29), Size(64, 48), Size(121, 33)])
def test_resize_trimap_creates_no_new_label(size: Size) -> None:
    # Only 1 and 3: any mixing of neighbours would give a 2.
    stripes = np.where(np.arange(40) % 2, FOREGROUND, UNKNOWN).astype(np.uint8)[None].repeat(30, axis=0)

    resized = resize_trimap(stripes, size)

    assert resized.shape == (size.height, size.width)
    assert resized.dtype == np.uint8
    assert set(np.unique(resized)) <= {FOREGROUND, UNKNOWN}


def test_resize_trimap_takes_block_centers() -> None:
    block = np.array([[2, 2, 2], [2, 1, 2], [2, 2, 2]], np.uint8)

    np.testing.assert_array_equal(resize_trimap(np.tile(block, (4, 5)), Size(5, 4)), 1)


def test_trimap_from_matte_marks_outline_and_soft_pixels() -> None:
    matte = np.zeros((20, 20), np.float32)
    matte[5:15, 5:15] = 1
    matte[16, 2] = 0.3

    trimap = trimap_from_matte(matte, band=1)

    assert trimap[10, 10] == FOREGROUND
    assert trimap[1, 1] == BACKGROUND
    assert (trimap[10, 3:8] == [BACKGROUND, UNKNOWN, UNKNOWN, FOREGROUND, FOREGROUND]).all()
    assert trimap[16, 2] == UNKNOWN
    assert set(np.unique(trimap)) == {1, 2, 3}


def test_trimap_from_matte_band_sets_the_width() -> None:
    matte = np.zeros((40, 40), np.float32)
    matte[10:30, 10:30] = 1

    widths = [int((trimap_from_matte(matte, band)[20, :20] == UNKNOWN).sum()) for band in (1, 2, 4)]

    assert widths == [2, 4, 8]


@pytest.mark.parametrize(("value", "label"), [(0.0, BACKGROUND), (1.0, FOREGROUND)])
def test_trimap_from_uniform_matte_has_no_unknown(value: float, label: int) -> None:
    assert (trimap_from_matte(np.full((9, 9), value, np.float32)) == label).all()
