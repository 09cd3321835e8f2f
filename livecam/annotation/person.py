"""The person in a frame: SAM draws where the compact model points, or the compact model draws itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.geometry import bounding_box
from livecam.annotation.observation import EmbeddedImageLike, MaskCandidateLike, finite_score
from livecam.annotation.prompts import Point, Prompt
from livecam.core.types import Frame, Matte
from livecam.imaging.trimap import CERTAIN_FOREGROUND
from livecam.matting.cleanup import clean_matte
from livecam.matting.guided_filter import GuidedFilterUpsampler
from livecam.models.base import MatteModel


class PersonEstimate(NamedTuple):
    """What the compact model says of a frame.

    `matte` is float32 (height, width); `prompts` has one for each person; `confident` is False where it finds
    nobody and isn't sure of that.
    """

    matte: Matte
    prompts: tuple[Prompt, ...]
    confident: bool


MIN_SCORE = 0.75
"""What SAM expects of its own mask (IoU); below it somebody should look."""
_LEAST_AGREEMENT = 0.75
_JUMP = 1.6
_MOST_DOUBT = 0.4
"""Of the person, where the compact model draws it: more is no outline. Before webcams it is below 0.1."""


@dataclass(frozen=True)
class PersonAnnotation:
    """The person as SAM draws it, or as the compact model does: then there are no prompts and no answers.

    `agreement` is the IoU with the compact model, `areas` are the shares of the picture that SAM and the
    compact model give to the person; `reasons` says why it should be looked at.
    """

    prompts: tuple[Prompt, ...]
    candidates: tuple[MaskCandidateLike, ...]
    matte: Matte
    agreement: float | None
    areas: tuple[float, float]
    reasons: tuple[str, ...]


def segment_person(
    person: PersonEstimate,
    seen: EmbeddedImageLike,
    drops: tuple[Point, ...],
    before: tuple[float, float] | None,
) -> PersonAnnotation:
    """Ask SAM for each person that the compact model found.

    Args:
        person: what the compact model says.
        seen: the same frame, as SAM has looked at it.
        drops: further points that are not part of anybody.
        before: the `areas` of the chosen frame before.
    """
    prompts = tuple(replace(prompt, negative=prompt.negative + drops) for prompt in person.prompts)
    answers = tuple(_nearest(seen.predict(prompt), prompt, person.matte) for prompt in prompts)
    matte = union([answer.matte for answer in answers], person.matte.shape)
    agreement = iou(matte, person.matte) if prompts else None
    areas = (float((matte > 0.5).mean()), float((person.matte > 0.5).mean()))
    reasons = [*_odd(agreement, areas, before), *_unsure(person)]
    return PersonAnnotation(prompts, answers, matte, agreement, areas, tuple(reasons))


def person_from_model(person: PersonEstimate) -> PersonAnnotation:
    """The compact model's own matte as the person, without SAM.

    Its doubt is what lies between the outside and the inside after the live path's edges: there the trimap
    has its contour.
    """
    area, doubt = float((person.matte > 0.5).mean()), _doubt(person.matte)
    reasons = _unsure(person)
    if doubt > _MOST_DOUBT:
        reasons.append(f"the compact model is in doubt about {doubt:.0%} of the person")
    return PersonAnnotation((), (), person.matte, None, (area, area), tuple(reasons))


def union(mattes: Sequence[Matte], shape: tuple[int, ...]) -> Matte:
    """The largest of all mattes at each pixel; zeros of `shape` where there is none."""
    united = np.zeros(shape, np.float32)
    for matte in mattes:
        np.maximum(united, matte, out=united)
    return united


def iou(first: Matte, second: Matte) -> float:
    """Intersection over union of two mattes, cut at one half; 1 where both are empty."""
    a, b = first > 0.5, second > 0.5
    whole = int((a | b).sum())
    return float((a & b).sum()) / whole if whole else 1.0


def low_score_reasons(answers: Sequence[MaskCandidateLike]) -> list[str]:
    """A line for each answer that SAM itself thinks little of."""
    # Said this way round, a score that is no number is low too.
    low = [answer.score for answer in answers if not answer.score >= MIN_SCORE]
    return [f"SAM gives its own mask {score:.2f}" for score in low]


def _nearest(answers: Sequence[MaskCandidateLike], prompt: Prompt, matte: Matte) -> MaskCandidateLike:
    """Of SAM's answers (all of a person, the shirt, the face) the one the compact model means too."""
    theirs = matte
    if prompt.box:
        # Another person is another answer's business.
        theirs = np.zeros_like(matte)
        left, top, right, bottom = (round(side) for side in prompt.box)
        theirs[top : bottom + 1, left : right + 1] = matte[top : bottom + 1, left : right + 1]
    return max(answers, key=lambda answer: finite_score(answer.score) + 2 * iou(answer.matte, theirs))


def _unsure(person: PersonEstimate) -> list[str]:
    return [] if person.confident else ["the compact model isn't sure whether somebody is there"]


def _doubt(matte: Matte) -> float:
    """The share of a person that isn't surely in; 0 where nobody is."""
    body = int((matte > 0.5).sum())
    return 1 - int((matte >= CERTAIN_FOREGROUND).sum()) / body if body else 0.0


def _odd(
    agreement: float | None, areas: tuple[float, float], before: tuple[float, float] | None
) -> list[str]:
    reasons = []
    if agreement is not None and agreement < _LEAST_AGREEMENT:
        reasons.append(f"SAM and the compact model agree on {agreement:.0%} of the person only")
    if before and min(*areas, *before) > 0:
        # Whoever leans forward grows for both; a mask that takes in the wall grows for SAM alone.
        grown = (areas[0] / before[0]) / (areas[1] / before[1])
        if not 1 / _JUMP < grown < _JUMP:
            word = "grew" if grown > 1 else "shrank"
            reasons.append(f"the person {word} {max(grown, 1 / grown):.1f} times since the frame before")
    return reasons


CONFIDENT_INSIDE, CONFIDENT_OUTSIDE = 0.95, 0.05


_SMALLEST = 0.004
"""The share of the picture that somebody covers at least."""


_POINTS, _BESIDE = 3, 2


_MARGIN = 0.02


_DOUBT = 0.5


_DOUBTFUL_SHARE = 0.001


def estimate_person(segmenter: MatteModel, frame: Frame) -> PersonEstimate:
    """Ask the compact model, without memory of other frames."""
    rough = segmenter.predict(frame)
    matte = GuidedFilterUpsampler().upsample(clean_matte(rough), frame)
    prompts = prompts_from_matte(matte)
    doubtful = float((rough > _DOUBT).mean()) > _DOUBTFUL_SHARE
    return PersonEstimate(matte, prompts, bool(prompts) or not doubtful)


def prompts_from_matte(matte: Matte) -> tuple[Prompt, ...]:
    """A prompt for each connected person in a matte, the largest first; none where nobody is."""
    body = (matte > 0.5).astype(np.uint8)
    count, parts, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    order = sorted(range(1, count), key=lambda part: -int(stats[part, cv2.CC_STAT_AREA]))
    found = []
    for part in order:
        if stats[part, cv2.CC_STAT_AREA] >= _SMALLEST * matte.size:
            prompt = _prompt(matte, np.asarray(parts == part))
            found += [prompt] if prompt else []
    return tuple(found)


def _prompt(matte: Matte, part: NDArray[np.bool_]) -> Prompt | None:
    keep = interior_points(part & (matte >= CONFIDENT_INSIDE), _POINTS)
    if not keep:
        return None
    box = bounding_box(part, _MARGIN)
    beside = np.zeros_like(part)
    rows, columns = slice(int(box.top), int(box.bottom) + 1), slice(int(box.left), int(box.right) + 1)
    beside[rows, columns] = (matte <= CONFIDENT_OUTSIDE)[rows, columns]
    return Prompt(positive=keep, negative=interior_points(beside, _BESIDE), box=box)


def interior_points(area: NDArray[np.bool_], count: int) -> tuple[Point, ...]:
    """Up to `count` points far inside an area (height, width) and far from each other.

    Each is the one farthest from the area's edge and from the points before; where the picture ends the
    area ends too. None where no point is a few pixels inside.
    """
    # One pixel of nothing around: what touches the picture's border isn't deep there.
    depth = cv2.distanceTransform(np.pad(area, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    least = max(2.0, 0.01 * min(area.shape))
    points: list[Point] = []
    rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
    for _ in range(count):
        y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
        if depth[y, x] < least:
            break
        points.append(Point(float(x), float(y)))
        away = np.hypot(columns - x, rows - y)
        depth = np.minimum(depth, away * 0.5).astype(np.float32)
    return tuple(points)
