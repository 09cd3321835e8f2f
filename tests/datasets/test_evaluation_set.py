from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import LivecamError, TrainingError
from livecam.datasets.evaluation_set import group_of, load_evaluation_set
from tests.support.fakes import SIZE, is_person
from tests.support.tiny_clip import write_clip, write_sparse_clip, write_video


@pytest.mark.parametrize(
    ("stem", "group"),
    [
        ("portrait_00012", "portrait"),
        ("street12", "street"),
        ("face-mask_7", "face-mask"),
        ("abc", "abc"),
        ("0012", "0012"),
        ("yawn-1-x", "yawn"),
    ],
)
def test_a_group_is_what_stands_before_the_first_underscore_or_digit(stem: str, group: str) -> None:
    assert group_of(stem) == group


def test_an_image_is_one_shot_with_its_soft_matte(make_pets: Callable[..., Path], tmp_path: Path) -> None:
    samples = load_evaluation_set(make_pets(tmp_path / "pets"), "test")

    assert [(sample.name, sample.group) for sample in samples] == [("disc_4", "disc"), ("disc_5", "disc")]
    (sample_frame,) = samples[0].frames()
    assert sample_frame.has_soft_matte
    assert sample_frame.valid_mask.all()
    assert sample_frame.matte.dtype == np.float32
    assert ((sample_frame.matte > 0.02) & (sample_frame.matte < 0.98)).any()
    assert sample_frame.frame.shape[:2] == sample_frame.matte.shape


def test_without_a_soft_matte_the_contour_is_not_known(
    make_pets: Callable[..., Path], tmp_path: Path
) -> None:
    (sample_frame,) = load_evaluation_set(make_pets(tmp_path / "pets", mattes=False), "trainval")[0].frames()

    assert not sample_frame.has_soft_matte
    assert sample_frame.trimap is not None
    assert ((sample_frame.trimap == 3) == ~sample_frame.valid_mask).all()
    assert not sample_frame.valid_mask.all()


def test_the_contour_can_be_left_out_even_where_it_is_known(
    make_pets: Callable[..., Path], tmp_path: Path
) -> None:
    (sample_frame,) = load_evaluation_set(make_pets(tmp_path / "pets"), "test", skip_contour=True)[0].frames()

    assert not sample_frame.has_soft_matte
    assert sample_frame.trimap is not None
    assert ((sample_frame.trimap == 3) == ~sample_frame.valid_mask).all()
    assert not sample_frame.valid_mask.all()


def test_few_images_are_taken_from_all_over_the_list(make_pets: Callable[..., Path], tmp_path: Path) -> None:
    pets = make_pets(tmp_path / "pets", trainval=6, test=1)

    assert [sample.name for sample in load_evaluation_set(pets, "trainval", 3)] == [
        "disc_0",
        "disc_2",
        "disc_4",
    ]
    assert len(load_evaluation_set(pets, "trainval", 99)) == 6


def test_of_tall_images_the_lower_part_can_be_left_out(
    make_pets: Callable[..., Path], tmp_path: Path
) -> None:
    pets = make_pets(tmp_path / "pets", trainval=12)
    for sample in load_evaluation_set(pets, "trainval"):
        (whole,) = sample.frames()
        (cropped,) = next(
            c for c in load_evaluation_set(pets, "trainval", crop_tall=True) if c.name == sample.name
        ).frames()
        height, width = whole.matte.shape
        assert cropped.frame.shape[0] == min(height, int(width * 0.8))
        assert cropped.matte.shape == cropped.valid_mask.shape == cropped.frame.shape[:2]


def test_a_clip_gives_its_frames_and_mattes_in_step(tmp_path: Path) -> None:
    write_clip(tmp_path / "data" / "b", frames=5)
    write_clip(tmp_path / "data" / "a")
    (tmp_path / "data" / "notes").mkdir()

    samples = load_evaluation_set(tmp_path / "data", "test")

    assert [sample.name for sample in samples] == ["a", "b"]
    evaluated = list(samples[1].frames())
    assert [round(sample_frame.seconds * 25) for sample_frame in evaluated] == [0, 1, 2, 3, 4]
    for sample_frame in evaluated:
        assert (sample_frame.matte == is_person(sample_frame.frame)).all()
    assert len(list(load_evaluation_set(tmp_path / "data", "test", 2)[1].frames())) == 2


def test_the_folder_of_one_clip_will_do(tmp_path: Path) -> None:
    (sample,) = load_evaluation_set(write_clip(tmp_path / "talk"), "test")
    assert sample.name == "talk"


def test_videos_of_different_lengths_are_told_with_what_helps(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip", frames=5, mattes=3)

    with pytest.raises(TrainingError, match=r"matte.mkv ends after 3 frames.*--frames 3"):
        list(load_evaluation_set(tmp_path, "test")[0].frames())
    assert len(list(load_evaluation_set(tmp_path, "test", 3)[0].frames())) == 3


def test_videos_of_different_sizes_are_told(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip")
    write_video(tmp_path / "clip" / "matte.mkv", [np.zeros((32, 48), np.uint8)] * 4)

    with pytest.raises(TrainingError, match=r"matte.mkv is 48x32, but .* 96x64; make them the same size"):
        list(load_evaluation_set(tmp_path, "test")[0].frames())


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ([], "holds nothing to evaluate on; it must be in Pets layout"),
        (["a/frames.mp4"], "needs one video matte"),
        (["a/matte.mkv"], "needs one video frames"),
        (["a/frames.mp4", "a/frames.mkv", "a/matte.mkv"], "2 of them"),
        (["images/a.jpg"], "test.txt is missing"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_run(tmp_path: Path, files: list[str], part: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    with pytest.raises(TrainingError, match=part):
        load_evaluation_set(tmp_path, "test")


def test_clip_with_sparse_labels_gives_all_frames_and_the_known_pixels_of_some(tmp_path: Path) -> None:
    write_sparse_clip(tmp_path / "clips" / "talk", frames=6, labeled=(2, 5))

    (sample,) = load_evaluation_set(tmp_path / "clips", "test")
    frames = list(sample.frames())

    assert (sample.name, sample.group) == ("talk", "talk")
    assert [frame.is_labeled for frame in frames] == [False, False, True, False, False, True]
    assert all(frame.is_sparse and not frame.has_soft_matte for frame in frames)
    assert [round(frame.seconds * 25) for frame in frames] == list(range(6))
    for frame in (frames[2], frames[5]):
        assert frame.valid_mask.any()
        assert not frame.valid_mask.all()
        assert (frame.matte == is_person(frame.frame))[frame.valid_mask].all()
    assert not frames[0].valid_mask.any()
    assert len(list(load_evaluation_set(tmp_path / "clips", "test", 3)[0].frames())) == 3


def test_label_may_be_a_trimap(tmp_path: Path) -> None:
    clip = write_sparse_clip(tmp_path / "talk", labeled=(1,))
    (labeled,) = [frame for frame in load_evaluation_set(clip, "test")[0].frames() if frame.is_labeled]
    trimap = np.where(labeled.valid_mask, np.where(labeled.matte == 1, 1, 2), 3).astype(np.uint8)
    Image.fromarray(trimap).save(clip / "truth_0001.png")

    (again,) = [frame for frame in load_evaluation_set(clip, "test")[0].frames() if frame.is_labeled]

    assert (again.valid_mask == labeled.valid_mask).all()
    assert (again.matte == labeled.matte).all()


def test_folders_of_clips_are_scenes(tmp_path: Path) -> None:
    write_sparse_clip(tmp_path / "kitchen" / "morning")
    write_clip(tmp_path / "kitchen" / "evening")
    write_sparse_clip(tmp_path / "office" / "morning")
    write_clip(tmp_path / "lone")

    samples = load_evaluation_set(tmp_path, "test")

    assert {sample.name: sample.group for sample in samples} == {
        "lone": "lone",
        "kitchen/evening": "kitchen",
        "kitchen/morning": "kitchen",
        "office/morning": "office",
    }


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (lambda clip: (clip / "truth_0002.png").rename(clip / "truth_0099.png"), "frame 99, but .* 6 frames"),
        (
            lambda clip: Image.new("L", (8, 8)).save(clip / "truth_0002.png"),
            "truth_0002.png is 8x8, but its video is 96x64",
        ),
        (lambda clip: Image.new("L", tuple(SIZE), 77).save(clip / "truth_0002.png"), "other values than 0"),
        (lambda clip: Image.new("RGB", tuple(SIZE)).save(clip / "truth_0002.png"), "no 8-bit gray PNG"),
        (lambda clip: (clip / "truth_0002.png").write_bytes(b"no image"), "truth_0002.png can't be read"),
        (lambda clip: (clip / "matte.mkv").touch(), "both matte"),
        (lambda clip: (clip / "frames.mkv").unlink(), "needs one video frames"),
    ],
)
def test_wrong_sparse_labels_are_one_line(
    tmp_path: Path, damage: Callable[[Path], object], part: str
) -> None:
    damage(write_sparse_clip(tmp_path / "talk"))

    with pytest.raises(LivecamError, match=part):
        list(load_evaluation_set(tmp_path, "test")[0].frames())
