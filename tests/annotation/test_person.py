from dataclasses import replace

import numpy as np
import pytest

from livecam.annotation.geometry import bounding_box
from livecam.annotation.person import (
    PersonAnnotation,
    PersonEstimate,
    PersonMeasures,
    ReviewRules,
    estimate_person,
    interior_points,
    iou,
    low_score_reasons,
    person_from_model,
    prompts_from_matte,
    segment_person,
    union,
)
from livecam.annotation.prompts import Point, Prompt
from livecam.backgrounds.static import TransparentBackground
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale_matte
from livecam.matting.crop_tracker import CropSettings, CropTracker
from livecam.matting.guided_filter import GuidedFilterUpsampler
from livecam.matting.temporal_filter import AdaptiveTemporalFilter
from livecam.pipeline import Pipeline
from tests.support.fakes import PERSON
from tests.support.synthetic_people import FakeCandidate, FakeSam, GreenModel, draw_scene, is_near, low_scores


def drawn(
    frame: Frame, sam: FakeSam, before: tuple[float, float] | None = None, drops: int = 0
) -> PersonAnnotation:
    points = tuple(Point(3.0 + n, 3.0) for n in range(drops))
    return segment_person(estimate_person(GreenModel(), frame), sam.embed(frame), points, before)


def test_segment_person_agrees_with_the_model() -> None:
    frame = draw_scene(2)
    annotation = drawn(frame, FakeSam())
    assert iou(annotation.matte, is_near(frame, PERSON).astype(np.float32)) > 0.95
    assert annotation.agreement is not None
    assert annotation.agreement > 0.9
    assert annotation.reasons == ()
    assert low_score_reasons(annotation.candidates) == []


def test_segment_person_takes_the_candidate_near_the_model() -> None:
    def shirt_first(number: int, prompt: Prompt, answers: list[FakeCandidate]) -> list[FakeCandidate]:
        return [replace(answers[1], iou_score=0.99), answers[0]]

    (answer,) = drawn(draw_scene(2), FakeSam(shirt_first)).candidates
    assert answer.index == 0


def test_low_agreement_gives_a_reason() -> None:
    def all_of_it(number: int, prompt: Prompt, answers: list[FakeCandidate]) -> list[FakeCandidate]:
        return [answers[2]]

    (reason,) = drawn(draw_scene(2), FakeSam(all_of_it)).reasons
    assert "agree on" in reason


def test_mask_that_grows_alone_gives_a_reason() -> None:
    frame = draw_scene(2)
    sam, model = drawn(frame, FakeSam()).areas
    assert drawn(frame, FakeSam(), (sam * 0.5, model * 0.5)).reasons == ()
    (reason,) = drawn(frame, FakeSam(), (sam * 0.5, model)).reasons
    assert "grew 2.0 times" in reason
    (reason,) = drawn(frame, FakeSam(), (sam * 2, model)).reasons
    assert "shrank 2.0 times" in reason


def test_matte_of_the_model_is_a_prompt_for_its_own_person_only() -> None:
    sam, frame = FakeSam(), draw_scene(2)
    estimate = estimate_person(GreenModel(), frame)
    other = np.zeros_like(estimate.matte)
    other[:20, :20] = 1
    both = estimate._replace(matte=np.maximum(estimate.matte, other))
    segment_person(both, sam.embed(frame), (), None)
    first, second = sam.prompts
    assert first.mask is not None
    assert second.mask is None
    # Only the blur at the box's border is cut.
    np.testing.assert_allclose(first.mask, estimate.matte, atol=0.1)
    assert (first.positive, first.box) == (second.positive, second.box)


def test_mask_that_depends_on_the_model_gives_a_reason() -> None:
    """SAM follows the matte of the model, but draws something else without it."""

    def obedient(number: int, prompt: Prompt, answers: list[FakeCandidate]) -> list[FakeCandidate]:
        return [answers[0] if prompt.mask is not None else answers[1]]

    (reason,) = drawn(draw_scene(2), FakeSam(obedient)).reasons
    assert "the same without the compact model" in reason


class NearSightedModel(GreenModel):
    """Finds what is near in every frame, and a second person only in parts of a frame."""

    def __init__(self, whole: Size, near: bool = True) -> None:
        super().__init__()
        self._whole, self._near = whole, near

    def predict(self, frame: Frame) -> Matte:
        matte = super().predict(frame) if self._near else np.zeros(frame.shape[:2], np.float32)
        if Size.of(frame) != self._whole:
            matte = matte.copy()
            matte[-20:, -20:] = 1
        return matte


def test_person_that_a_closer_look_finds_gives_a_reason() -> None:
    frame = draw_scene(2)
    estimate = estimate_person(NearSightedModel(Size.of(frame)), frame)
    assert iou(estimate.matte, is_near(frame, PERSON).astype(np.float32)) > 0.9
    (reason,) = segment_person(estimate, FakeSam().embed(frame), (), None).reasons
    assert reason.startswith("a closer look finds ")


def test_room_where_only_a_closer_look_finds_somebody_is_not_confident() -> None:
    frame = draw_scene(0, person=False)
    person = estimate_person(NearSightedModel(Size.of(frame), near=False), frame)
    assert (person.prompts, person.confident) == ((), False)


@pytest.mark.parametrize(
    ("measure", "value", "part"),
    [
        ("agreement", 0.5, "agree on 50% of the person only"),
        ("second_opinion", 0.5, "SAM draws 50% of the person the same"),
        ("uncertainty", 0.5, "in doubt about 50% of the person"),
        ("missed", 0.5, "finds 50% more of people"),
    ],
)
def test_each_review_rule_gives_its_reason(measure: str, value: float, part: str) -> None:
    fine = PersonMeasures(agreement=0.98, second_opinion=0.97, uncertainty=0.05, missed=0.0)
    rules = ReviewRules()
    assert rules.reasons(fine) == []
    (reason,) = rules.reasons(fine._replace(**{measure: value}))
    assert part in reason


def test_vague_matte_of_the_model_gives_a_reason() -> None:
    frame = draw_scene(2)
    body = is_near(frame, PERSON).astype(np.float32)
    vague = body.copy()
    rows = np.flatnonzero(body.any(1))
    vague[rows[0] : rows[len(rows) // 2]] *= 0.7
    for matte, count in ((body, 0), (vague, 1)):
        estimate = PersonEstimate(matte, prompts_from_matte(body), confident=True)
        reasons = segment_person(estimate, FakeSam().embed(frame), (), None).reasons
        assert len([reason for reason in reasons if "in doubt about" in reason]) == count


@pytest.mark.parametrize(("score", "count"), [(0.5, 1), (float("nan"), 1), (0.99, 0)])
def test_low_and_nan_scores_give_reasons(score: float, count: int) -> None:
    annotation = drawn(draw_scene(2), FakeSam(low_scores(score)))
    assert len(low_score_reasons(annotation.candidates)) == count


def test_no_person_gives_an_empty_matte_without_reasons() -> None:
    annotation = drawn(draw_scene(0, person=False), FakeSam())
    assert annotation.matte.shape == (108, 192)
    assert not annotation.matte.any()
    assert (annotation.reasons, annotation.agreement, annotation.areas) == ((), None, (0.0, 0.0))


def test_person_from_model_equals_the_first_live_frame_without_a_crop() -> None:
    frame, soft = draw_scene(2), GreenModel(lambda frame: small(is_near(frame, PERSON)))
    annotation = person_from_model(estimate_person(soft, frame))
    pipeline = Pipeline(soft, AdaptiveTemporalFilter(), GuidedFilterUpsampler(), TransparentBackground())
    pipeline._crop_tracker = CropTracker(CropSettings(max_area=0.0))
    np.testing.assert_array_equal(annotation.matte, pipeline.matte(frame))
    assert iou(annotation.matte, is_near(frame, PERSON).astype(np.float32)) > 0.9
    assert (annotation.candidates, annotation.prompts, annotation.agreement, annotation.reasons) == (
        (),
        (),
        None,
        (),
    )
    assert annotation.areas[0] == annotation.areas[1] > 0


def small(body: np.ndarray) -> Matte:  # type: ignore[type-arg]
    return downscale_matte(body.astype(np.float32), Size(96, 54))


def test_uncertain_model_matte_gives_a_reason() -> None:
    frame = draw_scene(2)
    for certainty, reasons in ((1.0, ()), (0.6, ("the compact model is in doubt about 100% of the person",))):
        body = is_near(frame, PERSON).astype(np.float32) * np.float32(certainty)
        assert person_from_model(PersonEstimate(body, (), confident=True)).reasons == reasons
    empty = np.zeros((108, 192), np.float32)
    assert person_from_model(PersonEstimate(empty, (), confident=True)).reasons == ()
    assert "isn't sure" in person_from_model(PersonEstimate(empty, (), confident=False)).reasons[0]


def test_negative_points_reach_sam() -> None:
    sam = FakeSam()
    drawn(draw_scene(2), sam, drops=2)
    assert {Point(3, 3), Point(4, 3)} <= set(sam.prompts[0].negative)


def test_union_takes_the_maximum() -> None:
    a, b = np.zeros((2, 2), np.float32), np.array([[0.2, 0.7], [0, 1]], np.float32)
    np.testing.assert_array_equal(union([a, b], (2, 2)), b)
    assert not a.any()
    assert iou(a, a) == 1.0


def test_prompts_from_matte_match_the_person() -> None:
    frame = draw_scene(0)
    person = estimate_person(GreenModel(), frame)
    (prompt,) = person.prompts
    true = is_near(frame, PERSON)
    assert len(prompt.positive) >= 2
    assert all(true[int(p.y), int(p.x)] for p in prompt.positive)
    assert not any(true[int(p.y), int(p.x)] for p in prompt.negative)
    rows, columns = np.nonzero(true)
    assert prompt.box is not None
    assert prompt.box.left <= columns.min() <= columns.max() <= prompt.box.right
    assert prompt.box.top <= rows.min() <= rows.max() <= prompt.box.bottom
    assert person.confident


def test_two_people_give_two_prompts_larger_first() -> None:
    matte = np.zeros((100, 200), np.float32)
    matte[30:90, 20:50] = 1
    matte[20:95, 100:180] = 1
    first, second = prompts_from_matte(matte)
    assert first.positive[0].x > 99
    assert second.positive[0].x < 51


def test_empty_room_is_confident() -> None:
    person = estimate_person(GreenModel(), draw_scene(0, person=False))
    assert (person.prompts, person.confident) == ((), True)


def test_faint_person_is_not_confident() -> None:
    def faint(frame: np.ndarray) -> Matte:  # type: ignore[type-arg]
        return is_near(frame, PERSON).astype(np.float32) * np.float32(0.7)

    person = estimate_person(GreenModel(faint), draw_scene(0))
    assert (person.prompts, person.confident) == ((), False)


def test_interior_points_are_deep_and_far_apart() -> None:
    area = np.zeros((60, 120), bool)
    area[10:50, 10:110] = True
    points = interior_points(area, 3)
    assert len(points) == 3
    assert all(25 <= p.y <= 34 for p in points[:1])
    gaps = [abs(a.x - b.x) + abs(a.y - b.y) for i, a in enumerate(points) for b in points[:i]]
    assert min(gaps) > 15


def test_thin_line_has_no_interior_points() -> None:
    area = np.zeros((60, 120), bool)
    area[30] = True
    assert interior_points(area, 3) == ()


def test_bounding_box_stays_inside_the_image() -> None:
    area = np.zeros((60, 120), bool)
    area[0:60, 100:120] = True
    assert bounding_box(area, 0.5) == (90, 0, 119, 59)
