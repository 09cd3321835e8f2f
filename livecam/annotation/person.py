"""The person in a frame: segmented by SAM with prompts from the compact model, or by the compact model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.geometry import bounding_box
from livecam.annotation.observation import EmbeddedImageLike, MaskCandidateLike, finite_score
from livecam.annotation.prompts import Point, Prompt
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import resize_matte
from livecam.imaging.trimap import CERTAIN_FOREGROUND
from livecam.matting.cleanup import clean_matte
from livecam.matting.guided_filter import GuidedFilterUpsampler
from livecam.models.base import MatteModel

MIN_SCORE = 0.75
"""SAM's predicted IoU of a mask; a lower one flags the frame."""
CONFIDENT_INSIDE, CONFIDENT_OUTSIDE = 0.95, 0.05
"""Alpha of the compact model that is certain enough for a prompt's points."""
_PART_SIDE = 2 / 3  # of the frame's sides
_CERTAIN_CLOSER = 0.8
"""Alpha of the compact model in an enlarged part of the frame that is a person."""
_MISSED_WIDTH = 0.02  # of the longer side; what is narrower beside a mask is not a missed person
_MAX_GROWTH = 1.6
"""Change of SAM's area relative to the compact model's from frame to frame; a larger one flags the frame."""
_MAX_UNCERTAINTY = 0.4
"""Fraction of the person's pixels where the compact model is uncertain; more than that is not an outline. In
front of a webcam it is below 0.1."""
_MIN_PERSON_AREA = 0.004
"""Fraction of the image; smaller components are not a person."""
_POSITIVE_POINTS, _NEGATIVE_POINTS = 3, 2
_BOX_MARGIN = 0.02  # fraction of the sides
_POSSIBLE_PERSON = 0.5  # alpha of the coarse matte
_MAX_POSSIBLE_AREA = 0.001
"""Fraction of the image with a possible person; above it an empty matte is not confident."""


class PersonEstimate(NamedTuple):
    """The compact model's result for one frame.

    Attributes:
        matte: float32 (height, width) in [0, 1].
        prompts: one for each person.
        confident: False if no person was found, but one may be there.
        closer: the largest alpha in four enlarged parts of the frame, coarse, float32 (height, width): people
            who are too small in the whole frame. None: not looked.
    """

    matte: Matte
    prompts: tuple[Prompt, ...]
    confident: bool
    closer: Matte | None = None


class PersonMeasures(NamedTuple):
    """How sure the mask of the people in one frame is, where there is one.

    Attributes:
        agreement: IoU of SAM's and the compact model's matte.
        second_opinion: IoU of SAM's mattes with and without the compact model's matte as a prompt.
        uncertainty: fraction of the person's pixels where the compact model is uncertain.
        missed: what enlarged parts of the frame find beside the mask, as a fraction of its pixels.
    """

    agreement: float
    second_opinion: float
    uncertainty: float
    missed: float


@dataclass(frozen=True)
class ReviewRules:
    """Limits of the measures; a frame beyond one of them is flagged.

    The defaults are tuned on train splits: scripts/measure_labels.py --tune.
    """

    min_agreement: float = 0.92
    min_second_opinion: float = 0.8
    max_uncertainty: float = 0.1
    max_missed: float = 0.02

    def reasons(self, measures: PersonMeasures) -> list[str]:
        """Return why a frame needs a review; empty if nothing is suspicious."""
        reasons = []
        if measures.agreement < self.min_agreement:
            reasons.append(f"SAM and the compact model agree on {measures.agreement:.0%} of the person only")
        if measures.second_opinion < self.min_second_opinion:
            same = f"{measures.second_opinion:.0%} of the person"
            reasons.append(f"SAM draws {same} the same without the compact model")
        if measures.uncertainty > self.max_uncertainty:
            reasons.append(f"the compact model is in doubt about {measures.uncertainty:.0%} of the person")
        if measures.missed > self.max_missed:
            reasons.append(f"a closer look finds {measures.missed:.0%} more of people")
        return reasons


REVIEW_RULES = ReviewRules()


@dataclass(frozen=True)
class PersonAnnotation:
    """The annotated person of one frame.

    Attributes:
        prompts: what SAM received; empty if the matte is the compact model's.
        candidates: SAM's selected mask for each prompt.
        matte: float32 (height, width) in [0, 1].
        measures: how sure the matte is; None without prompts.
        areas: fraction of the image covered by the person, for SAM and for the compact model.
        reasons: why the frame needs a review; empty if nothing is suspicious.
        second: SAM's matte without the compact model's matte as a prompt; None without SAM.
    """

    prompts: tuple[Prompt, ...]
    candidates: tuple[MaskCandidateLike, ...]
    matte: Matte
    measures: PersonMeasures | None
    areas: tuple[float, float]
    reasons: tuple[str, ...]
    second: Matte | None = None

    @property
    def agreement(self) -> float | None:
        """IoU with the compact model's matte; None without prompts."""
        return self.measures.agreement if self.measures else None


def segment_person(
    estimate: PersonEstimate,
    embedding: EmbeddedImageLike,
    negative: tuple[Point, ...],
    previous_areas: tuple[float, float] | None,
) -> PersonAnnotation:
    """Segment each person that the compact model found by SAM.

    SAM gets points, a box, and the compact model's matte as a mask. Without the mask SAM drops a raised hand
    or an arm in four of ten frames of webcams, and with it in one of ten. The masks without it are a second
    opinion: where they differ much, the frame is flagged.

    Args:
        estimate: the compact model's result.
        embedding: SAM's embedding of the same frame.
        negative: further negative points, added to each prompt.
        previous_areas: `areas` of the previous selected frame.
    """
    prompts = tuple(replace(prompt, negative=prompt.negative + negative) for prompt in estimate.prompts)
    candidates, seconds = [], []
    for prompt in prompts:
        reference = _within_box(estimate.matte, prompt)
        masked = replace(prompt, mask=reference)
        candidates.append(_best_candidate(embedding.predict(masked), reference))
        seconds.append(_best_candidate(embedding.predict(prompt), reference))
    matte, second = (
        union([candidate.matte for candidate in part], estimate.matte.shape) for part in (candidates, seconds)
    )
    areas = (float((matte > 0.5).mean()), float((estimate.matte > 0.5).mean()))
    measures = None
    if prompts:
        uncertainty, missed = _uncertain_fraction(estimate.matte), _missed_fraction(estimate.closer, matte)
        measures = PersonMeasures(iou(matte, estimate.matte), iou(matte, second), uncertainty, missed)
    reasons = REVIEW_RULES.reasons(measures) if measures else []
    reasons += _growth(areas, previous_areas) + _not_confident(estimate)
    return PersonAnnotation(prompts, tuple(candidates), matte, measures, areas, tuple(reasons), second)


def person_from_model(estimate: PersonEstimate) -> PersonAnnotation:
    """Use the compact model's own matte, without SAM.

    Its uncertain region is what the guided filter of the live path leaves between 0 and 1; the trimap is
    unknown there.
    """
    area, uncertainty = float((estimate.matte > 0.5).mean()), _uncertain_fraction(estimate.matte)
    reasons = _not_confident(estimate)
    if uncertainty > _MAX_UNCERTAINTY:
        reasons.append(f"the compact model is in doubt about {uncertainty:.0%} of the person")
    return PersonAnnotation((), (), estimate.matte, None, (area, area), tuple(reasons))


def estimate_person(segmenter: MatteModel, frame: Frame) -> PersonEstimate:
    """Run the compact model on one frame, without a temporal filter."""
    coarse = segmenter.predict(frame)
    matte = GuidedFilterUpsampler().upsample(clean_matte(coarse), frame)
    prompts = prompts_from_matte(matte)
    closer = look_closer(segmenter, frame)
    possible = float((coarse > _POSSIBLE_PERSON).mean()) > _MAX_POSSIBLE_AREA
    possible |= float((closer > _CERTAIN_CLOSER).mean()) > _MIN_PERSON_AREA
    return PersonEstimate(matte, prompts, bool(prompts) or not possible, closer)


def look_closer(segmenter: MatteModel, frame: Frame) -> Matte:
    """Run the compact model on four overlapping parts of a frame, one for each corner.

    Returns:
        The largest alpha at each pixel, float32 (height, width).
    """
    size = Size.of(frame)
    found: Matte = np.zeros((size.height, size.width), np.float32)
    width, height = (max(1, round(_PART_SIDE * side)) for side in size)
    for top in (0, size.height - height):
        for left in (0, size.width - width):
            part = (slice(top, top + height), slice(left, left + width))
            alpha = resize_matte(segmenter.predict(np.ascontiguousarray(frame[part])), Size(width, height))
            found[part] = np.maximum(found[part], alpha)
    return found


def union(mattes: Sequence[Matte], shape: tuple[int, ...]) -> Matte:
    """Return the maximum of all mattes at each pixel, a new array; zeros of `shape` without mattes."""
    united = np.zeros(shape, np.float32)
    for matte in mattes:
        np.maximum(united, matte, out=united)
    return united


def iou(first: Matte, second: Matte) -> float:
    """Return the IoU of two mattes, thresholded at 0.5; 1 if both are empty."""
    a, b = first > 0.5, second > 0.5
    area = int((a | b).sum())
    return float((a & b).sum()) / area if area else 1.0


def low_score_reasons(candidates: Sequence[MaskCandidateLike]) -> list[str]:
    """Return a reason for each candidate with a low score, or with NaN."""
    # Written with `not`, because every comparison with NaN is False.
    low = [each.iou_score for each in candidates if not each.iou_score >= MIN_SCORE]
    return [f"SAM gives its own mask {score:.2f}" for score in low]


def prompts_from_matte(matte: Matte) -> tuple[Prompt, ...]:
    """Return a prompt for each connected person in a matte, the largest first."""
    body = (matte > 0.5).astype(np.uint8)
    count, components, stats, _ = cv2.connectedComponentsWithStats(body, connectivity=8)
    order = sorted(range(1, count), key=lambda component: -int(stats[component, cv2.CC_STAT_AREA]))
    found = []
    for component in order:
        if stats[component, cv2.CC_STAT_AREA] >= _MIN_PERSON_AREA * matte.size:
            prompt = _person_prompt(matte, np.asarray(components == component))
            found += [prompt] if prompt else []
    return tuple(found)


def interior_points(region: NDArray[np.bool_], count: int) -> tuple[Point, ...]:
    """Return up to `count` points far inside a region and far from each other.

    Each point is the one farthest from the region's edge and from the points before it. The image border is
    an edge. Returns fewer points, or none, if the rest of the region is only a few pixels wide.
    """
    # Padded by one pixel, so that the distance at the image border is small.
    depth = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    min_depth = max(2.0, 0.01 * min(region.shape))
    points: list[Point] = []
    rows, columns = np.ogrid[: region.shape[0], : region.shape[1]]
    for _ in range(count):
        y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
        if depth[y, x] < min_depth:
            break
        points.append(Point(float(x), float(y)))
        distance = np.hypot(columns - x, rows - y)
        depth = np.minimum(depth, distance * 0.5).astype(np.float32)
    return tuple(points)


def _person_prompt(matte: Matte, body: NDArray[np.bool_]) -> Prompt | None:
    positive = interior_points(body & (matte >= CONFIDENT_INSIDE), _POSITIVE_POINTS)
    if not positive:
        return None
    box = bounding_box(body, _BOX_MARGIN)
    outside = np.zeros_like(body)
    rows, columns = slice(int(box.top), int(box.bottom) + 1), slice(int(box.left), int(box.right) + 1)
    outside[rows, columns] = (matte <= CONFIDENT_OUTSIDE)[rows, columns]
    return Prompt(positive=positive, negative=interior_points(outside, _NEGATIVE_POINTS), box=box)


def _within_box(matte: Matte, prompt: Prompt) -> Matte:
    """Return the matte of a prompt's person: another person has another prompt."""
    if prompt.box is None:
        return matte
    inside = np.zeros_like(matte)
    left, top, right, bottom = (round(side) for side in prompt.box)
    inside[top : bottom + 1, left : right + 1] = matte[top : bottom + 1, left : right + 1]
    return inside


def _best_candidate(candidates: Sequence[MaskCandidateLike], reference: Matte) -> MaskCandidateLike:
    """Return the candidate (person, shirt, face) that the compact model's matte agrees with."""
    return max(candidates, key=lambda each: finite_score(each.iou_score) + 2 * iou(each.matte, reference))


def _not_confident(estimate: PersonEstimate) -> list[str]:
    return [] if estimate.confident else ["the compact model isn't sure whether somebody is there"]


def _missed_fraction(closer: Matte | None, matte: Matte) -> float:
    """Return what enlarged parts of the frame find beside a mask, as a fraction of the mask.

    0 without a mask: `PersonEstimate.confident` is about that case.
    """
    area = int((matte > 0.5).sum())
    if closer is None or not area:
        return 0.0
    beside = ((closer > _CERTAIN_CLOSER) & (matte <= 0.5)).astype(np.uint8)
    # Edges of the coarse matte differ by a line around the mask, which is not a person.
    width = max(3, round(_MISSED_WIDTH * max(beside.shape)) | 1)
    return int(cv2.morphologyEx(beside, cv2.MORPH_OPEN, np.ones((width, width), np.uint8)).sum()) / area


def _uncertain_fraction(matte: Matte) -> float:
    """Return the fraction of the person that is not certainly foreground; 0 without a person."""
    body = int((matte > 0.5).sum())
    return 1 - int((matte >= CERTAIN_FOREGROUND).sum()) / body if body else 0.0


def _growth(areas: tuple[float, float], previous: tuple[float, float] | None) -> list[str]:
    reasons = []
    if previous and min(*areas, *previous) > 0:
        # A person who leans forward grows in both mattes; a mask that spills onto the wall only in SAM's.
        growth = (areas[0] / previous[0]) / (areas[1] / previous[1])
        if not 1 / _MAX_GROWTH < growth < _MAX_GROWTH:
            change = "grew" if growth > 1 else "shrank"
            reasons.append(f"the person {change} {max(growth, 1 / growth):.1f} times since the frame before")
    return reasons
