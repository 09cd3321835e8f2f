"""Colors of HDR and of transparent videos, wherever livecam shows them."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from PIL import Image

from livecam.backgrounds.factory import create_background
from livecam.core.clock import ManualClock
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image
from livecam.runtime.convert import convert_video
from livecam.sinks.recorder import Recorder
from livecam.sources.factory import open_source
from livecam.video.colorspace import BT601, BT709, YuvConverter
from livecam.video.video_reader import VideoReader
from tests.imaging.test_tone_mapping import hlg_codes, pq_codes
from tests.support.fake_pipeline import IdentityPipeline

PQ, HLG, SDR = 16, 18, 1
BT2020, P3 = 9, 12
SIZE = Size(64, 48)


def write_hdr(path, codes, transfer, *, primaries=BT2020, matrix=BT2020, parameters=""):
    """Write one color, R'G'B' codes in [0, 1], as 10-bit video in limited range with these tags."""
    red, green, blue = codes
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    values = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=10, options={"crf": "1", "x264-params": parameters})
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, primaries
        context.colorspace, context.color_range = matrix, 1
        for number in range(3):
            frame = av.VideoFrame(SIZE.width, SIZE.height, "yuv420p10le")
            for plane, value in zip(frame.planes, values, strict=True):
                plane.update(np.full(plane.buffer_size // 2, round(value), np.uint16).tobytes())
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def as_clip(path, tmp_path):
    convert_video(path, tmp_path / "out.mp4", IdentityPipeline())
    with VideoReader(tmp_path / "out.mp4") as reader:
        return next(reader.frames()).image


def as_camera(path, tmp_path):
    with open_source(str(path), clock=ManualClock()) as source:
        return next(iter(source))


def as_background(path, tmp_path):
    background = create_background(str(path), clock=ManualClock())
    try:
        return background.render_standalone(SIZE, 0.0)
    finally:
        background.close()


PLACES = [as_clip, as_camera, as_background]


def color_at(image, x, y=24):
    return [int(level) for level in image[y, x]]


@pytest.mark.parametrize("show", PLACES)
@pytest.mark.parametrize(("transfer", "encode"), [(PQ, pq_codes), (HLG, hlg_codes)])
@pytest.mark.parametrize("color", [(176, 48, 32), (90, 100, 110)])
def test_hdr_shows_the_colors_of_sdr(tmp_path, show, transfer, encode, color):
    path = write_hdr(tmp_path / "hdr.mp4", encode(color), transfer)
    assert color_at(show(path, tmp_path), 30) == pytest.approx(color, abs=6)


def test_hdr_becomes_a_recording_that_is_tagged_as_bt709(tmp_path):
    convert_video(
        write_hdr(tmp_path / "hdr.mp4", (0.4, 0.4, 0.4), PQ), tmp_path / "out.mp4", IdentityPipeline()
    )
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.colorspace, frame.color_trc, frame.color_primaries, frame.color_range) == (1, 1, 1, 1)
    assert frame.format.name == "yuv420p"


def test_hdr_without_primaries_and_matrix_has_those_of_bt2020(tmp_path):
    path = write_hdr(tmp_path / "hdr.mp4", pq_codes((176, 48, 32)), PQ, primaries=2, matrix=2)
    with VideoReader(path) as reader:
        assert color_at(next(reader.frames()).image, 30) == pytest.approx((176, 48, 32), abs=4)


def test_wide_gamut_without_hdr_is_converted(tmp_path):
    gray, red = tmp_path / "gray.mp4", tmp_path / "red.mp4"
    write_hdr(gray, (0.5, 0.5, 0.5), SDR)
    write_hdr(red, (0.6, 0.4, 0.3), SDR, primaries=P3)
    for path, expected in ((gray, (128, 128, 128)), (red, (162, 99, 73))):
        with VideoReader(path) as reader:
            assert color_at(next(reader.frames()).image, 30) == pytest.approx(expected, abs=4)


def test_declared_peak_of_the_content_compresses_the_highlights(tmp_path):
    levels = {}
    for name, parameters in (("plain", ""), ("bright", "cll=4000,400")):
        path = write_hdr(tmp_path / f"{name}.mp4", (0.75, 0.75, 0.75), PQ, parameters=parameters)
        with VideoReader(path) as reader:
            levels[name] = color_at(next(reader.frames()).image, 30)[0]
    assert levels["plain"] >= 253
    assert levels["bright"] <= levels["plain"] - 4


def test_declared_peak_of_the_mastering_display_counts_without_that_of_the_content(tmp_path):
    display = "mastering-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(40000000,50)"
    path = write_hdr(tmp_path / "a.mp4", (0.75, 0.75, 0.75), PQ, parameters=display)
    with VideoReader(path) as reader:
        assert color_at(next(reader.frames()).image, 30)[0] <= 250


# Left third hidden (its color is bright), middle half transparent, right third opaque.
COLOR, HIDDEN = (200, 120, 60), (250, 10, 250)
EXPECTED = ((40, 40, 40), (120, 80, 50), (200, 120, 60))


def cutout(size=SIZE):
    image = np.zeros((size.height, size.width, 4), np.uint8)
    third = size.width // 3
    image[:, :third] = (*HIDDEN, 0)
    image[:, third : 2 * third] = (*COLOR, 128)
    image[:, 2 * third :] = (*COLOR, 255)
    return image


def premultiplied(image):
    alpha = image[..., 3:]
    return np.concatenate([np.rint(image[..., :3] * (alpha / 255)).astype(np.uint8), alpha], axis=2)


def write_cutouts(path, image, codec, pixel_format):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, pixel_format
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(image, format="rgba").reformat(format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def recorded(path):
    with Recorder(path, SIZE, 10, transparent=True) as recorder:
        for number in range(3):
            recorder.send(cutout(), number / 10)
    return path


@pytest.mark.parametrize("show", PLACES)
@pytest.mark.parametrize("name", ["a.webm", "a.mov", "straight.mov", "premultiplied.mov", "a.apng", "a.webp"])
def test_transparent_parts_of_a_video_are_dark_gray_as_those_of_a_still(tmp_path, show, name):
    path = tmp_path / name
    if name in ("a.webm", "a.mov"):
        recorded(path)
    elif name.endswith(".mov"):
        image = cutout() if name == "straight.mov" else premultiplied(cutout())
        write_cutouts(path, image, "qtrle", "argb")
    else:
        frames = [Image.fromarray(cutout()), Image.fromarray(cutout()[::-1].copy())]
        options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100, **options)
    image = show(path, tmp_path)
    for x, expected in zip((10, 32, 55), EXPECTED, strict=True):
        assert color_at(image, x) == pytest.approx(expected, abs=8)


@pytest.mark.parametrize("show", PLACES)
def test_transparent_parts_of_a_gif_are_dark_gray(tmp_path, show):
    image = Image.new("P", tuple(SIZE), 0)
    image.putpalette([255, 255, 255, *COLOR])
    image.paste(1, (32, 0, 64, 48))
    image.save(tmp_path / "a.gif", save_all=True, append_images=[image.rotate(180)], transparency=0,
               duration=100, disposal=2)  # fmt: skip
    shown = show(tmp_path / "a.gif", tmp_path)
    assert color_at(shown, 10) == pytest.approx((40, 40, 40), abs=5)
    assert color_at(shown, 55) == pytest.approx(COLOR, abs=8)


@pytest.mark.parametrize("show", [as_camera, as_background])
def test_transparent_parts_of_a_still_are_dark_gray(tmp_path, show):
    Image.fromarray(cutout()).save(tmp_path / "a.png")
    shown = show(tmp_path / "a.png", tmp_path)
    for x, expected in zip((10, 32, 55), EXPECTED, strict=True):
        assert color_at(shown, x) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("matrix", [BT601, BT709])
def test_rgb_becomes_yuv420_as_by_ffmpeg(matrix):
    rng = np.random.default_rng(3)
    # Blocks of eight pixels, so that the place of the chroma samples makes no difference but at their edges.
    image = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    image[:8, :24] = np.repeat(np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8), 8, 0)

    ours = YuvConverter("yuv420p", matrix).to_video_frame(image)

    theirs = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
        format="yuv420p",
        dst_colorspace=matrix,
        dst_color_range=1,
        interpolation=Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND,
    )
    assert (ours.width, ours.height, ours.format.name) == (160, 96, "yuv420p")
    assert (ours.colorspace, ours.color_range) == (theirs.colorspace, theirs.color_range)
    difference = np.abs(ours.to_ndarray().astype(int) - theirs.to_ndarray())
    assert difference[:96].max() <= 1
    chroma = difference[96:].reshape(2, 48, 80)
    inner = (
        [row for row in range(48) if 0 < row % 4 < 3],
        [column for column in range(80) if 0 < column % 4 < 3],
    )
    assert chroma[:, inner[0]][:, :, inner[1]].max() <= 1


def test_odd_sizes_become_yuv420_too():
    image = np.full((5, 7, 3), (255, 0, 0), np.uint8)
    frame = YuvConverter("yuv420p", BT709).to_video_frame(image)
    assert (frame.width, frame.height) == (7, 5)
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - image).max() <= 3


@pytest.mark.parametrize("suffix", [".avif", ".heic"])
@pytest.mark.parametrize(("transfer", "encode"), [(PQ, pq_codes), (HLG, hlg_codes)])
def test_hdr_still_shows_the_colors_of_sdr(tmp_path, suffix, transfer, encode):
    path = tmp_path / f"still{suffix}"
    codes = encode((176, 48, 32))
    if suffix == ".avif":
        write_hdr_avif(path, codes, transfer)
    else:
        heif = pytest.importorskip(
            "pillow_heif", reason="pillow-heif is missing: pip install 'livecam[heic]'"
        )
        pixels = np.tile(np.rint(np.array(codes) * 255).astype(np.uint8), (48, 64, 1))
        picture = heif.from_pillow(Image.fromarray(pixels))
        picture.save(path, quality=100, chroma=444, color_primaries=BT2020, transfer_characteristics=transfer,
                     matrix_coefficients=BT2020, full_range_flag=1, save_nclx_profile=True)  # fmt: skip
    assert color_at(read_image(path).image, 30) == pytest.approx((176, 48, 32), abs=10)


def write_hdr_avif(path, codes, transfer):
    red, green, blue = codes
    luma = 0.2627 * red + 0.6780 * green + 0.0593 * blue
    values = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
    with av.open(str(path), "w", format="avif") as output:
        try:
            stream = output.add_stream("libsvtav1", rate=1, options={"crf": "10"})
        except ValueError:
            pytest.skip("this PyAV has no AV1 encoder")
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, BT2020
        context.colorspace, context.color_range = BT2020, 1
        frame = av.VideoFrame(128, 96, "yuv420p10le")
        for plane, value in zip(frame.planes, values, strict=True):
            plane.update(np.full(plane.buffer_size // 2, round(value), np.uint16).tobytes())
        frame.pts, frame.time_base = 0, Fraction(1, 1)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
