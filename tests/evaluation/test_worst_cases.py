import re
from pathlib import Path

import numpy as np
import pytest

from livecam.core.errors import FileWriteError
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.evaluation.worst_cases import WorstCases, draw_difference, draw_strip
from livecam.imaging.image_io import read_image

SHAPE = (30, 40)


def a_shot(*, known: bool = True) -> LabeledFrame:
    matte = np.zeros(SHAPE, np.float32)
    matte[10:, 10:30] = 1
    return LabeledFrame(np.full((*SHAPE, 3), 100, np.uint8), matte, np.full(SHAPE, known))


def offer(worst: WorstCases, name: str, number: int, miou: float, bf: float = 50) -> None:
    shot = a_shot()
    worst.add(name, number, shot, shot.matte, {"miou": miou, "bf": bf})


def test_the_worst_cases_come_first_each_once_by_its_worst_frame() -> None:
    worst = WorstCases(keep=2)
    for name, number, miou in [
        ("a", 0, 90),
        ("b", 0, 80),
        ("a", 1, 30),
        ("c", 0, 50),
        ("c", 1, 60),
        ("d", 0, 99),
    ]:
        offer(worst, name, number, miou, bf=100 - miou)

    assert worst.names("miou") == ["a", "c"]
    assert worst.names("bf") == ["d", "a"]


def test_the_page_shows_every_kept_picture_and_no_name_breaks_it(tmp_path: Path) -> None:
    worst = WorstCases()
    offer(worst, "<script>&", 3, 40)
    offer(worst, "fine", 0, 60)
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "miou-09.png").touch()

    page = worst.write(tmp_path, "mine on people").read_text()

    pictures = re.findall(r'src="([^"]+)"', page)
    assert sorted(pictures) == [
        "worst/bf-01.png",
        "worst/bf-02.png",
        "worst/miou-01.png",
        "worst/miou-02.png",
    ]
    assert all(read_image(tmp_path / picture).image.size for picture in pictures)
    assert "<script>" not in page
    assert "&lt;script&gt;&amp;, frame 3: miou 40.00" in page
    assert not (tmp_path / "worst" / "miou-09.png").exists()


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "worst").touch()

    with pytest.raises(FileWriteError, match="--out"):
        WorstCases().write(tmp_path, "a")


def test_a_strip_is_four_pictures_beside_each_other() -> None:
    shot = a_shot()

    strip = draw_strip(shot, np.zeros_like(shot.matte))

    assert strip.shape == (30, 4 * 40 + 3 * 4, 3)
    assert (strip[20, 20] == 100).all()
    assert (strip[20, 64] == 255).all()
    assert (strip[20, 108] == 0).all()


def test_the_difference_is_red_where_room_is_shown_and_blue_where_the_subject_is_lost() -> None:
    shot = a_shot()
    said = np.zeros_like(shot.matte)
    said[:5] = 1

    red, _, blue = np.moveaxis(draw_difference(shot, said).astype(int), 2, 0)

    assert (red > blue + 100)[:5].all()
    assert (blue > red + 100)[10:, 10:30].all()
    assert (red == blue)[5:10].all()
    grey = draw_difference(a_shot(known=False), said)
    assert (grey == grey[..., :1]).all()
