import numpy as np

from livecam.annotation.appearance import AppearanceDescriptor
from livecam.annotation.geometry import bounding_box
from livecam.annotation.prompts import Box
from livecam.core.types import Frame, Matte
from tests.support.synthetic_people import CHAIR, chair_place, draw_scene, is_near


def chair(number: int = 0) -> tuple[Frame, Matte, Box]:
    frame = draw_scene(number)
    matte = is_near(frame, CHAIR).astype(np.float32)
    return frame, matte, bounding_box(matte > 0.5)


def test_shape_iou_is_highest_at_the_objects_position() -> None:
    descriptor = AppearanceDescriptor.of(*chair())
    _, matte, box = chair()
    assert descriptor.shape_iou(matte, box) > 0.9
    assert descriptor.shape_iou(matte, box.translated(8, 0)) < 0.7
    assert descriptor.shape_iou(matte, box.translated(80, 0)) == 0
    _, later, there = chair(5)
    assert descriptor.shape_iou(later, box.translated(chair_place(5).x - chair_place(0).x, 0)) > 0.9
    assert there != box


def test_shape_iou_is_lower_for_a_part_and_for_the_wall() -> None:
    descriptor = AppearanceDescriptor.of(*chair())
    _, matte, box = chair()
    half = matte.copy()
    half[: int(box.top + box.bottom) // 2] = 0
    assert 0.4 < descriptor.shape_iou(half, box) < 0.6
    assert descriptor.shape_iou(np.ones_like(matte), box) < 0.1
    assert descriptor.shape_iou(np.zeros_like(matte), box) == 0


def test_shape_outside_the_image_is_not_squeezed() -> None:
    descriptor = AppearanceDescriptor.of(*chair())
    _, matte, box = chair()
    away = np.zeros_like(matte)
    away[:, :-30] = matte[:, 30:]
    assert descriptor.shape_iou(away, box.translated(-30, 0)) > 0.85


def test_colors_distinguish_an_object_from_the_wall() -> None:
    frame, matte, box = chair()
    descriptor = AppearanceDescriptor.of(frame, matte, box)
    brighter = np.clip(frame.astype(int) + 25, 0, 255).astype(np.uint8)
    assert descriptor.similar_color(AppearanceDescriptor.of(brighter, matte, box))
    wall = draw_scene(0, chair=False)
    assert not descriptor.similar_color(AppearanceDescriptor.of(wall, matte, box))


def test_descriptor_survives_json() -> None:
    descriptor = AppearanceDescriptor.of(*chair())
    again = AppearanceDescriptor.from_base64(descriptor.to_base64())
    np.testing.assert_array_equal(again.cells, descriptor.cells)
    assert len(descriptor.to_base64()) < 1500


def test_object_smaller_than_the_grid_is_described() -> None:
    frame, matte = draw_scene(0), np.zeros((108, 192), np.float32)
    matte[50:53, 60:65] = 1
    box = bounding_box(matte > 0.5)
    assert AppearanceDescriptor.of(frame, matte, box).shape_iou(matte, box) == 1
