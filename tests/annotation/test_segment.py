"""`livecam segment` writes overlays, a matte and a trimap for an image and prompts."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from livecam.annotation import segment as segment_module
from livecam.annotation.prompts import Box, Point
from livecam.annotation.sam.predictor import MaskCandidate
from livecam.annotation.segment import SegmentSettings, segment
from livecam.cli.main import main
from livecam.core.errors import UsageError
from livecam.core.geometry import Size
from livecam.core.types import Frame
from livecam.imaging.image_io import read_image, write_image
from livecam.imaging.trimap import read_trimap
from tests.support.synthetic_shapes import draw_shape, iou

SIZE = Size(200, 120)
DISC = draw_shape("disc", Point(60, 50), 35, SIZE)


class FakePredictor:
    """A fake SAM: returns four candidates, each a disc around the prompt, index 2 first."""

    def __init__(self) -> None:
        self.prompts: list[Any] = []

    def embed_many(self, frames: Any) -> Any:
        for frame in frames:
            yield SimpleNamespace(
                size=Size.of(frame), predict=lambda prompt, frame=frame: self._predict(prompt, frame)
            )

    def _predict(self, prompt: Any, frame: Frame) -> tuple[MaskCandidate, ...]:
        self.prompts.append(prompt)
        spot = prompt.positive[0] if prompt.positive else Point(*np.array(prompt.box).reshape(2, 2).mean(0))
        matte = draw_shape("disc", spot, 20, Size.of(frame))
        return tuple(MaskCandidate(number, 0.9 - 0.1 * i, matte) for i, number in enumerate((2, 0, 3, 1)))


def never(preset: str) -> Any:
    raise AssertionError("SAM is not to be loaded")


@pytest.fixture
def image_path(tmp_path: Path) -> Path:
    frame = np.full((SIZE.height, SIZE.width, 3), (90, 110, 70), np.float32)
    frame += (np.array((230, 60, 180)) - frame) * DISC[..., None]
    write_image(tmp_path / "disc.png", np.rint(frame).astype(np.uint8))
    return tmp_path / "disc.png"


def run(image_path: Path, load: Callable[[str], Any] | None = None, **more: Any) -> Any:
    settings = SegmentSettings((image_path,), image_path.parent / "out", **more)
    return segment(settings, load or (lambda preset: FakePredictor()))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.labelling
def test_segment_command_writes_overlays_matte_and_trimap(
    image_path: Path, drawn_sam_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = image_path.parent / "out"
    argv = ["segment", str(image_path), "--point", "60,50", "--all", "--preset", str(drawn_sam_folder)]
    assert main([*argv, "--out", str(out)]) == 0
    overlays = {f"disc.thing1.rank{rank}.png" for rank in (1, 2, 3, 4)}
    assert names(out) == overlays | {"disc.sheet.png", "disc.matte.png", "disc.trimap.png"}
    matte = np.asarray(Image.open(out / "disc.matte.png"))
    assert matte.dtype == np.uint8
    assert iou((matte / 255).astype(np.float32), DISC) > 0.75
    trimap = read_trimap(out / "disc.trimap.png")
    assert trimap[50, 60] == 1
    assert trimap[100, 180] == 2
    assert (trimap == 3).any()
    output = capsys.readouterr().out
    assert "disc.png" in output
    assert "score" in output


def test_segment_writes_the_best_of_each_object_and_the_union(image_path: Path) -> None:
    (done,) = run(image_path, keep=(Point(60, 50),), boxes=(Box(140, 20, 180, 60), Box(140, 70, 180, 110)))
    overlays = {f"disc.thing{number}.rank1.png" for number in (1, 2, 3)}
    assert names(done.files[0].parent) == overlays | {
        "disc.kept.png", "disc.sheet.png", "disc.matte.png", "disc.trimap.png"
    }  # fmt: skip
    spots = [Point(160, 40), Point(160, 90), Point(60, 50)]
    whole = np.maximum.reduce([draw_shape("disc", spot, 20, SIZE) for spot in spots])
    np.testing.assert_array_equal(done.matte, whole)


def test_all_candidates_writes_every_candidate(image_path: Path) -> None:
    (done,) = run(image_path, keep=(Point(60, 50),), boxes=(Box(140, 20, 180, 60),), all_candidates=True)
    overlays = [path for path in done.files if "rank" in path.name]
    assert len(overlays) == 8
    assert [candidate.index for candidate in done.objects[0]] == [2, 0, 3, 1]


def test_requested_preset_is_loaded(image_path: Path) -> None:
    presets: list[str] = []
    run(
        image_path,
        lambda preset: presets.append(preset) or FakePredictor(),
        keep=(Point(1, 1),),
        preset="other",
    )
    assert presets == ["other"]


@pytest.mark.parametrize(
    ("more", "part"),
    [
        ({}, "nothing says what to keep"),
        ({"drop": (Point(1, 1),)}, "points to drop alone"),
        ({"keep": (Point(50, 150),)}, "are they swapped"),
        ({"keep": (Point(500, 150),)}, "outside the image of 200x120"),
        ({"boxes": (Box(0, 0, 300, 20),)}, "outside the image"),
    ],
)
def test_invalid_prompt_fails_before_sam_is_loaded(image_path: Path, more: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError, match=part):
        run(image_path, never, **more)


def test_results_are_replaced_with_overwrite_only(image_path: Path) -> None:
    run(image_path, keep=(Point(60, 50),), all_candidates=True)
    with pytest.raises(UsageError, match="exists; choose another --out, or give --overwrite"):
        run(image_path, never, keep=(Point(60, 50),))
    # The results stay until SAM has returned new ones.
    before = names(image_path.parent / "out")
    with pytest.raises(AssertionError):
        run(image_path, never, keep=(Point(60, 50),), overwrite=True)
    assert names(image_path.parent / "out") == before
    (done,) = run(image_path, keep=(Point(60, 50),), overwrite=True)
    # Files of the earlier run that this run did not write are deleted.
    assert names(done.files[0].parent) == {path.name for path in done.files}


def test_two_images_of_one_stem_are_refused(image_path: Path) -> None:
    settings = SegmentSettings((image_path, image_path), image_path.parent / "out", keep=(Point(1, 1),))
    with pytest.raises(UsageError, match="two images are called disc"):
        segment(settings, never)


def test_progress_counts_images(image_path: Path) -> None:
    others = [image_path.with_name(f"{name}.png") for name in "abc"]
    for other in others:
        other.write_bytes(image_path.read_bytes())
    counts: list[int] = []
    settings = SegmentSettings(tuple(others), image_path.parent / "out", keep=(Point(60, 50),))
    segment(settings, lambda preset: FakePredictor(), counts.append)  # type: ignore[arg-type,return-value]
    assert counts == [1, 2, 3]


def test_mask_is_used_with_one_object_only(image_path: Path) -> None:
    mask_file = image_path.with_name("rough.png")
    Image.fromarray(np.rint(DISC * 255).astype(np.uint8)).save(mask_file)
    sam = FakePredictor()
    run(image_path, lambda preset: sam, keep=(Point(60, 50),), mask=mask_file)
    np.testing.assert_allclose(sam.prompts[0].mask, DISC, atol=0.01)
    with pytest.raises(UsageError, match="a rough matte is of one thing"):
        run(image_path, never, boxes=(Box(0, 0, 9, 9), Box(20, 20, 30, 30)), mask=mask_file, overwrite=True)


def test_mask_file_of_another_size_is_refused(image_path: Path) -> None:
    mask_file = image_path.with_name("rough.png")
    Image.fromarray(np.zeros((60, 100), np.uint8)).save(mask_file)
    with pytest.raises(UsageError, match="the rough matte is 100x60, the image 200x120"):
        run(image_path, never, mask=mask_file)


def test_prompts_are_in_pixels_of_the_upright_image(image_path: Path) -> None:
    turned = image_path.with_name("turned.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    with Image.open(image_path) as image:
        image.save(turned, exif=exif, quality=95)
    (done,) = run(turned, keep=(Point(100, 190),))
    assert done.matte.shape == (SIZE.width, SIZE.height)


def test_long_image_is_not_scaled(image_path: Path) -> None:
    long = image_path.with_name("long.png")
    write_image(long, np.zeros((30, 12000, 3), np.uint8))
    (done,) = run(long, keep=(Point(11990, 20),))
    assert done.matte.shape == (30, 12000)


@pytest.mark.parametrize(
    ("command", "code", "part"),
    [
        ("segment", 2, "required"),
        ("segment disc.png --point 3 --out o", 2, "not x,y in pixels"),
        ("segment disc.png --box 9,9,1,1 --out o", 2, "no area"),
        ("segment disc.png --point 1,1 --preset sam_bas_sa1b --out o", 1, "did you mean sam_base_sa1b?"),
        ("segment dsic.png --point 1,1 --out o", 1, "did you mean disc.png?"),
        ("segment disc.png --drop 1,1 --out o", 2, "points to drop alone"),
        ("segment disc.png --point 1,1 --out disc.png/o", 1, "choose another folder"),
        ("segmnt disc.png", 2, "did you mean segment?"),
    ],
)
def test_segment_errors_are_one_line(
    command: str, code: int, part: str, image_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(image_path.parent)
    assert main(command.split()) == code
    errors = capfd.readouterr().err
    assert part in errors
    assert errors.count("\n") == 1


def test_segment_decodes_each_image_once(image_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [image_path.with_name(f"{name}.png") for name in "ab"]
    for other in others:
        other.write_bytes(image_path.read_bytes())
    decoded: list[str] = []

    def counted(path: Path, **options: Any) -> Any:
        decoded.append(path.name)
        return read_image(path, **options)

    monkeypatch.setattr(segment_module, "read_image", counted)
    settings = SegmentSettings(tuple(others), image_path.parent / "out", keep=(Point(60, 50),))
    segment(settings, lambda preset: FakePredictor())  # type: ignore[arg-type,return-value]
    assert decoded == ["a.png", "b.png"]


def test_images_beyond_the_cache_are_decoded_twice(image_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_module, "_CACHE_BYTES", 1)
    others = [image_path.with_name(f"{name}.png") for name in "abc"]
    for other in others:
        other.write_bytes(image_path.read_bytes())
    settings = SegmentSettings(tuple(others), image_path.parent / "out", keep=(Point(60, 50),))
    results = segment(settings, lambda preset: FakePredictor())  # type: ignore[arg-type,return-value]
    assert [each.image.name for each in results] == ["a.png", "b.png", "c.png"]
    np.testing.assert_array_equal(results[0].matte, results[2].matte)


def test_results_of_names_that_begin_alike_stay(image_path: Path) -> None:
    left = image_path.with_name("disc.left.png")
    left.write_bytes(image_path.read_bytes())
    settings = SegmentSettings((left, image_path), image_path.parent / "out", keep=(Point(60, 50),))
    results = segment(settings, lambda preset: FakePredictor())  # type: ignore[arg-type,return-value]
    written = {path.name for each in results for path in each.files}
    assert names(settings.out) == written
    assert "disc.left.matte.png" in written
    run(image_path, keep=(Point(60, 50),), overwrite=True)
    assert names(settings.out) == written


def test_overwrite_leaves_files_of_the_user_alone(image_path: Path) -> None:
    out = image_path.parent / "out"
    out.mkdir()
    users = ("disc.holiday.png", "disc.thing1.png", "disc.thing1.rank5.png", "disc.matte.png.png", "disc.png")
    for name in users:
        (out / name).write_bytes(b"mine")
    run(image_path, keep=(Point(60, 50),))
    run(image_path, keep=(Point(60, 50),), overwrite=True)
    assert all((out / name).read_bytes() == b"mine" for name in users)


def test_a_result_never_replaces_an_input(image_path: Path) -> None:
    other = image_path.with_name("disc.matte.png")
    other.write_bytes(image_path.read_bytes())
    for images, mask in (((image_path, other), None), ((image_path,), other)):
        settings = SegmentSettings(
            images, image_path.parent, keep=(Point(60, 50),), mask=mask, overwrite=True
        )
        with pytest.raises(UsageError, match="would be replaced by a result"):
            segment(settings, never)
    assert other.read_bytes() == image_path.read_bytes()
