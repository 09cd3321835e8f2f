"""The user's own backgrounds: pictures, videos and slide shows in a folder of the data directory.

livecam names every file itself; a name that comes from a browser is a title in the index, and nothing else. A
picture is decoded and written again, so that only pixels of it are kept. ::

    backgrounds/gallery.json      the titles, in the order of the page
    backgrounds/ID.jpg, .png      pictures
    backgrounds/ID.video          videos and animated images, as they came
    backgrounds/ID/               the pictures of a slide show
    backgrounds/ID.thumb.jpg      thumbnails
"""

import json
import re
import secrets
import shutil
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from itertools import islice
from pathlib import Path

import numpy as np

from livecam.core.clock import Clock, SystemClock
from livecam.core.errors import FileReadError, ImageError, LivecamError, UsageError, VideoError
from livecam.core.fileio import json_bytes, os_error_reason, translate_os_errors, write_atomic
from livecam.core.geometry import Size
from livecam.core.media_types import MediaType, detect_media_type
from livecam.core.types import Frame, Matte, RgbaFrame
from livecam.imaging.alpha import flatten_alpha
from livecam.imaging.color import to_uint8
from livecam.imaging.fit import FitMode, fit_image
from livecam.imaging.image_io import encode_image, is_animated, read_image, read_image_size, write_image
from livecam.imaging.ops import encode_jpeg

MAX_PICTURE_BYTES = 64 << 20
MAX_VIDEO_BYTES = 512 << 20
MAX_PICTURE_MEGAPIXELS = 64
MAX_VIDEO_MEGAPIXELS = 9  # 4096x2160
MAX_ITEMS = 200
MAX_PENDING = 8
PENDING_SECONDS = 600.0
"""An announced upload that is not complete after so long is forgotten."""
THUMBNAIL_SIZE = Size(384, 216)
_MAX_TITLE = 80
_LONGEST = 2560  # pixels of the longer side of a picture that is kept
_THUMBNAIL_QUALITY = 84
_CHECKED_FRAMES = 3  # frames of a video that must be decodable
_ID = re.compile(r"[0-9a-f]{16}")
_LINE_ENDS = re.compile(r"\s+")


class ItemKind(Enum):
    """What an item is."""

    PICTURE = "picture"
    VIDEO = "video"
    SLIDES = "slides"


@dataclass(frozen=True)
class GalleryItem:
    """One background of the user.

    Attributes:
        id: sixteen hexadecimal digits, the beginning of its file names.
        kind: picture, video or slide show.
        file: name of its file or folder.
        title: what the user calls it.
    """

    id: str
    kind: ItemKind
    file: str
    title: str


class Gallery:
    """The user's backgrounds, kept in a folder. Thread-safe within one process."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        """Use a folder; it is made when the first item is added.

        Args:
            folder: holds all files.
            clock: measures the age of announced uploads.
        """
        self._clock = clock or SystemClock()
        self.folder = folder
        self._lock = threading.RLock()
        # Title, bytes and time of uploads that were announced.
        self._pending: dict[str, tuple[str, int, float]] = {}
        self._items: list[GalleryItem] | None = None

    @property
    def items(self) -> Sequence[GalleryItem]:
        """All items in the order of the page.

        Raises:
            FileReadError: the index is damaged.
        """
        with self._lock:
            if self._items is None:
                self._items = self._read_index()
            return tuple(self._items)

    def path(self, item_id: str) -> Path:
        """Return the file or folder of an item, as `create_background` takes it.

        Raises:
            UsageError: there is no such item.
        """
        return self.folder / self._find(item_id).file

    def thumbnail(self, item_id: str) -> bytes:
        """Return the thumbnail of an item, a JPEG.

        Raises:
            UsageError: there is no such item.
            FileReadError: the file is missing.
        """
        path = self._thumbnail_path(self._find(item_id).id)
        try:
            return path.read_bytes()
        except OSError as error:
            raise FileReadError(f"{path} can't be read ({os_error_reason(error)})", path=path) from error

    def id_of(self, path: str) -> str | None:
        """Return the item whose file `path` is; None if it is none of the gallery."""
        return next((item.id for item in self.items if str(self.folder / item.file) == path), None)

    def announce(self, title: str, size_bytes: int) -> str:
        """Announce an upload and return its ticket.

        Raises:
            UsageError: it is too large, or there are too many items or uploads.
        """
        with self._lock:
            if not 0 < size_bytes <= MAX_VIDEO_BYTES:
                raise UsageError(f"{clean_title(title)} has {size_bytes >> 20} MB", limits_text())
            if len(self.items) + len(self._pending) >= MAX_ITEMS:
                raise UsageError(f"there are {MAX_ITEMS} backgrounds already", "delete some first")
            self._forget_old()
            if len(self._pending) >= MAX_PENDING:
                raise UsageError(f"{MAX_PENDING} files are being added already", "wait until they are there")
            ticket = secrets.token_hex(8)
            self._pending[ticket] = (clean_title(title), size_bytes, self._clock.now())
            return ticket

    def _forget_old(self) -> None:
        """Cancel uploads that a page announced and did not finish, because it was closed."""
        now = self._clock.now()
        for ticket, (_, _, time) in tuple(self._pending.items()):
            if now - time > PENDING_SECONDS:
                self.cancel(ticket)

    def remove_partial(self) -> None:
        """Delete what an interrupted livecam has left of uploads."""
        with suppress(OSError):
            for path in self.folder.glob(".*.upload"):
                path.unlink(missing_ok=True)

    def upload_path(self, ticket: str) -> tuple[Path, int]:
        """Return the file that an announced upload is written to, and how many bytes it has.

        Raises:
            UsageError: it was not announced.
            FileWriteError: the folder cannot be made.
        """
        with self._lock:
            if ticket not in self._pending:
                raise UsageError("this upload was not announced", "drop the file again")
            with translate_os_errors(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
            return self.folder / f".{ticket}.upload", self._pending[ticket][1]

    def cancel(self, ticket: str) -> None:
        """Forget an announced upload, and delete what was written of it."""
        with self._lock:
            self._pending.pop(ticket, None)
        if _ID.fullmatch(ticket):
            with suppress(OSError):
                (self.folder / f".{ticket}.upload").unlink(missing_ok=True)

    def add(self, ticket: str) -> GalleryItem:
        """Check an upload whose bytes are all written, and make it an item.

        Raises:
            ImageError, VideoError: it is no picture and no video, or damaged, or has too many pixels.
            FileWriteError: it cannot be kept.
        """
        path, _ = self.upload_path(ticket)
        title = self._pending[ticket][0]
        try:
            with translate_os_errors(self.folder):
                item = self._keep(path, ticket, title)
                with self._lock:
                    self._write_index([*self.items, item])
            return item
        except BaseException:
            self._delete_files(ticket)
            raise
        finally:
            self.cancel(ticket)

    def add_slides(self, ids: Sequence[str], title: str) -> GalleryItem:
        """Make a slide show of several pictures, which are copied.

        Raises:
            UsageError: there are fewer than two pictures, one is missing, or no picture.
            FileWriteError: it cannot be written.
        """
        pictures = [self._find(each) for each in ids]
        if len(pictures) < 2 or any(each.kind is not ItemKind.PICTURE for each in pictures):
            raise UsageError("a slide show needs two pictures or more", "choose pictures only")
        with self._lock:
            if len(self.items) >= MAX_ITEMS:
                raise UsageError(f"there are {MAX_ITEMS} backgrounds already", "delete some first")
            item_id = secrets.token_hex(8)
            item = GalleryItem(item_id, ItemKind.SLIDES, item_id, clean_title(title))
            try:
                with translate_os_errors(self.folder):
                    (self.folder / item_id).mkdir()
                    for number, picture in enumerate(pictures):
                        source = self.folder / picture.file
                        shutil.copyfile(source, self.folder / item_id / f"{number:03d}{source.suffix}")
                    shutil.copyfile(self._thumbnail_path(pictures[0].id), self._thumbnail_path(item_id))
                    self._write_index([*self.items, item])
            except BaseException:
                self._delete_files(item_id)
                raise
            return item

    def rename(self, item_id: str, title: str) -> None:
        """Change the title of an item.

        Raises:
            UsageError: there is no such item.
            FileWriteError: the index cannot be written.
        """
        with self._lock:
            self._find(item_id)
            self._write_index(
                [
                    replace(item, title=clean_title(title)) if item.id == item_id else item
                    for item in self.items
                ]
            )

    def reorder(self, ids: Sequence[str]) -> None:
        """Put all items into another order.

        Raises:
            UsageError: `ids` are not exactly the items.
            FileWriteError: the index cannot be written.
        """
        with self._lock:
            by_id = {item.id: item for item in self.items}
            if sorted(ids) != sorted(by_id):
                raise UsageError("the backgrounds have changed meanwhile", "load the page again")
            self._write_index([by_id[each] for each in ids])

    def delete(self, item_id: str) -> None:
        """Delete an item and its files.

        Raises:
            UsageError: there is no such item.
            FileWriteError: the index cannot be written.
        """
        with self._lock:
            self._find(item_id)
            self._write_index([item for item in self.items if item.id != item_id])
            self._delete_files(item_id)

    def _find(self, item_id: str) -> GalleryItem:
        for item in self.items:
            if item.id == item_id:
                return item
        raise UsageError("there is no such background any more", "load the page again")

    def _thumbnail_path(self, item_id: str) -> Path:
        return self.folder / f"{item_id}.thumb.jpg"

    def _keep(self, path: Path, item_id: str, title: str) -> GalleryItem:
        """Check the file at `path`, and write what is kept of it."""
        kind = detect_media_type(path)
        if kind is MediaType.VIDEO or (kind is MediaType.IMAGE and is_animated(path)):
            kept, frame = self.folder / f"{item_id}.video", _check_video(path, title)
            path.replace(kept)
            item = GalleryItem(item_id, ItemKind.VIDEO, kept.name, title)
        elif kind is MediaType.IMAGE:
            kept, frame = _keep_picture(path, self.folder / item_id, title)
            item = GalleryItem(item_id, ItemKind.PICTURE, kept.name, title)
        else:
            raise ImageError(
                f"{title} is no picture and no video that livecam can read", "take a JPEG, PNG or MP4"
            )
        write_atomic(self._thumbnail_path(item_id), thumbnail_of(frame))
        return item

    def _delete_files(self, item_id: str) -> None:
        with suppress(OSError):
            for path in [*self.folder.glob(f"{item_id}.*"), self.folder / item_id]:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _read_index(self) -> list[GalleryItem]:
        path = self.folder / "gallery.json"
        try:
            entries = json.loads(path.read_bytes())
            items = [
                GalleryItem(
                    str(each["id"]), ItemKind(each["kind"]), str(each["file"]), clean_title(each["title"])
                )
                for each in entries
            ]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileReadError(f"{path} can't be read", "mend or delete it", path=path) from error
        return [item for item in items if _is_own_file(item) and (self.folder / item.file).exists()]

    def _write_index(self, items: Iterable[GalleryItem]) -> None:
        items = list(items)
        with translate_os_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            entries = [asdict(item) | {"kind": item.kind.value} for item in items]
            write_atomic(self.folder / "gallery.json", json_bytes(entries))
        self._items = items


def _is_own_file(item: GalleryItem) -> bool:
    """Return whether an entry of the index names a file of livecam, and no other place."""
    return bool(_ID.fullmatch(item.id)) and item.file.partition(".")[0] == item.id and "/" not in item.file


def clean_title(title: object) -> str:
    """Return one line of printable characters of what a browser calls a file, without folders and suffix."""
    text = "".join(" " if unicodedata.category(each)[0] in "CZ" else each for each in str(title)[:500])
    name = _LINE_ENDS.sub(" ", re.split(r"[/\\]", text)[-1]).strip()
    stem = re.sub(r"\.[A-Za-z0-9]{1,5}$", "", name) or name
    return stem[:_MAX_TITLE].strip() or "untitled"


def limits_text() -> str:
    """Return one line with the limits of an upload."""
    return (
        f"pictures may have {MAX_PICTURE_BYTES >> 20} MB and {MAX_PICTURE_MEGAPIXELS} megapixels, "
        f"videos {MAX_VIDEO_BYTES >> 20} MB and 4096x2160"
    )


def thumbnail_of(frame: Frame) -> bytes:
    """Return a thumbnail of a frame as a JPEG."""
    return encode_jpeg(fit_image(frame, THUMBNAIL_SIZE, FitMode.COVER), _THUMBNAIL_QUALITY)


def _keep_picture(path: Path, target: Path, title: str) -> tuple[Path, Frame]:
    """Decode a picture and write it again. Returns: its file, and the picture for a thumbnail."""
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise ImageError(f"{title} is too large", limits_text())
    try:
        size = read_image_size(path)
        if size.width * size.height > MAX_PICTURE_MEGAPIXELS * 1_000_000:
            raise ImageError(f"{title} has {size} pixels", limits_text())
        loaded = read_image(path, longest=_LONGEST)
    except ImageError as error:
        raise ImageError(error.problem.replace(str(path), title), error.hint) from error
    kept = target.with_suffix(".jpg" if loaded.alpha is None else ".png")
    if loaded.alpha is None:
        write_atomic(kept, encode_image(loaded.image, ".jpg"))
    else:
        write_image(kept, _with_alpha(loaded.image, loaded.alpha))
    return kept, flatten_alpha(loaded.image, loaded.alpha)


def _with_alpha(image: Frame, alpha: Matte) -> RgbaFrame:
    return np.asarray(np.dstack([image, to_uint8(alpha)]), np.uint8)


def _check_video(path: Path, title: str) -> Frame:
    """Check that a video is complete and can be decoded, and return its first frame for the thumbnail."""
    # Imported here, because PyAV costs 80 ms that pictures do not need.
    from livecam.video.inspection import inspect_video
    from livecam.video.video_reader import VideoReader

    try:
        summary = inspect_video(path)
        if summary.size.width * summary.size.height > MAX_VIDEO_MEGAPIXELS * 1_000_000:
            raise VideoError(f"{title} has {summary.size} pixels", limits_text())
        if not summary.is_complete:
            raise VideoError(f"{title} is cut off", "download or copy it again")
        with VideoReader(path, realtime=True) as video:
            frames = [each.image for each in islice(video.frames(), _CHECKED_FRAMES)]
    except LivecamError as error:
        raise VideoError(error.problem.replace(str(path), title), error.hint) from error
    if not frames:
        raise VideoError(f"{title} is a video without pictures", "take another one")
    return frames[0]
