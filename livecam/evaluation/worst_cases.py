"""Worst cases as images on one page: frame, true matte, predicted matte, difference."""

import base64
import heapq
import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livecam.core.errors import FileWriteError
from livecam.core.fileio import os_error_reason, write_atomic
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.imaging.image_io import write_image
from livecam.imaging.ops import encode_jpeg, resize

RANKINGS = {
    "miou": "mean IoU",
    "bf": "boundary F",
    "hole": "foreground lost",
    "leak": "background shown",
}
_LOWER_IS_WORSE = frozenset({"miou", "bf"})
MAX_ENTRIES = 12
"""Entries per ranking."""
MAX_SIDE = 320
"""Longest side in pixels of each of the four images of a strip."""
JPEG_QUALITY = 88
"""Of the images in the page; those in ``worst/`` are lossless."""
UNKNOWN_COLOR = (70, 70, 110)
_NO_STRIP = np.zeros((0, 0, 3), np.uint8)
PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: dark }}
body {{ font: 15px sans-serif; background: #222; color: #ddd; margin: 1.5em; overflow-wrap: anywhere }}
img {{ display: block; max-width: 100% }} figure {{ margin: 0 0 1.5em }}
</style></head><body>
<h1>{title}</h1>
<p>From the left: frame, true matte (bluish where it is not known), predicted matte, difference: red is
background that is shown, blue is foreground that is lost. Of each image or clip only its worst frame.</p>
{body}
</body></html>
"""


@dataclass(frozen=True, order=True)
class WorstCase:
    """The worst frame of a sample by one metric, with its images; the order is that of the ranking."""

    badness: float
    name: str
    number: int
    metrics: dict[str, float] = field(compare=False)
    strip: Frame = field(compare=False)


class WorstCases:
    """The worst frame of each of the `limit` worst samples, for each metric in `RANKINGS`.

    A frame without a metric, or with nothing lost or shown, is not in that metric's ranking.
    """

    def __init__(self, limit: int = MAX_ENTRIES) -> None:
        self._limit = limit
        self._rankings: dict[str, list[WorstCase]] = {metric: [] for metric in RANKINGS}

    def add(
        self, name: str, number: int, frame: LabeledFrame, predicted: Matte, metrics: dict[str, float]
    ) -> None:
        """Store frame `number` of a sample if it is among the worst."""
        strip: Frame | None = None
        for metric in RANKINGS:
            badness = _badness(metric, metrics)
            if badness is None:
                continue
            # The images are drawn only for a frame that has a place.
            case = WorstCase(badness, name, number, metrics, _NO_STRIP)
            if self._has_place(metric, case):
                strip = draw_strip(frame, predicted) if strip is None else strip
                self.merge({metric: replace(case, strip=strip)})

    def merge(self, cases: Mapping[str, WorstCase]) -> None:
        """Add cases of a sample, by metric, as far as they are among the worst.

        The result does not depend on the order of samples, so that they may be scored by several processes.
        """
        for metric, case in cases.items():
            if not self._has_place(metric, case):
                continue
            entries = self._rankings[metric]
            same = [entry for entry in entries if entry.name == case.name]
            if same or len(entries) >= self._limit:
                entries.remove(same[0] if same else min(entries))
            entries.append(case)

    def cases_of(self, name: str) -> dict[str, WorstCase]:
        """Return the cases of a sample by metric."""
        cases = ((metric, case) for metric, entries in self._rankings.items() for case in entries)
        return {metric: case for metric, case in cases if case.name == name}

    def _has_place(self, metric: str, case: WorstCase) -> bool:
        entries = self._rankings[metric]
        for entry in entries:
            if entry.name == case.name:
                return case.badness > entry.badness
        return len(entries) < self._limit or case > min(entries)

    def names(self, metric: str) -> list[str]:
        """Return the sample names of a ranking, the worst first."""
        return [entry.name for entry in heapq.nlargest(self._limit, self._rankings[metric])]

    def write(self, folder: Path, title: str) -> Path:
        """Write ``worst.html``, which holds its images, and lossless copies of them in ``worst/``.

        Replaces those of an earlier evaluation.

        Raises:
            FileWriteError: a file cannot be written.
        """
        page = folder / "worst.html"
        try:
            (folder / "worst").mkdir(exist_ok=True)
            for old in (folder / "worst").glob("*-[0-9][0-9].png"):
                old.unlink()
            parts = [part for metric in RANKINGS for part in self._section(folder, metric)]
            text = PAGE.format(title=html.escape(f"The worst of {title}"), body="\n".join(parts))
            write_atomic(page, text.encode())
        except OSError as error:
            problem = f"can't write {page} ({os_error_reason(error)})"
            raise FileWriteError(problem, "choose another folder with --out", path=page) from error
        return page

    def _section(self, folder: Path, metric: str) -> list[str]:
        parts = [f"<h2>By {RANKINGS[metric]}</h2>"] if self._rankings[metric] else []
        for rank, entry in enumerate(sorted(self._rankings[metric], reverse=True), 1):
            write_image(folder / f"worst/{metric}-{rank:02d}.png", entry.strip)
            image = base64.b64encode(encode_jpeg(entry.strip, JPEG_QUALITY)).decode()
            names = ("miou", "fg_iou", "bf", "mad", "leak", "hole", "soft")
            text = "  ".join(f"{name} {entry.metrics[name]:.2f}" for name in names if name in entry.metrics)
            caption = html.escape(f"{entry.name}, frame {entry.number}: {text}")
            source = f"data:image/jpeg;base64,{image}"
            parts.append(f'<figure><figcaption>{caption}</figcaption><img src="{source}" alt=""></figure>')
        return parts


def _badness(metric: str, metrics: dict[str, float]) -> float | None:
    """Return how bad a frame is by a metric; None if it has no place in the ranking."""
    if metric not in metrics or (metric not in _LOWER_IS_WORSE and metrics[metric] <= 0):
        return None
    return -metrics[metric] if metric in _LOWER_IS_WORSE else metrics[metric]


def draw_strip(frame: LabeledFrame, predicted: Matte) -> Frame:
    """Draw frame, true matte, predicted matte and difference side by side, at most `MAX_SIDE` pixels each."""
    size = Size.of(frame.frame).fit_within(MAX_SIDE)
    true_matte = _gray_image(frame.matte)
    true_matte[~frame.valid_mask] = UNKNOWN_COLOR
    gap = np.full((size.height, 4, 3), 34, np.uint8)
    cells: list[Frame] = []
    for image in (frame.frame, true_matte, _gray_image(predicted), draw_difference(frame, predicted)):
        cells += [resize(image, size), gap]
    return np.hstack(cells[:-1])


def draw_difference(frame: LabeledFrame, predicted: Matte) -> Frame:
    """Draw red where the matte is too high, blue where it is too low, on a dark gray frame."""
    difference = np.where(frame.valid_mask, predicted - frame.matte, 0)[..., None]
    dim = _gray_image(frame.frame.mean(axis=2) / 255 * 0.4).astype(np.float32)
    red, blue = np.array([255, 40, 40], np.float32), np.array([60, 120, 255], np.float32)
    weight = np.abs(difference)
    return np.asarray(dim * (1 - weight) + np.where(difference > 0, red, blue) * weight).astype(np.uint8)


def _gray_image(matte: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.repeat(np.rint(matte * 255).astype(np.uint8)[..., None], 3, axis=2)
