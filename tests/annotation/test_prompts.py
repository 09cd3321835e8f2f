"""Prompts are parsed, grouped and validated; errors name the remedy."""

import numpy as np
import pytest

from livecam.annotation.prompts import (
    Box,
    Point,
    Prompt,
    group_prompts,
    parse_box,
    parse_point,
    validate_prompt,
)
from livecam.core.errors import UsageError
from livecam.core.geometry import Size

WIDE = Size(640, 480)


def test_a_point_is_x_then_y() -> None:
    assert parse_point("320,180.5") == Point(x=320, y=180.5)


def test_a_box_is_its_top_left_and_its_bottom_right() -> None:
    assert parse_box("40, 30,300,240") == Box(left=40, top=30, right=300, bottom=240)


@pytest.mark.parametrize("text", ["", "3", "3,4,5", "a,b", "nan,3", "3,inf", "3;4"])
def test_invalid_point_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"not x,y .* for example 320,180"):
        parse_point(text)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,nan,4", "1,2,x,4"])
def test_invalid_box_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"not x0,y0,x1,y1 .* as in 40,30,300,240"):
        parse_box(text)


@pytest.mark.parametrize("text", ["30,40,30,90", "30,40,90,40", "90,40,30,90", "30,90,90,40"])
def test_a_box_without_area_says_which_corner_comes_first(text: str) -> None:
    with pytest.raises(UsageError, match="no area; give its top left corner first"):
        parse_box(text)


@pytest.mark.parametrize(
    ("point", "part"),
    [
        (Point(640, 100), "x is 0 to 639, y 0 to 479"),
        (Point(-1, 100), "outside the image of 640x480"),
        (Point(300, 480), "y 0 to 479"),
        (Point(300, 600), "y 0 to 479, are they swapped?"),
        (Point(float("nan"), 3), "outside"),
    ],
)
@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_point_outside_the_image_is_refused(kind: str, point: Point, part: str) -> None:
    prompt = Prompt(**{"positive": (Point(1, 1),), kind: (point,)})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=part.replace("?", r"\?")):
        validate_prompt(prompt, WIDE)


def test_image_corners_are_inside() -> None:
    validate_prompt(Prompt((Point(0, 0), Point(639, 479), Point(639.5, -0.5))), WIDE)
    validate_prompt(Prompt(box=Box(0, 0, 640, 480)), WIDE)
    validate_prompt(Prompt((Point(0, 0),)), Size(1, 1))


@pytest.mark.parametrize(
    "box", [Box(-2, 0, 100, 100), Box(0, -2, 100, 100), Box(0, 0, 641, 100), Box(0, 0, 9, 481)]
)
def test_box_outside_the_image_is_refused(box: Box) -> None:
    with pytest.raises(UsageError, match="outside the image of 640x480"):
        validate_prompt(Prompt(box=box), WIDE)


def test_negative_points_alone_are_refused() -> None:
    with pytest.raises(UsageError, match="points to drop alone select nothing; add --point"):
        validate_prompt(Prompt(negative=(Point(3, 3),)), WIDE)
    validate_prompt(Prompt(negative=(Point(3, 3),), box=Box(0, 0, 9, 9)), WIDE)
    validate_prompt(Prompt(negative=(Point(3, 3),), mask=np.zeros((480, 640), np.float32)), WIDE)


def test_an_empty_prompt_says_what_to_give() -> None:
    with pytest.raises(UsageError, match="give --point x,y or --box"):
        validate_prompt(Prompt(), WIDE)


def test_mask_of_another_size_is_refused() -> None:
    with pytest.raises(UsageError, match="the rough matte is 480x640, the image 640x480"):
        validate_prompt(Prompt(mask=np.zeros((640, 480), np.float32)), WIDE)


def test_points_without_boxes_are_one_object() -> None:
    keep, drop = [Point(1, 1), Point(5, 5)], [Point(9, 9)]
    (prompt,) = group_prompts(keep, drop, [])
    assert (prompt.positive, prompt.negative, prompt.box) == (tuple(keep), tuple(drop), None)


def test_each_box_is_an_object_with_its_points() -> None:
    first, second = Box(0, 0, 10, 10), Box(20, 20, 30, 30)
    prompts = group_prompts([Point(5, 5), Point(25, 25)], [Point(2, 2)], [first, second])
    assert [prompt.box for prompt in prompts] == [first, second]
    assert [prompt.positive for prompt in prompts] == [(Point(5, 5),), (Point(25, 25),)]
    assert [prompt.negative for prompt in prompts] == [(Point(2, 2),), ()]


def test_positive_points_outside_boxes_are_one_object() -> None:
    box, inside, outside, away = Box(0, 0, 10, 10), Point(5, 5), Point(50, 50), Point(60, 60)
    boxed, loose = group_prompts([inside, outside], [away], [box])
    assert (boxed.positive, boxed.negative, boxed.box) == ((inside,), (), box)
    assert (loose.positive, loose.negative, loose.box) == ((outside,), (away,), None)


def test_group_of_negative_points_is_refused() -> None:
    (prompt,) = group_prompts([], [Point(3, 3)], [])
    with pytest.raises(UsageError, match="alone select nothing"):
        validate_prompt(prompt, WIDE)
    assert group_prompts([], [], []) == ()
