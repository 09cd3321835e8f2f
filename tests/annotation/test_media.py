from pathlib import Path

import numpy as np
import pytest

from livecam.annotation.media import collect_media
from livecam.core.errors import UsageError
from livecam.imaging.image_io import write_image
from tests.support.fakes import secret_frame
from tests.support.tiny_clip import write_video


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_directory_gives_its_media_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.MP4", "a.jpg", "notes.txt", ".hidden.jpg", "c.webm", "deeper/d.jpg")
    found = collect_media([str(tmp_path)])
    assert [(each.path.name, each.is_video) for each in found] == [
        ("a.jpg", False), ("b.MP4", True), ("c.webm", True)
    ]  # fmt: skip


def test_stems_are_unique_single_words(tmp_path: Path) -> None:
    touch(tmp_path, "my talk #1.mp4", "a/x.jpg", "b/x.jpg", "b/X.png", "# - .mp4")
    found = collect_media([str(tmp_path), str(tmp_path / "a"), str(tmp_path / "b")])
    stems = [each.stem for each in found]
    assert "my-talk-1" in stems
    assert len({stem.casefold() for stem in stems}) == len(stems) == 5
    assert not any(stem.startswith("#") or len(stem.split()) != 1 for stem in stems)


def test_what_is_named_twice_is_labelled_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg")
    assert len(collect_media([str(tmp_path / "a.jpg"), str(tmp_path)])) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        ([], "nothing to label"),
        (["notes.txt"], "holds no clip and no image"),
    ],
)
def test_nothing_to_annotate_is_an_error(tmp_path: Path, make: list[str], message: str) -> None:
    touch(tmp_path, *make)
    with pytest.raises(UsageError, match=message):
        collect_media([str(tmp_path)] if make else [])


def test_a_mistyped_name_gets_the_near_one(tmp_path: Path) -> None:
    touch(tmp_path, "talk.mp4")
    with pytest.raises(UsageError, match=r"did you mean .*talk\.mp4"):
        collect_media([str(tmp_path / "tlak.mp4")])


def test_clip_frames_are_numbered_and_an_image_is_one(tmp_path: Path) -> None:
    write_video(tmp_path / "c.mkv", [secret_frame(n) for n in range(5)])
    write_image(tmp_path / "p.png", secret_frame(7))
    clip, image = collect_media([str(tmp_path)])
    frames = list(clip.frames())
    assert [frame.number for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[4].seconds == pytest.approx(4 / 25)
    assert clip.name(4) == "c-000004"
    (only,) = image.frames()
    assert (only.number, image.name(0)) == (0, "p")
    np.testing.assert_array_equal(only.frame, secret_frame(7))


def test_animated_gif_is_a_clip_and_a_still_one_an_image(tmp_path: Path) -> None:
    from PIL import Image

    images = [Image.fromarray(secret_frame(n)) for n in range(3)]
    images[0].save(tmp_path / "moves.gif", save_all=True, append_images=images[1:])
    images[0].save(tmp_path / "still.gif")
    assert [each.is_video for each in collect_media([str(tmp_path)])] == [True, False]
