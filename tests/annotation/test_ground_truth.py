"""True mattes: which matte belongs to which image."""

import re
from pathlib import Path

import numpy as np
import pytest

from livecam.annotation.ground_truth import GroundTruthMattes
from livecam.annotation.media import collect_media
from livecam.core.errors import UsageError
from livecam.imaging.image_io import write_image


def write_images(folder: Path, **levels: int) -> Path:
    """Write images whose gray level tells them apart; `__` in a name stands for the dot of its suffix."""
    folder.mkdir()
    for name, level in levels.items():
        write_image(folder / name.replace("__", "."), np.full((8, 8, 3), level, np.uint8))
    return folder


def match(tmp_path: Path, mattes: Path, *folders: str) -> list[float]:
    """Return the mean of the matte of every image."""
    media = collect_media([str(tmp_path / folder) for folder in folders])
    known = GroundTruthMattes(mattes, media)
    return [float(next(known.mattes(item, 1)).mean()) for item in media]


def test_mattes_are_matched_by_name(tmp_path: Path) -> None:
    write_images(tmp_path / "a", x__png=1, y__jpg=2)
    mattes = write_images(tmp_path / "m", x__png=255, y__png=0, z__png=128)
    assert match(tmp_path, mattes, "a") == [1.0, 0.0]


def test_mattes_without_a_common_name_are_matched_in_order(tmp_path: Path) -> None:
    write_images(tmp_path / "a", x__png=1, y__png=2)
    assert match(tmp_path, write_images(tmp_path / "m", p__png=0, q__png=255), "a") == [0.0, 1.0]


@pytest.mark.parametrize("others", [{}, {"other__png": 0}])
def test_one_matte_for_two_images_is_refused_with_both_paths(tmp_path: Path, others: dict[str, int]) -> None:
    paths = [write_images(tmp_path / folder, x__png=1) / "x.png" for folder in "ab"]
    mattes = write_images(tmp_path / "m", x__png=255, **others)
    with pytest.raises(UsageError, match=f"{re.escape(str(paths[0]))} and {re.escape(str(paths[1]))}"):
        match(tmp_path, mattes, "a", "b")


def test_two_mattes_of_one_name_are_refused_with_both_paths(tmp_path: Path) -> None:
    write_images(tmp_path / "a", x__png=1)
    mattes = write_images(tmp_path / "m", x__png=255, x__jpg=0)
    with pytest.raises(UsageError, match=r"m/x\.jpg and .*m/x\.png"):
        match(tmp_path, mattes, "a")


def test_mattes_of_other_images_are_never_matched_in_order(tmp_path: Path) -> None:
    write_images(tmp_path / "a", x__png=1, y__png=2)
    mattes = write_images(tmp_path / "m", y__png=255, z__png=0)
    with pytest.raises(UsageError, match=r"none named like x\.png"):
        match(tmp_path, mattes, "a")


@pytest.mark.parametrize(("x", "y"), [("x_mask", "y_mask"), ("x__matte", "y__matte"), ("x__jpg", "y__png")])
def test_mattes_with_a_common_ending_are_matched_by_name(tmp_path: Path, x: str, y: str) -> None:
    write_images(tmp_path / "a", x__jpg=1)
    write_images(tmp_path / "b", y__png=2)
    mattes = write_images(tmp_path / "m", **{f"{x}__png": 255, f"{y}__png": 0})
    assert match(tmp_path, mattes, "b", "a") == [0.0, 1.0]


def test_mattes_whose_order_is_not_that_of_the_images_are_matched_by_name(tmp_path: Path) -> None:
    write_images(tmp_path / "a", a__png=1, a_2__png=2)
    mattes = write_images(tmp_path / "m", a_mask__png=255, a_2_mask__png=0)
    assert match(tmp_path, mattes, "a") == [1.0, 0.0]


def test_two_common_endings_are_not_guessed(tmp_path: Path) -> None:
    write_images(tmp_path / "a", x__png=1)
    mattes = write_images(tmp_path / "m", x_fine__png=255, x_coarse__png=0)
    with pytest.raises(UsageError, match=r"none named like x\.png"):
        match(tmp_path, mattes, "a")


def test_one_matte_with_an_ending_for_two_images_is_refused_with_both_paths(tmp_path: Path) -> None:
    paths = [write_images(tmp_path / folder, x__png=1) / "x.png" for folder in "ab"]
    mattes = write_images(tmp_path / "m", x_mask__png=255, other__png=0)
    with pytest.raises(UsageError, match=f"{re.escape(str(paths[0]))} and {re.escape(str(paths[1]))}"):
        match(tmp_path, mattes, "a", "b")
