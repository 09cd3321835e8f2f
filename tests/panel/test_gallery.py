"""The user's backgrounds on the disk."""

import json
from pathlib import Path

import pytest

from livecam.core.clock import ManualClock
from livecam.core.errors import FileReadError, ImageError, UsageError
from livecam.imaging.image_io import read_image
from livecam.panel.gallery import (
    MAX_ITEMS,
    MAX_PENDING,
    PENDING_SECONDS,
    Gallery,
    GalleryItem,
    ItemKind,
    clean_title,
    limits_text,
)


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return Gallery(tmp_path / "backgrounds")


def add(gallery: Gallery, name: str, content: bytes) -> GalleryItem:
    ticket = gallery.announce(name, len(content))
    path, size = gallery.upload_path(ticket)
    assert size == len(content)
    path.write_bytes(content)
    return gallery.add(ticket)


def test_empty_gallery_writes_nothing(gallery: Gallery) -> None:
    assert gallery.items == ()
    assert not gallery.folder.exists()


def test_items_are_found_again_by_another_process(gallery: Gallery, make_png) -> None:
    item = add(gallery, "a.png", make_png())
    again = Gallery(gallery.folder)
    assert again.items == (item,)
    assert again.id_of(str(again.path(item.id))) == item.id
    assert again.id_of("/elsewhere") is None


def test_picture_is_written_again_smaller_and_with_its_alpha(gallery: Gallery, make_png) -> None:
    large = gallery.path(add(gallery, "a.png", make_png(size=(3000, 1000))).id)
    assert (large.suffix, read_image(large).image.shape) == (".jpg", (853, 2560, 3))
    soft = gallery.path(add(gallery, "b.png", make_png((9, 9, 9, 100))).id)
    alpha = read_image(soft).alpha
    assert soft.suffix == ".png"
    assert alpha is not None
    assert abs(float(alpha.mean()) - 100 / 255) < 0.01


def test_what_is_no_pixel_is_not_kept(gallery: Gallery, make_png) -> None:
    item = add(gallery, "a.png", make_png() + b"<script>alert(1)</script>")
    assert b"<script>" not in gallery.path(item.id).read_bytes()


def test_video_is_an_item_with_a_thumbnail(gallery: Gallery, video: bytes) -> None:
    item = add(gallery, "v.mp4", video)
    assert item.kind is ItemKind.VIDEO
    assert gallery.path(item.id).read_bytes() == video
    assert gallery.thumbnail(item.id)[:2] == b"\xff\xd8"


def test_index_that_names_other_places_is_not_followed(gallery: Gallery, make_png, tmp_path: Path) -> None:
    item = add(gallery, "a.png", make_png())
    (tmp_path / "secret").write_text("x")
    entries = json.loads((gallery.folder / "gallery.json").read_text())
    bad = [
        {"id": "0" * 16, "kind": "picture", "file": "../secret", "title": "x"},
        {"id": "../secret", "kind": "picture", "file": "../secret", "title": "x"},
    ]
    (gallery.folder / "gallery.json").write_text(json.dumps([*entries, *bad]))
    assert [each.id for each in Gallery(gallery.folder).items] == [item.id]


def test_damaged_index_is_an_error_with_its_path(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    (gallery.folder / "gallery.json").write_text("[{")
    with pytest.raises(FileReadError, match=r"gallery\.json"):
        _ = gallery.items


def test_missing_file_is_left_out(gallery: Gallery, make_png) -> None:
    item = add(gallery, "a.png", make_png())
    gallery.path(item.id).unlink()
    assert Gallery(gallery.folder).items == ()


def test_failed_upload_leaves_nothing_and_can_be_tried_again(gallery: Gallery, make_png) -> None:
    with pytest.raises(ImageError, match="no picture"):
        add(gallery, "a.png", b"nothing")
    assert list(gallery.folder.iterdir()) == []
    assert add(gallery, "a.png", make_png()).title == "a"


def test_uploads_that_were_never_finished_are_forgotten(tmp_path: Path) -> None:
    clock = ManualClock()
    gallery = Gallery(tmp_path / "backgrounds", clock)
    tickets = [gallery.announce("a", 9) for _ in range(MAX_PENDING)]
    path, _ = gallery.upload_path(tickets[0])
    path.write_bytes(b"half")
    with pytest.raises(UsageError, match="already"):
        gallery.announce("b", 9)
    clock.seconds = PENDING_SECONDS + 1
    gallery.announce("b", 9)
    assert not path.exists()
    with pytest.raises(UsageError, match="not announced"):
        gallery.upload_path(tickets[0])


def test_partial_uploads_of_an_interrupted_livecam_are_deleted(gallery: Gallery) -> None:
    gallery.folder.mkdir()
    (gallery.folder / ".0123.upload").write_bytes(b"x")
    gallery.remove_partial()
    assert list(gallery.folder.iterdir()) == []


def test_number_of_items_is_limited(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [GalleryItem(f"{n:016x}", ItemKind.PICTURE, f"{n:016x}.jpg", "x") for n in range(MAX_ITEMS)]
    monkeypatch.setattr(gallery, "_read_index", lambda: items)
    with pytest.raises(UsageError, match=str(MAX_ITEMS)):
        gallery.announce("a", 10)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("IMG_1.JPG", "IMG_1"),
        ("a.b.png", "a.b"),
        (".png", ".png"),
        ("", "untitled"),
        ("\n\t", "untitled"),
        ("C:\\x\\y.png", "y"),
        ("a\u202eb.png", "a b"),
    ],
)
def test_title_is_one_printable_line(name: str, title: str) -> None:
    assert clean_title(name) == title


def test_limits_are_named() -> None:
    assert all(part in limits_text() for part in ("MB", "megapixels"))
