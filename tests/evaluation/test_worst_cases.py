import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import FileWriteError
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.evaluation.worst_cases import WorstCases, draw_difference, draw_strip
from livecam.imaging.image_io import read_image

SHAPE = (30, 40)


def make_frame(*, valid: bool = True) -> LabeledFrame:
    matte = np.zeros(SHAPE, np.float32)
    matte[10:, 10:30] = 1
    return LabeledFrame(np.full((*SHAPE, 3), 100, np.uint8), matte, np.full(SHAPE, valid))


def add(worst: WorstCases, name: str, number: int, miou: float, bf: float = 50) -> None:
    frame = make_frame()
    worst.add(name, number, frame, frame.matte, {"miou": miou, "bf": bf})


def test_names_worst_first_each_sample_once() -> None:
    worst = WorstCases(limit=2)
    for name, number, miou in [
        ("a", 0, 90),
        ("b", 0, 80),
        ("a", 1, 30),
        ("c", 0, 50),
        ("c", 1, 60),
        ("d", 0, 99),
    ]:
        add(worst, name, number, miou, bf=100 - miou)

    assert worst.names("miou") == ["a", "c"]
    assert worst.names("bf") == ["d", "a"]


def test_cases_do_not_depend_on_the_order_of_samples() -> None:
    # Three are equally bad, and there are two places.
    samples = {name: [(0, 50.0), (1, 40.0)] for name in "abc"} | {"d": [(0, 60.0)], "e": [(0, 70.0)]}
    found = []
    for order in ("abcde", "edcba", "cadbe"):
        worst, merged = WorstCases(limit=2), WorstCases(limit=2)
        for name in order:
            own = WorstCases(limit=2)
            for number, miou in samples[name]:
                add(worst, name, number, miou)
                add(own, name, number, miou)
            merged.merge(own.cases_of(name))
        assert merged.names("miou") == worst.names("miou")
        found.append(worst.names("miou"))
    assert found == [["c", "b"]] * 3


def test_write_page_shows_every_entry_and_escapes_names(tmp_path: Path) -> None:
    worst = WorstCases()
    add(worst, "<script>&", 3, 40)
    add(worst, "fine", 0, 60)
    (tmp_path / "worst").mkdir()
    (tmp_path / "worst" / "miou-09.png").touch()

    page = worst.write(tmp_path, "mine on people").read_text()

    files = sorted(path.name for path in (tmp_path / "worst").iterdir())
    assert files == ["bf-01.png", "bf-02.png", "miou-01.png", "miou-02.png"]
    # The page needs no other file: each image is inside, nearly as in its lossless copy.
    sources = re.findall(r'src="([^"]+)"', page)
    assert len(sources) == 4
    names = ["miou-01", "miou-02", "bf-01", "bf-02"]
    for name, source in zip(names, sources, strict=True):
        kind, _, content = source.partition(",")
        assert kind == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as embedded:
            shown = np.asarray(embedded.convert("RGB")).astype(int)
        assert np.abs(shown - read_image(tmp_path / "worst" / f"{name}.png").image).mean() < 4
    assert not re.search(r"(?:src|href)=\"(?!data:)", page)
    assert "<script>" not in page
    assert "&lt;script&gt;&amp;, frame 3: miou 40.00" in page
    assert not (tmp_path / "worst" / "miou-09.png").exists()


def test_write_unwritable_folder_names_the_option(tmp_path: Path) -> None:
    (tmp_path / "worst").touch()

    with pytest.raises(FileWriteError, match="--out"):
        WorstCases().write(tmp_path, "a")


def test_draw_strip_puts_four_images_side_by_side() -> None:
    frame = make_frame()

    strip = draw_strip(frame, np.zeros_like(frame.matte))

    assert strip.shape == (30, 4 * 40 + 3 * 4, 3)
    assert (strip[20, 20] == 100).all()
    assert (strip[20, 64] == 255).all()
    assert (strip[20, 108] == 0).all()


def test_draw_difference_red_is_leak_blue_is_loss() -> None:
    frame = make_frame()
    predicted = np.zeros_like(frame.matte)
    predicted[:5] = 1

    red, _, blue = np.moveaxis(draw_difference(frame, predicted).astype(int), 2, 0)

    assert (red > blue + 100)[:5].all()
    assert (blue > red + 100)[10:, 10:30].all()
    assert (red == blue)[5:10].all()
    gray = draw_difference(make_frame(valid=False), predicted)
    assert (gray == gray[..., :1]).all()


def test_rankings_take_only_frames_that_have_the_metric_and_something_lost_or_shown() -> None:
    worst, frame = WorstCases(), make_frame()
    for name, hole, leak in (("a", 3.0, 0.0), ("b", 5.0, 0.2), ("c", 0.0, 0.1)):
        worst.add(name, 0, frame, frame.matte, {"miou": 90.0, "hole": hole, "leak": leak})

    assert worst.names("hole") == ["b", "a"]
    assert worst.names("leak") == ["b", "c"]
    assert worst.names("bf") == []
