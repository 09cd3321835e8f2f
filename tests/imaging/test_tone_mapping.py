from itertools import pairwise

import cv2
import numpy as np
import pytest

from livecam.imaging.ops import look_up
from livecam.imaging.tone_mapping import (
    REFERENCE_WHITE_NITS,
    Gamut,
    ToneMapper,
    Transfer,
    nits_to_pq,
    pq_to_nits,
)

# CIE xy to linear BT.2020 from linear BT.709, BT.2087 table 2, rows for red, green and blue.
BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def map_one(mapper: ToneMapper, codes: list[float]) -> list[int]:
    """Map one color, given as codes in [0, 1]."""
    pixels = np.rint(np.array(codes) * 65535).astype(np.uint16)
    image = np.tile(pixels, (3, 5, 1))
    mapped = mapper.map(image)
    assert mapped.shape == image.shape
    assert mapped.dtype == np.uint8
    assert (mapped == mapped[0, 0]).all()
    return [int(level) for level in mapped[0, 0]]


def hlg_code(scene: float) -> float:
    """Return the HLG code of scene light (BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return float(np.sqrt(3 * scene)) if scene <= 1 / 12 else float(a * np.log(12 * scene - b) + c)


def pq_codes(color: tuple[int, int, int]) -> list[float]:
    """Return the PQ codes in BT.2020 of an SDR color whose white has 203 cd/m²."""
    light = BT709_TO_BT2020 @ (np.array(color) / 255) ** 2.4
    return [float(code) for code in nits_to_pq(light * REFERENCE_WHITE_NITS)]


def hlg_codes(color: tuple[int, int, int]) -> list[float]:
    """Return the HLG codes in BT.2020 of an SDR color whose white has 203 of 1000 cd/m²."""
    display = BT709_TO_BT2020 @ (np.array(color) / 255) ** 2.4 * REFERENCE_WHITE_NITS / 1000
    luminance = display @ [0.2627, 0.6780, 0.0593]
    return [hlg_code(light) for light in display * luminance ** (1 / 1.2 - 1)]


def test_pq_codes_have_the_luminances_of_the_standard() -> None:
    # BT.2408 table 1: 58 % of the signal is the reference white; 75 % are about 983 cd/m².
    assert pq_to_nits(np.array([0.0, 0.5081, 0.5807, 1.0])) == pytest.approx([0, 100, 203, 10000], rel=2e-3)
    assert nits_to_pq(pq_to_nits(np.linspace(0, 1, 50))) == pytest.approx(np.linspace(0, 1, 50), abs=1e-6)


@pytest.mark.parametrize(
    "color", [(60, 60, 60), (176, 48, 32), (40, 120, 60), (30, 60, 140), (150, 130, 120)]
)
@pytest.mark.parametrize(("transfer", "encode"), [(Transfer.PQ, pq_codes), (Transfer.HLG, hlg_codes)])
def test_colors_below_the_highlights_are_those_of_sdr(transfer, encode, color) -> None:
    mapped = map_one(ToneMapper(transfer, Gamut.BT2020), encode(color))
    assert np.abs(np.array(mapped) - color).max() <= 3


@pytest.mark.parametrize("transfer", list(Transfer))
def test_black_stays_black_and_gray_stays_neutral_and_rises(transfer) -> None:
    mapper = ToneMapper(transfer, Gamut.BT2020)
    levels = [map_one(mapper, [code, code, code]) for code in np.linspace(0, 1, 40)]
    assert levels[0] == [0, 0, 0]
    assert all(max(each) - min(each) <= 1 for each in levels)
    assert all(after >= before for (before, *_), (after, *_) in pairwise(levels))


def test_reference_white_has_one_level_in_pq_and_hlg_below_the_highlights() -> None:
    pq = map_one(ToneMapper(Transfer.PQ, Gamut.BT2020), [0.5807] * 3)[0]
    hlg = map_one(ToneMapper(Transfer.HLG, Gamut.BT2020), [0.75] * 3)[0]
    assert abs(pq - hlg) <= 2
    assert 220 <= pq <= 240


def test_peak_of_the_file_is_the_brightest_level() -> None:
    bright = ToneMapper(Transfer.PQ, Gamut.BT2020, 4000.0)
    usual = ToneMapper(Transfer.PQ, Gamut.BT2020, 1000.0)
    at_1000 = [float(nits_to_pq(np.array(1000.0)))] * 3
    at_4000 = [float(nits_to_pq(np.array(4000.0)))] * 3
    assert map_one(usual, at_1000)[0] >= 254
    assert map_one(bright, at_1000)[0] <= 250
    assert map_one(bright, at_4000)[0] >= 254
    # A peak below the reference white compresses nothing.
    assert map_one(ToneMapper(Transfer.PQ, Gamut.BT2020, 100.0), [0.5081] * 3)[0] == round(
        255 * (100 / 203) ** (1 / 2.4)
    )


def test_highlights_keep_their_hue() -> None:
    red, green, blue = map_one(ToneMapper(Transfer.PQ, Gamut.BT709), [0.72, 0.60, 0.50])
    assert red > green > blue
    light = (np.array([red, green, blue]) / 255) ** 2.4
    expected = pq_to_nits(np.array([0.72, 0.60, 0.50]))
    assert light / light[0] == pytest.approx(expected / expected[0], abs=0.02)


def test_wide_gamut_of_sdr_is_converted() -> None:
    color = (150, 90, 60)
    wide = (BT709_TO_BT2020 @ (np.array(color) / 255) ** 2.4) ** (1 / 2.4)
    mapped = map_one(ToneMapper(Transfer.SDR, Gamut.BT2020), list(wide))
    assert np.abs(np.array(mapped) - color).max() <= 1
    assert map_one(ToneMapper(Transfer.SDR, Gamut.P3), [1.0, 0.0, 0.0]) == [255, 0, 0]


def test_strips_of_a_large_frame_fit_together() -> None:
    image = np.random.default_rng(0).integers(0, 65536, (150, 1000, 3), np.uint16)
    mapper = ToneMapper(Transfer.HLG, Gamut.BT2020)
    whole = mapper.map(image)
    rows = np.concatenate([mapper.map(image[row : row + 1]) for row in range(len(image))])
    assert np.array_equal(whole, rows)


def test_look_up_without_opencv_gives_the_same(monkeypatch) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    table = np.linspace(0, 1, 65536).astype(np.float32)
    expected = look_up(codes, table)

    def refuse(*_):
        raise cv2.error("depth")

    monkeypatch.setattr(cv2, "LUT", refuse)
    assert np.array_equal(look_up(codes, table), expected)
