"""The worst cases as pictures: frame, true matte, said matte and their difference, on one page."""

import heapq
import html
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError
from livecam.core.fileio import os_error_reason, write_atomic
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.imaging.image_io import write_image
from livecam.imaging.ops import resize

BY = {"miou": "mean IoU", "bf": "boundary F"}
KEPT = 12
LONGEST = 320
"""Of each of the four pictures of a strip, in pixels."""
UNKNOWN = (70, 70, 110)
PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: dark }}
body {{ font: 15px sans-serif; background: #222; color: #ddd; margin: 1.5em; overflow-wrap: anywhere }}
img {{ display: block; max-width: 100% }} figure {{ margin: 0 0 1.5em }}
</style></head><body>
<h1>{title}</h1>
<p>From the left: frame, true matte (bluish where it is not known), said matte, difference: red is room that
is shown, blue is subject that is lost. Of each picture or clip only its worst frame.</p>
{body}
</body></html>
"""


@dataclass(frozen=True, order=True)
class _Entry:
    badness: float
    name: str
    number: int
    metrics: dict[str, float] = field(compare=False)
    strip: Frame = field(compare=False)


class WorstCases:
    """Keeps the worst frame of each of the `keep` worst cases, for each of the marks in `BY`."""

    def __init__(self, keep: int = KEPT) -> None:
        self._keep = keep
        self._kept: dict[str, list[_Entry]] = {by: [] for by in BY}

    def add(self, name: str, number: int, shot: LabeledFrame, said: Matte, marks: dict[str, float]) -> None:
        """Look at frame `number` of a case and keep it if it is bad enough."""
        strip: Frame | None = None
        for by, kept in self._kept.items():
            same = next((bad for bad in kept if bad.name == name), None)
            bar = same or (min(kept) if len(kept) >= self._keep else None)
            if bar is not None and -marks[by] <= bar.badness:
                continue
            if bar is not None:
                kept.remove(bar)
            strip = draw_strip(shot, said) if strip is None else strip
            kept.append(_Entry(-marks[by], name, number, marks, strip))

    def names(self, by: str) -> list[str]:
        """The cases kept for a mark, the worst first."""
        return [bad.name for bad in heapq.nlargest(self._keep, self._kept[by])]

    def write(self, folder: Path, title: str) -> Path:
        """Write ``worst.html`` and its pictures in ``worst/``, replacing those of an earlier evaluation.

        Raises:
            FileWriteError: they can't be written.
        """
        page = folder / "worst.html"
        try:
            (folder / "worst").mkdir(exist_ok=True)
            for old in (folder / "worst").glob("*-[0-9][0-9].png"):
                old.unlink()
            parts = [part for by in BY for part in self._section(folder, by)]
            text = PAGE.format(title=html.escape(f"The worst of {title}"), body="\n".join(parts))
            write_atomic(page, text.encode())
        except OSError as error:
            problem = f"can't write {page} ({os_error_reason(error)})"
            raise FileWriteError(problem, "choose another folder with --out", path=page) from error
        return page

    def _section(self, folder: Path, by: str) -> list[str]:
        parts = [f"<h2>By {BY[by]}</h2>"]
        for place, bad in enumerate(sorted(self._kept[by], reverse=True), 1):
            picture = f"worst/{by}-{place:02d}.png"
            write_image(folder / picture, bad.strip)
            names = ("miou", "fg_iou", "bf", "mad", "leak", "hole")
            told = "  ".join(f"{name} {bad.metrics[name]:.2f}" for name in names if name in bad.metrics)
            caption = html.escape(f"{bad.name}, frame {bad.number}: {told}")
            parts.append(f'<figure><figcaption>{caption}</figcaption><img src="{picture}" alt=""></figure>')
        return parts


def draw_strip(shot: LabeledFrame, said: Matte) -> Frame:
    """Frame, true matte, said matte and difference beside each other, at most `LONGEST` pixels each."""
    size = Size.of(shot.frame).fit_within(LONGEST)
    truth = _shade(shot.matte)
    truth[~shot.valid_mask] = UNKNOWN
    gap = np.full((size.height, 4, 3), 34, np.uint8)
    cells: list[Frame] = []
    for picture in (shot.frame, truth, _shade(said), draw_difference(shot, said)):
        cells += [resize(picture, size), gap]
    return np.hstack(cells[:-1])


def draw_difference(shot: LabeledFrame, said: Matte) -> Frame:
    """Red where too much is kept, blue where too little, on a dim grey frame."""
    difference = np.where(shot.valid_mask, said - shot.matte, 0)[..., None]
    dim = _shade(shot.frame.mean(axis=2) / 255 * 0.4).astype(np.float32)
    red, blue = np.array([255, 40, 40], np.float32), np.array([60, 120, 255], np.float32)
    share = np.abs(difference)
    return np.asarray(dim * (1 - share) + np.where(difference > 0, red, blue) * share).astype(np.uint8)


def _shade(matte: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(matte * 255).astype(np.uint8)[..., None], 3, axis=2)
