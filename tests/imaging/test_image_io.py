import io
import os
import struct
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.data import astronaut

from livecam.core.errors import FileWriteError, FrameError, ImageError
from livecam.imaging.image_io import is_animated, read_image, write_image

RAMP = np.linspace(0, 255, 64).astype(np.uint8)[None, :].repeat(48, axis=0)
COLORS = np.dstack([RAMP, RAMP[:, ::-1], np.full_like(RAMP, 90)])


def is_near(found: np.ndarray, expected: np.ndarray, tolerance: int) -> bool:
    if found.shape != expected.shape:
        return False
    return int(np.abs(found.astype(int) - expected.astype(int)).max()) <= tolerance


def one_line(error: pytest.ExceptionInfo[ImageError], *parts: str) -> bool:
    text = str(error.value)
    return "\n" not in text and all(word in text for word in parts)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tiff", ".gif", ".jpg", ".webp"])
def test_read_image_of_common_format_keeps_colors(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bücher ☂{suffix}"
    Image.fromarray(COLORS).save(path, quality=95)
    loaded = read_image(path)
    assert np.abs(loaded.image.astype(int) - COLORS).mean() < 6
    assert loaded.alpha is None
    assert not loaded.image.flags.writeable


@pytest.mark.parametrize("longest", [4096, 16])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_image_with_exif_orientation_is_upright(
    tmp_path: Path, suffix: str, orientation: int, longest: int
) -> None:
    corners = np.zeros((32, 64, 3), np.uint8)
    corners[:16, :32] = (255, 0, 0)  # red at the upper left of the upright image
    corners[16:, 32:] = (0, 0, 255)
    stored = {
        1: corners,
        2: corners[:, ::-1],
        3: corners[::-1, ::-1],
        4: corners[::-1],
        5: corners.transpose(1, 0, 2),
        6: np.rot90(corners),
        7: corners[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(corners, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / f"a{suffix}", exif=exif)
    found = read_image(tmp_path / f"a{suffix}", longest=longest).image
    expected = corners if longest > 64 else corners[::4, ::4]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 5 + 6 * (longest == 16)


@pytest.mark.parametrize("exif", [b"Exif\0\0II*\0", b"broken"])
def test_read_image_with_broken_exif_returns_the_pixels(tmp_path: Path, exif: bytes) -> None:
    Image.fromarray(COLORS).save(tmp_path / "a.png", exif=exif)
    assert is_near(read_image(tmp_path / "a.png").image, COLORS, 0)


def test_read_image_rotates_alpha_with_the_image(tmp_path: Path) -> None:
    rgba = np.dstack([COLORS, RAMP])
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    loaded = read_image(tmp_path / "a.png")
    assert loaded.alpha is not None
    assert loaded.alpha.dtype == np.float32
    assert is_near(loaded.image, COLORS[::-1, ::-1], 0)
    assert np.allclose(loaded.alpha, RAMP[::-1, ::-1] / 255.0, atol=1e-3)


def test_read_image_with_opaque_alpha_has_none(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([COLORS, np.full_like(RAMP, 255)])).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").alpha is None


def test_read_image_downscaled_hides_transparent_colors(tmp_path: Path) -> None:
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:, 31:] = (200, 0, 0, 255)
    rgba[:, :31, 1] = 255  # green under transparent pixels, which must not be visible
    Image.fromarray(rgba).save(tmp_path / "a.png")
    loaded = read_image(tmp_path / "a.png", longest=16)
    assert loaded.alpha is not None
    assert int(loaded.image[..., 1][loaded.alpha > 0.02].max()) < 12


def test_read_image_of_gray_alpha_and_bitmap(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "gray.png")
    Image.merge("LA", [Image.fromarray(RAMP), Image.fromarray(RAMP[::-1, ::-1].copy())]).save(
        tmp_path / "la.png"
    )
    Image.fromarray(RAMP > 127).save(tmp_path / "bits.png")
    gray, both, bits = (read_image(tmp_path / f"{name}.png") for name in ("gray", "la", "bits"))
    assert is_near(gray.image, np.dstack([RAMP] * 3), 0)
    assert is_near(both.image, np.dstack([RAMP] * 3), 0)
    assert both.alpha is not None
    assert np.allclose(both.alpha, RAMP[::-1, ::-1] / 255.0, atol=1e-3)
    assert set(np.unique(bits.image)) == {0, 255}


def test_read_image_of_transparent_palette_has_alpha(tmp_path: Path) -> None:
    image = Image.new("P", (4, 2), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (0, 0, 2, 2))
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "hole.png", transparency=0)
    image.save(tmp_path / "soft.png", transparency=bytes([128, 255]))
    image.save(tmp_path / "hole.gif", transparency=0)
    assert read_image(tmp_path / "plain.png").alpha is None
    for name, hidden in (("hole.png", 0.0), ("soft.png", 128 / 255), ("hole.gif", 0.0)):
        loaded = read_image(tmp_path / name)
        assert loaded.alpha is not None
        assert np.allclose(loaded.alpha, [[1, 1, hidden, hidden]] * 2)
        assert tuple(loaded.image[0, 0]) == (0, 255, 0)


def test_read_image_with_color_key_has_alpha(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), (9, 9, 9))
    image.paste((1, 2, 3), (0, 0, 2, 2))
    image.save(tmp_path / "key.png", transparency=(9, 9, 9))
    matte = read_image(tmp_path / "key.png").alpha
    assert matte is not None
    assert np.array_equal(matte, np.float32([[1, 1, 0, 0]] * 2))


@pytest.mark.parametrize("suffix", [".jpg", ".tiff"])
def test_read_image_of_cmyk_is_not_inverted(tmp_path: Path, suffix: str) -> None:
    yellow = Image.new("CMYK", (16, 16), (0, 0, 255, 0))
    yellow.save(tmp_path / f"a{suffix}", quality=95)
    red, green, blue = (int(value) for value in read_image(tmp_path / f"a{suffix}").image[8, 8])
    assert (red > 220, green > 220, blue < 40) == (True, True, True)


def make_swapped_profile() -> bytes:
    """An sRGB profile whose red and green primaries are exchanged, so that its use is visible."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    offsets = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * count, 12)}
    profile[offsets[b"rXYZ"] : offsets[b"rXYZ"] + 4], profile[offsets[b"gXYZ"] : offsets[b"gXYZ"] + 4] = (
        b"gXYZ",
        b"rXYZ",
    )
    return bytes(profile)


def test_read_image_applies_valid_color_profile(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    red.save(tmp_path / "swapped.png", icc_profile=make_swapped_profile())
    red.save(tmp_path / "broken.png", icc_profile=b"no profile at all" * 20)
    assert tuple(read_image(tmp_path / "broken.png").image[0, 0]) == (255, 0, 0)
    assert is_near(read_image(tmp_path / "swapped.png").image[:1, :1], np.uint8([[[0, 255, 0]]]), 8)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_read_image_of_16_bits_keeps_brightness(tmp_path: Path, suffix: str, channels: int) -> None:
    expected = {1: RAMP, 3: COLORS, 4: np.dstack([COLORS, RAMP])}[channels]
    deep = expected.astype(np.uint16) * 257
    order = {1: deep, 3: deep[..., ::-1], 4: deep[..., [2, 1, 0, 3]] if channels == 4 else deep}[channels]
    assert cv2.imwrite(str(tmp_path / f"a{suffix}"), order)
    found = read_image(tmp_path / f"a{suffix}").image
    assert is_near(found, np.dstack([RAMP] * 3) if channels == 1 else COLORS, 1)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("maximum", [1.0, 40.0])
def test_read_image_of_float_tiff(tmp_path: Path, channels: int, maximum: float) -> None:
    expected = COLORS if channels == 3 else RAMP
    values = expected.astype(np.float32) / 255.0 * maximum
    assert cv2.imwrite(str(tmp_path / "a.tiff"), values[..., ::-1] if channels == 3 else values)
    found = read_image(tmp_path / "a.tiff").image
    assert is_near(found, COLORS if channels == 3 else np.dstack([RAMP] * 3), 1)


def make_bare_png(width: int, height: int) -> bytes:
    """A PNG of one bit a pixel, all black, whose header has any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes((width + 7) // 8 + 1) * min(height, 20_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def test_read_image_of_89_megapixels_does_not_warn(tmp_path: Path) -> None:
    # Above the 89 megapixels at which Pillow warns.
    (tmp_path / "a.png").write_bytes(make_bare_png(12_000, 7_600))
    Image.new("RGB", (12_000, 600), (10, 200, 30)).save(tmp_path / "a.jpg")
    limit = Image.MAX_IMAGE_PIXELS
    assert read_image(tmp_path / "a.png", longest=1200).image.shape == (760, 1200, 3)
    image = read_image(tmp_path / "a.jpg").image
    assert image.shape == (205, 4096, 3)
    assert is_near(image[100:101, 100:101], np.uint8([[[10, 200, 30]]]), 3)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_read_image_of_huge_dimensions_raises(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"bomb{suffix}"
    if suffix == ".png":
        path.write_bytes(make_bare_png(60_000, 60_000))
    else:  # float RGB, which goes past Pillow
        tags = [
            (256, 60_000),
            (257, 60_000),
            (258, 32),
            (259, 1),
            (262, 2),
            (277, 3),
            (339, 3),
            (273, 8),
            (279, 9),
        ]
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
        path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4))
    with pytest.raises(ImageError) as error:
        read_image(path)
    assert one_line(error, "60000x60000", "250 megapixels", "smaller")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
@pytest.mark.parametrize("left", [0.02, 0.6, 0.95])
def test_read_image_of_truncated_file_raises(tmp_path: Path, suffix: str, left: float) -> None:
    whole = io.BytesIO()
    Image.fromarray(astronaut()).save(whole, Image.registered_extensions()[suffix])
    (tmp_path / f"a{suffix}").write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * left)])
    with pytest.raises(ImageError) as error:
        read_image(tmp_path / f"a{suffix}")
    assert one_line(error, "cut off", "again")


def test_read_image_of_other_content_raises(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("Dear diary, today I was renamed.")
    (tmp_path / "print.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    for name, parts in (("empty.png", "0 bytes"), ("text.png", "no image"), ("print.eps", "no image")):
        with pytest.raises(ImageError) as error:
            read_image(tmp_path / name)
        assert one_line(error, name, parts)
    with pytest.raises(ImageError) as error:
        read_image(tmp_path)
    assert one_line(error, "folder")


def test_read_image_of_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "Beach.JPG").touch()
    with pytest.raises(ImageError) as error:
        read_image(tmp_path / "beech.jpg")
    assert one_line(error, "did you mean", "Beach.JPG")
    for path in (tmp_path / "nowhere" / "x.png", "a\0b.png", "x" * 5000):
        with pytest.raises(ImageError) as error:
            read_image(path)
        assert one_line(error, "check the path")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_read_image_without_permission_raises(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(COLORS).save(path)
    path.chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(ImageError) as error:
            read_image(path)
    finally:
        if root:
            os.seteuid(0)
    assert one_line(error, "may not be read", "chmod")


def test_write_image_then_read_image_is_equal(tmp_path: Path) -> None:
    rgba = np.dstack([COLORS, np.full_like(RAMP, 128)])
    write_image(tmp_path / "frame.PNG", COLORS)
    write_image(tmp_path / "frame.jpeg", COLORS)
    write_image(str(tmp_path / "cutout.png"), rgba)
    assert is_near(read_image(tmp_path / "frame.PNG").image, COLORS, 0)
    assert is_near(read_image(tmp_path / "frame.jpeg").image, COLORS, 12)
    matte = read_image(tmp_path / "cutout.png").alpha
    assert matte is not None
    assert np.allclose(matte, 128 / 255)
    assert len(list(tmp_path.iterdir())) == 3


def test_write_image_failure_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    rgba = np.dstack([COLORS, RAMP])
    for name, image in (
        ("a.xyz", COLORS),
        ("a.jpg", rgba),
        ("no/a.png", COLORS),
        ("folder.png", COLORS),
    ):
        with pytest.raises(FileWriteError) as error:
            write_image(tmp_path / name, image)
        assert "\n" not in str(error.value)
    with pytest.raises(FrameError):
        write_image(tmp_path / "a.png", RAMP)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.png"]


def test_is_animated_only_for_several_images(tmp_path: Path) -> None:
    one, two = Image.fromarray(RAMP), Image.fromarray(255 - RAMP)
    one.save(tmp_path / "one.gif")
    one.save(tmp_path / "two.gif", save_all=True, append_images=[two], duration=100)
    assert (
        is_animated(tmp_path / "one.gif"),
        is_animated(tmp_path / "two.gif"),
        is_animated(tmp_path / "no.gif"),
    ) == (
        False,
        True,
        False,
    )
