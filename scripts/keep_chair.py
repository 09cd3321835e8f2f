#!/usr/bin/env python3
"""Check that `livecam learn` keeps a chair. Needs only this checkout: the clip is made of composites.

The person of the demo sways beside a chair drawn by code, in front of five rooms; the last room is held out.
Before learning, the chair is cut out; afterwards the chair and the person should stay. All mattes come from
the live pipeline, frame after frame.

    scripts/keep_chair.py OUT [--base person] [--rooms FOLDER [--elsewhere N]] [--sam PRESET]

OUT gets the clip, its mattes, and chair.png: held-out frames, before and after. --rooms: at least five
photographs instead of drawn rooms; --elsewhere measures in N × 5 more of them. Labels are the true mattes.
With --sam they are made like those of a user: `learn --prompts FILE --person model --preset PRESET`. FILE
has, for the first frame in each room, a box around the chair and a point on its back, its seat and each arm.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from livecam.annotation.config import PersonSource
from livecam.annotation.store import AnnotationStore
from livecam.core.errors import LivecamError, UsageError
from livecam.core.fileio import json_bytes, write_atomic
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.datasets.pets import list_images, load_image
from livecam.evaluation.metrics import iou
from livecam.imaging.ops import to_gray
from livecam.models.registry import resolve_model
from livecam.personalization.comparison import draw_before_after
from livecam.personalization.journal import workspace_dir
from livecam.personalization.synthetic_rooms import draw_room
from livecam.personalization.workflow import (
    PersonalizationSettings,
    PersonalizationWorkflow,
    annotate_sources,
)
from livecam.pipeline import Pipeline
from livecam.sinks.recorder import Recorder
from livecam.sources.demo import DemoSource

SIZE, ROOMS, EACH, FPS = Size(640, 360), 5, 30, 10.0
ROOM = Size(SIZE.width + 24, SIZE.height + 24)


def draw_chair(size: Size, left: float, top: float) -> tuple[Frame, Matte]:
    """Draw an office chair from the front, the top left corner of its back at (left, top), in pixels."""
    scale = 4
    shape = (size.height * scale, size.width * scale)
    image, matte = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)

    def part(
        x: float, y: float, width: float, height: float, color: tuple[int, int, int], round_: float
    ) -> None:
        a, b = (int((left + x) * scale), int((top + y) * scale)), (int(width * scale), int(height * scale))
        radius = int(round_ * scale)
        for layer, ink in ((image, color), (matte, 255)):
            cv2.rectangle(layer, (a[0] + radius, a[1]), (a[0] + b[0] - radius, a[1] + b[1]), ink, -1)
            cv2.rectangle(layer, (a[0], a[1] + radius), (a[0] + b[0], a[1] + b[1] - radius), ink, -1)
            for cx in (a[0] + radius, a[0] + b[0] - radius):
                for cy in (a[1] + radius, a[1] + b[1] - radius):
                    cv2.circle(layer, (cx, cy), radius, ink, -1)

    part(52, 140, 16, 120, (60, 62, 66), 4)
    part(8, -2, 104, 128, (30, 74, 88), 22)
    part(20, 10, 80, 104, (38, 96, 112), 16)
    part(-8, 118, 14, 60, (44, 46, 50), 6)
    part(114, 118, 14, 60, (44, 46, 50), 6)
    part(-14, 104, 26, 16, (52, 54, 58), 7)
    part(108, 104, 26, 16, (52, 54, 58), 7)
    part(0, 166, 120, 34, (30, 74, 88), 14)
    shading = 1.15 - 0.5 * np.linspace(0, 1, shape[0], dtype=np.float32)[:, None, None]
    weave = np.random.default_rng(3).normal(0, 7, (size.height, size.width, 1)).repeat(3, axis=2)
    small = cv2.resize(np.clip(image * shading, 0, 255), tuple(size), interpolation=cv2.INTER_AREA) + weave
    alpha = cv2.resize(matte, tuple(size), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)
    return np.clip(small, 0, 255).astype(np.uint8), np.asarray(alpha, np.float32)


def make_rooms(folder: Path | None) -> list[Frame]:
    """Return five rooms, slightly larger than a frame."""
    if folder is None:
        return [draw_room(100 + number, ROOM) for number in range(ROOMS)]
    paths = list_images(folder)
    step = max(1, len(paths) // ROOMS)
    return [read_room(paths[number * step]) for number in range(ROOMS)]


def read_room(path: Path) -> Frame:
    """Read a photograph, stretched to the size of a room."""
    return cast(Frame, cv2.resize(load_image(path, 900), tuple(ROOM), interpolation=cv2.INTER_AREA))


def measure_other_rooms(base: str, tuned: str, folder: Path, fives: int) -> None:
    """Print the IoU of chair and person in random photographs: the mean, and the worst chair."""
    paths, rows = list_images(folder), []
    chosen = np.random.default_rng(5).choice(len(paths), fives * ROOMS, replace=False)
    for start in range(0, len(chosen), ROOMS):
        rooms = [read_room(paths[number]) for number in chosen[start : start + ROOMS]]
        samples = list(scenes(base, rooms))
        for first in range(0, len(samples), EACH):
            frames = samples[first : first + EACH : 3]
            rows.append([*measure(base, frames)[1:], *measure(tuned, frames)[1:]])
    chair, person, chair_after, person_after = np.mean(rows, axis=0)
    print(f"in {len(rows)} other rooms, the mean (and the worst chair):")
    print(f"chair IoU  {chair:6.2f} -> {chair_after:6.2f} % ({np.min(rows, axis=0)[2]:.2f})")
    print(f"person IoU {person:6.2f} -> {person_after:6.2f} %")


def scenes(base: str, rooms: list[Frame]) -> Iterator[tuple[Frame, Matte, Matte]]:
    """Yield frames with the mattes of the person and of the visible part of the chair."""
    demo, pipeline, rng = (
        DemoSource(SIZE),
        Pipeline.load(base),
        np.random.default_rng(9),
    )
    for number in range(ROOMS * EACH):
        room, seconds = rooms[number // EACH], number / FPS
        frame = demo.frame_at(seconds)
        pipeline.reset()
        shift = np.array([[1, 0, -70], [0, 1, 0]], np.float64)
        person = cast(Matte, cv2.warpAffine(pipeline.matte(frame, seconds), shift, tuple(SIZE)))
        frame = cast(Frame, cv2.warpAffine(frame, shift, tuple(SIZE), borderMode=cv2.BORDER_REPLICATE))
        sway = np.sin(0.7 * seconds + number // EACH) * 5
        chair, whole = draw_chair(SIZE, 452 + sway + 14 * (number // EACH % 3 - 1), 150 + 4 * np.cos(seconds))
        left, top = int(12 + 6 * np.sin(seconds)), int(12 + 5 * np.cos(1.3 * seconds))
        image: Matte = room[top : top + SIZE.height, left : left + SIZE.width].astype(np.float32)
        for layer, alpha in ((chair, whole), (frame, person)):
            image += (layer - image) * alpha[..., None]
        noisy = cv2.GaussianBlur(image, (0, 0), 0.7) + rng.normal(0, 2, image.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8), person, whole * (1 - person)
    pipeline.close()


def write(out: Path, samples: list[tuple[Frame, Matte, Matte]]) -> None:
    """Write the clip and the folder of its mattes."""
    with (
        Recorder(out / "chair.mp4", SIZE, FPS, overwrite=True) as video,
        Recorder(out / "mattes", SIZE, FPS, overwrite=True) as mattes,
    ):
        for number, (frame, person, chair) in enumerate(samples):
            video.send(frame, number / FPS)
            kept = np.rint(true_matte(person, chair) * 255).astype(np.uint8)
            mattes.send(np.repeat(kept[..., None], 3, axis=2), number / FPS)


def measure(model: str, held_out: list[tuple[Frame, Matte, Matte]]) -> tuple[list[Matte], float, float]:
    """Return the live mattes and the IoU in % of chair and person, each outside of the other."""
    pipeline, mattes, rows = Pipeline.load(model), [], []
    for number, (frame, person, chair) in enumerate(held_out):
        matte = pipeline.matte(frame, number / FPS)
        mattes.append(matte)
        mask = matte > 0.5
        rows.append((iou(mask, chair > 0.5, person < 0.5), iou(mask, person > 0.5, chair < 0.5)))
    pipeline.close()
    chair_iou, person_iou = 100 * np.mean(rows, axis=0)
    return mattes, float(chair_iou), float(person_iou)


def true_matte(person: Matte, chair: Matte) -> Matte:
    """Return the matte of person and chair together."""
    return np.asarray(np.clip(person + chair, 0, 1), np.float32)


def create_settings(args: argparse.Namespace, clip: Path, chairs: list[Matte]) -> PersonalizationSettings:
    """Create the settings: true mattes, or prompts for the chairs in the first frame of each room."""
    if args.sam is None:
        return PersonalizationSettings.from_options(
            name="chair", sources=(str(clip),), mattes=args.out / "mattes", base=args.base
        )
    prompts = args.out / "prompts.json"
    frames = {str(room * EACH): chair_prompts(chair) for room, chair in enumerate(chairs)}
    write_atomic(prompts, json_bytes({clip.name: {"frames": frames}}))
    return PersonalizationSettings.from_options(
        name="chair-sam", sources=(str(clip),), base=args.base, prompts=prompts, preset=str(args.sam),
        person=PersonSource.MODEL,
    )  # fmt: skip


def chair_prompts(chair: Matte) -> dict[str, list[list[float]]]:
    """Return the box around a drawn chair, and points on its back, seat, left and right arm."""
    rows, columns = np.nonzero(chair > 0.5)
    left, top, right, bottom = (int(side) for side in (columns.min(), rows.min(), columns.max(), rows.max()))
    middle = (left + right) // 2
    points = ((0, 60), (0, 182), (-61, 114), (61, 114))  # from the middle of the back's upper edge, in pixels
    return {"keep": [[middle + x, top + y] for x, y in points], "boxes": [[left, top, right, bottom]]}


def print_label_quality(labels: Path, samples: list[tuple[Frame, Matte, Matte]]) -> None:
    """Print the IoU of the labels with the truth, for chair and person, each outside of the other."""
    labelled = AnnotationStore(labels)
    kept = [label for label in labelled.records.values() if labelled.is_accepted(label)]
    rows = []
    for label in kept:
        path = labels / "annotations" / "mattes" / f"{label.name}.png"
        mask, (_, person, chair) = to_gray(load_image(path, max(SIZE))) > 127, samples[label.number]
        rows.append((iou(mask, chair > 0.5, person < 0.5), iou(mask, person > 0.5, chair < 0.5)))
    print(f"{len(kept)} of {len(labelled.records)} labelled frames kept")
    if rows:
        chairs, people = 100 * np.array(rows).T
        print(
            f"their chair IoU {chairs.mean():.2f} % (least {chairs.min():.2f}), person {people.mean():.2f} %"
        )
    for name, label in sorted(labelled.records.items()):
        if label.reasons:
            print(f"  {name} set aside: {'; '.join(label.reasons)}")


def main() -> int:
    """Return 0 if chair and person stay, 1 if not or after an error, 2 for wrong options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", default="person")
    parser.add_argument("--rooms", type=Path)
    parser.add_argument("--elsewhere", type=int, default=0, metavar="N")
    parser.add_argument("--sam", metavar="PRESET")
    args = parser.parse_args()
    try:
        return int(not keeps_chair(args))
    except LivecamError as error:
        print(f"keep_chair: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1


def keeps_chair(args: argparse.Namespace) -> bool:
    """Make the clip, learn, print the figures; return whether chair and person stay."""
    args.out.mkdir(parents=True, exist_ok=True)
    samples = list(scenes(args.base, make_rooms(args.rooms)))
    clip = args.out / "chair.mp4"
    if not clip.exists():
        write(args.out, samples)
    settings = create_settings(args, clip, [chair for _, _, chair in samples[::EACH]])
    try:
        learnt = PersonalizationWorkflow(
            settings, lambda text: print(text, flush=True), annotate_sources
        ).learn()
    finally:
        labels = workspace_dir(settings.name) / "labels"
        if args.sam is not None and labels.is_dir():
            print_label_quality(labels, samples)
    print(f"{learnt.figures}\n{learnt.reason or 'installed'}; it took {learnt.seconds:.0f} s")
    held_out = samples[-EACH:]
    tuned = learnt.comparison_image.parent / "model" / f"{settings.name}.tflite"
    before, chair_before, person_before = measure(args.base, held_out)
    after, chair_after, person_after = measure(str(tuned), held_out)
    rows = [
        (
            LabeledFrame(
                held_out[at][0],
                true_matte(*held_out[at][1:]),
                np.ones((SIZE.height, SIZE.width), bool),
            ),
            before[at],
            after[at],
        )
        for at in (0, EACH // 2, EACH - 1)
    ]
    draw_before_after(rows, args.out / "chair.png")
    print(f"live, {EACH} frames in a room that was not learnt (base {resolve_model(args.base).stem}):")
    print(f"chair IoU  {chair_before:6.2f} -> {chair_after:6.2f} %")
    print(f"person IoU {person_before:6.2f} -> {person_after:6.2f} %")
    if args.rooms and args.elsewhere:
        measure_other_rooms(args.base, str(tuned), args.rooms, args.elsewhere)
    return chair_after >= 80 and person_after >= person_before - 1


if __name__ == "__main__":
    sys.exit(main())
