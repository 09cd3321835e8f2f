#!/usr/bin/env python3
"""Trains the small SAM of the tests: KerasHub's classes, few layers, drawn shapes.

scripts/train_drawn_sam.py [--out tests/support/drawn_sam] [--minutes 12] [--start FOLDER]

No part of this SAM has a size of its own (its attention looks at windows only), so it learns on squares of
256 pixels first, then of 512, last of the 1024 that it is used with. The best so far is saved from time to
time, and when Ctrl-C ends it.
"""

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

# With oneDNN, TensorFlow 2.21's own graph of a step frees memory that isn't its own.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import cv2
import keras
import keras_hub
import numpy as np
import tensorflow as tf

from livecam.annotation.prompts import Point, Prompt
from livecam.annotation.sam.preprocessing import SIDE, ResizeLongestSide
from livecam.core.geometry import Size
from livecam.core.types import Matte
from livecam.training.malloc import retain_freed_memory
from tests.support.synthetic_shapes import box_of, draw, iou, point_off, point_on

WIDTH = 64
# Side in pixels, share of the time, pictures a step, learning rate at its highest.
STAGES = ((256, 0.45, 4, 2e-3), (512, 0.3, 3, 1.5e-3), (SIDE, 0.25, 2, 1e-3))
POINTS, BOXES, ROUGHS = 4, 3, 1
"""Prompts of each kind for each picture."""


def build(side: int) -> Any:
    """A small SAM for squares of `side` pixels; its weights fit those of every other side."""
    cells = side // 16
    encoder = keras_hub.models.ViTDetBackbone(
        hidden_size=WIDTH,
        num_layers=3,
        intermediate_dim=2 * WIDTH,
        num_heads=2,
        global_attention_layer_indices=[],
        image_shape=(side, side, 3),
        num_output_channels=WIDTH,
        use_abs_pos=False,
        window_size=8,
    )
    prompts = keras_hub.layers.SAMPromptEncoder(
        hidden_size=WIDTH, image_embedding_size=(cells, cells), input_image_size=(side, side)
    )
    decoder = keras_hub.layers.SAMMaskDecoder(
        hidden_size=WIDTH,
        num_layers=2,
        intermediate_dim=2 * WIDTH,
        num_heads=4,
        embedding_dim=WIDTH,
        iou_head_hidden_dim=WIDTH,
    )
    backbone = keras_hub.models.SAMBackbone(
        image_encoder=encoder, prompt_encoder=prompts, mask_decoder=decoder
    )
    # As the real ones have it: pixels come as 0 to 255.
    converter = keras_hub.layers.SAMImageConverter(image_size=(side, side), scale=1 / 255)
    preprocessor = keras_hub.models.SAMImageSegmenterPreprocessor(converter)
    return keras_hub.models.SAMImageSegmenter(backbone, preprocessor)


def begin(sam: Any, rng: np.random.Generator) -> None:
    """First weights where Keras's own are too small for what they stand for: places and kinds of prompts."""
    places = sam.backbone.prompt_encoder.positional_embedding_layer.positional_encoding_gaussian_matrix
    # Slow waves say where about, quick ones where exactly.
    scales = np.geomspace(0.4, 5.0, places.shape[1])
    places.assign(rng.normal(0, 1, places.shape) * scales)
    for weights in sam.trainable_variables:
        if weights.path.endswith("embeddings"):
            weights.assign(rng.normal(0, 0.7, weights.shape))
        # All that is left of padding: were it zero, each normalization would multiply its gradient by 1000.
        if "patching" in weights.path and weights.path.endswith("bias"):
            weights.assign(rng.normal(0, 0.3, weights.shape))


class Batch(NamedTuple):
    """Pictures (B, side, side, 3); of each in turn its prompts, and the truth (N, side / 4, side / 4)."""

    images: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    points_truth: np.ndarray
    boxes: np.ndarray
    boxes_truth: np.ndarray
    roughs: np.ndarray
    roughs_truth: np.ndarray


def any_size(rng: np.random.Generator, longest: float) -> Size:
    """A picture's size, of all shapes, sometimes very long."""
    shape = math.exp(rng.uniform(-1.4, 1.4) if rng.random() < 0.2 else rng.uniform(-0.6, 0.6))
    long = longest * rng.uniform(0.35, 1.0)
    sides = (long, long / shape) if shape > 1 else (long * shape, long)
    return Size(*(max(24, round(length)) for length in sides))


def make_batch(rng: np.random.Generator, side: int, pictures: int) -> Batch:
    """Draw pictures and ask about their shapes."""
    images, asked = [], {"points": [], "boxes": [], "roughs": []}
    most = int(rng.integers(1, 4))
    while len(images) < pictures:
        drawing = draw(rng, any_size(rng, min(1.1 * side, 640)))
        if not drawing.mattes:
            continue
        canvas = ResizeLongestSide.of(Size.of(drawing.frame), side)
        images.append(canvas.apply_image(drawing.frame, np.float32(1 / 255), np.float32(0)))
        for kind, count in (("points", POINTS), ("boxes", BOXES), ("roughs", ROUGHS)):
            for _ in range(count):
                matte = drawing.mattes[int(rng.integers(len(drawing.mattes)))]
                said = ASK[kind](rng, canvas, matte, most)
                asked[kind].append((said, canvas.small(matte)))
    points, points_truth = zip(*asked["points"], strict=True)
    boxes, boxes_truth = zip(*asked["boxes"], strict=True)
    roughs, roughs_truth = zip(*asked["roughs"], strict=True)
    placed = np.array(points, np.float32)
    return Batch(
        np.array(images), placed[..., :2], placed[..., 2], np.array(points_truth),
        np.array(boxes, np.float32), np.array(boxes_truth), np.array(roughs), np.array(roughs_truth),
    )  # fmt: skip


def ask_points(
    rng: np.random.Generator, canvas: ResizeLongestSide, matte: Matte, most: int
) -> list[list[float]]:
    """`most` points, the first of them on the shape, and the padding point: rows of x, y, label."""
    rows = [[*canvas.apply_point(point_on(rng, matte)), 1.0]]
    for _ in range(most - 1):
        keep = rng.random() < 0.35
        rows.append([*canvas.apply_point((point_on if keep else point_off)(rng, matte)), float(keep)])
    return [*rows, [0.0, 0.0, -1.0]]


def ask_box(
    rng: np.random.Generator, canvas: ResizeLongestSide, matte: Matte, most: int
) -> list[list[list[float]]]:
    """A box around the shape, a little off as hands are."""
    box = box_of(matte)
    shake = rng.normal(0, 0.015, 4) * np.array([box.right - box.left, box.bottom - box.top] * 2)
    left, top, right, bottom = np.array(box) + shake
    return [[list(canvas.apply_point(corner)) for corner in (Point(left, top), Point(right, bottom))]]


def ask_rough(rng: np.random.Generator, canvas: ResizeLongestSide, matte: Matte, most: int) -> np.ndarray:
    """A blurred, badly cut matte as logits: (1, side / 4, side / 4, 1)."""
    reach = max(1, int(math.sqrt(float(matte.sum())) * rng.uniform(0.02, 0.15)))
    square = np.ones((2 * reach + 1,) * 2, np.uint8)
    rough = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(matte, square)
    rough = cv2.GaussianBlur(rough, (0, 0), max(0.5, reach / 2))
    return canvas.mask_to_logits(rough)[None, ..., None]


ASK = {"points": ask_points, "boxes": ask_box, "roughs": ask_rough}


def loss_of(logits: Any, scores: Any, truth: Any) -> tuple[Any, Any]:
    """The loss of N prompts' four masks (N, 4, m, m) and scores (N, 4), and the IoU of the first ranked."""
    truth = tf.cast(truth, tf.float32)[:, None]
    entropy = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(truth, tf.shape(logits)), logits), (2, 3)
    )
    soft = tf.sigmoid(logits)
    overlap = tf.reduce_sum(soft * truth, (2, 3))
    dice = 1 - (2 * overlap + 1) / (tf.reduce_sum(soft, (2, 3)) + tf.reduce_sum(truth, (2, 3)) + 1)
    said, true = logits > 0, truth > 0.5
    both = tf.reduce_sum(tf.cast(said & true, tf.float32), (2, 3))
    reached = both / tf.maximum(tf.reduce_sum(tf.cast(said | true, tf.float32), (2, 3)), 1)
    each = 3 * entropy + dice
    # The first mask always, of the others the best, and all a little so that none is lost.
    masks = each[:, 0] + tf.reduce_min(each[:, 1:], 1) + 0.1 * tf.reduce_mean(each, 1)
    ranking = tf.reduce_mean((scores - tf.stop_gradient(reached)) ** 2, 1)
    first = tf.gather(reached, tf.argmax(scores, 1), batch_dims=1)
    return tf.reduce_mean(masks + ranking), tf.reduce_mean(first)


def make_step(sam: Any, optimizer: Any) -> Any:
    """A training step on a batch; gives the loss and the IoU with points, boxes, rough mattes."""
    backbone, variables = sam.backbone, sam.trainable_variables

    def decode(embedding: Any, points: Any, labels: Any, boxes: Any, masks: Any) -> tuple[Any, Any]:
        times = tf.shape(points)[0] // tf.shape(embedding)[0]
        asked = backbone.prompt_encoder(points=points, labels=labels, boxes=boxes, masks=masks)
        said = backbone.mask_decoder(image_embeddings=tf.repeat(embedding, times, 0), **asked)
        return said["masks"], said["iou_pred"]

    m = backbone.image_encoder.image_shape[0] // 4
    # How many points there are changes from step to step; the graph is built once.
    shapes = [(4 * m, 4 * m, 3), (None, 2), (None,), (m, m), (1, 2, 2), (m, m), (1, m, m, 1), (m, m)]

    @tf.function(input_signature=[tf.TensorSpec((None, *shape)) for shape in shapes], autograph=False)
    def step(images, points, labels, truth, boxes, boxes_truth, roughs, roughs_truth):
        with tf.GradientTape() as tape:
            embedding = backbone.image_encoder(images, training=True)
            n = tf.shape(points)[0]
            by_points = decode(embedding, points, labels, tf.zeros((n, 0, 2, 2)), tf.zeros((n, 0, m, m, 1)))
            n = tf.shape(boxes)[0]
            by_box = decode(
                embedding, tf.zeros((n, 0, 2)), tf.zeros((n, 0)), boxes, tf.zeros((n, 0, m, m, 1))
            )
            n = tf.shape(roughs)[0]
            by_rough = decode(
                embedding, tf.zeros((n, 1, 2)), -tf.ones((n, 1)), tf.zeros((n, 0, 2, 2)), roughs
            )
            first, points_iou = loss_of(*by_points, truth)
            second, box_iou = loss_of(*by_box, boxes_truth)
            third, rough_iou = loss_of(*by_rough, roughs_truth)
            loss = 0.45 * first + 0.4 * second + 0.15 * third
        optimizer.apply(tape.gradient(loss, variables), variables)
        return tf.stack([loss, points_iou, box_iou, rough_iou])

    return step


def train_stage(
    sam: Any, rng: np.random.Generator, seconds: float, pictures: int, rate: float, keep: Callable[[], None]
) -> None:
    """Train on squares of the SAM's side for so long; the rate rises quickly and falls to zero.

    At the end the SAM has the best weights that it had; `keep` is called from time to time while it has.
    """
    side = sam.backbone.image_encoder.image_shape[0]
    optimizer = keras.optimizers.AdamW(0.0, weight_decay=1e-4, global_clipnorm=1.0)
    step, shown, began, steps = make_step(sam, optimizer), np.zeros(4), None, 0
    best, best_iou = sam.get_weights(), 0.0
    try:
        while True:
            batch = make_batch(rng, side, pictures)
            share = 0.0 if began is None else (time.process_time() - began) / seconds
            if share >= 1:
                return
            optimizer.learning_rate = rate * min(1, (steps + 1) / 100) * 0.5 * (1 + math.cos(math.pi * share))
            figures = np.array(step(*map(tf.constant, batch)))
            began = began or time.process_time()  # after the first step, which builds the graph
            if not np.isfinite(figures).all():
                raise SystemExit("the loss is no number any more; try a lower rate")
            steps += 1
            shown += (figures - shown) / min(steps, 50)
            if steps % 50 == 0:
                words = "  ".join(f"{name} {value:.3f}" for name, value in zip(NAMES, shown, strict=True))
                print(f"{side:4d} px  {share:4.0%}  step {steps:4d}  {words}", flush=True)
                if shown[1:].mean() > best_iou:
                    best, best_iou = sam.get_weights(), float(shown[1:].mean())
                    keep()
    finally:
        sam.set_weights(best)


NAMES = ("loss", "IoU by points", "by box", "by rough matte")


def ask_unseen(pictures: int, seed: int) -> Iterator[tuple[Any, Matte, dict[str, Prompt]]]:
    """Drawings that no training sees: frame, a shape's matte, and prompts for it by the kind of prompt."""
    rng = np.random.default_rng(seed)
    for _ in range(pictures):
        drawing = draw(rng, any_size(rng, 1200))
        for matte in drawing.mattes:
            on, off, box = point_on(rng, matte), point_off(rng, matte), box_of(matte)
            yield drawing.frame, matte, {
                "point": Prompt((on,)), "point and drop": Prompt((on,), (off,)),
                "box": Prompt(box=box), "box and point": Prompt((on,), box=box),
            }  # fmt: skip


def judge(folder: Path, pictures: int) -> None:
    """Say how well the saved SAM does on unseen drawings, by the way that livecam itself goes."""
    from livecam.annotation.sam.predictor import SamPredictor

    sam, found, last, seen = SamPredictor.load(str(folder)), {}, None, None
    for frame, matte, prompts in ask_unseen(pictures, seed=987654321):
        if frame is not last:
            last, seen = frame, sam.embed(frame)
        for kind, prompt in prompts.items():
            found.setdefault(kind, []).append(iou(seen.predict(prompt)[0].matte, matte))
    for kind, ious in found.items():
        good = np.mean(np.array(ious) >= 0.8)
        print(f"{kind}: mean IoU {np.mean(ious):.3f}, at least 0.8 in {good:.1%} of {len(ious)} prompts")


def main() -> None:
    """Train, save, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TOP / "tests/support/drawn_sam")
    parser.add_argument("--minutes", type=float, default=12, help="of all processors' time (12)")
    parser.add_argument("--start", type=Path, help="go on from a folder saved before")
    parser.add_argument("--sides", type=int, nargs="+", default=[side for side, *_ in STAGES])
    parser.add_argument("--judge", type=int, metavar="PICTURES", default=60)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell's & has turned Ctrl-C off
        signal.signal(number, signal.default_int_handler)
    retain_freed_memory()
    rng = np.random.default_rng(said.seed)
    keras.utils.set_random_seed(said.seed)
    final = build(SIDE)
    begin(final, rng)
    if said.start:
        final.backbone.load_weights(said.start / "model.weights.h5")
    stages = [stage for stage in STAGES if stage[0] in said.sides]
    whole = sum(stage[1] for stage in stages)
    try:
        for side, share, pictures, rate in stages:
            sam = final if side == SIDE else build(side)
            sam.backbone.set_weights(final.backbone.get_weights())

            def keep(sam: Any = sam) -> None:
                final.backbone.set_weights(sam.backbone.get_weights())
                final.save_to_preset(str(said.out))

            try:
                train_stage(sam, rng, 60 * said.minutes * share / whole, pictures, rate, keep)
            finally:
                keep()
    except KeyboardInterrupt:
        print("interrupted; what was learnt is kept")
    if said.judge:
        judge(said.out, said.judge)


if __name__ == "__main__":
    main()
