#!/usr/bin/env python3
"""Train the small SAM of the tests: KerasHub's classes, few layers, synthetic shapes.

scripts/train_drawn_sam.py [--out tests/support/drawn_sam] [--minutes 12] [--start FOLDER]

No layer of this SAM depends on the image size (its attention covers windows only), so the training starts
with squares of 256 pixels, then 512, then the 1024 of the finished model. The best weights so far are saved
now and then, and on Ctrl-C.
"""

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

# With oneDNN, TensorFlow 2.21's graph of a step frees memory that it does not own.
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
# Side in pixels, fraction of the time, images per step, peak learning rate.
STAGES = ((256, 0.45, 4, 2e-3), (512, 0.3, 3, 1.5e-3), (SIDE, 0.25, 2, 1e-3))
POINTS, BOXES, MASKS = 4, 3, 1
"""Prompts of each kind per image."""


def build(side: int) -> Any:
    """Build a small SAM for squares of `side` pixels. Its weights fit every other side."""
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
    # As in the published SAM presets: pixels are given as 0 to 255.
    converter = keras_hub.layers.SAMImageConverter(image_size=(side, side), scale=1 / 255)
    preprocessor = keras_hub.models.SAMImageSegmenterPreprocessor(converter)
    return keras_hub.models.SAMImageSegmenter(backbone, preprocessor)


def initialize(sam: Any, rng: np.random.Generator) -> None:
    """Initialise position and prompt-type embeddings, for which Keras' own values are too small."""
    positions = sam.backbone.prompt_encoder.positional_embedding_layer.positional_encoding_gaussian_matrix
    # Low frequencies encode the rough position, high ones the exact position.
    scales = np.geomspace(0.4, 5.0, positions.shape[1])
    positions.assign(rng.normal(0, 1, positions.shape) * scales)
    for weights in sam.trainable_variables:
        if weights.path.endswith("embeddings"):
            weights.assign(rng.normal(0, 0.7, weights.shape))
        # Padding contributes the bias only: at zero, each normalisation would scale its gradient by 1000.
        if "patching" in weights.path and weights.path.endswith("bias"):
            weights.assign(rng.normal(0, 0.3, weights.shape))


class Batch(NamedTuple):
    """Images (B, side, side, 3), then for each image its prompts and true masks (N, side / 4, side / 4)."""

    images: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    points_truth: np.ndarray
    boxes: np.ndarray
    boxes_truth: np.ndarray
    masks: np.ndarray
    masks_truth: np.ndarray


def sample_size(rng: np.random.Generator, longest: float) -> Size:
    """Sample an image size of any aspect ratio, sometimes an extreme one."""
    shape = math.exp(rng.uniform(-1.4, 1.4) if rng.random() < 0.2 else rng.uniform(-0.6, 0.6))
    long = longest * rng.uniform(0.35, 1.0)
    sides = (long, long / shape) if shape > 1 else (long * shape, long)
    return Size(*(max(24, round(length)) for length in sides))


def make_batch(rng: np.random.Generator, side: int, batch_size: int) -> Batch:
    """Draw `batch_size` images and sample prompts for their shapes."""
    images: list[np.ndarray] = []
    # Rows of a prompt and the true mask at a quarter of the side, by the kind of prompt.
    prompts: dict[str, list[tuple[Any, Matte]]] = {"points": [], "boxes": [], "masks": []}
    max_points = int(rng.integers(1, 4))
    while len(images) < batch_size:
        drawing = draw(rng, sample_size(rng, min(1.1 * side, 640)))
        if not drawing.mattes:
            continue
        resizing = ResizeLongestSide.of(Size.of(drawing.frame), side)
        images.append(resizing.apply_image(drawing.frame, np.float32(1 / 255), np.float32(0)))
        for kind, count in (("points", POINTS), ("boxes", BOXES), ("masks", MASKS)):
            for _ in range(count):
                matte = drawing.mattes[int(rng.integers(len(drawing.mattes)))]
                prompt = SAMPLERS[kind](rng, resizing, matte, max_points)
                prompts[kind].append((prompt, resizing.downscale(matte)))
    points, points_truth = zip(*prompts["points"], strict=True)
    boxes, boxes_truth = zip(*prompts["boxes"], strict=True)
    masks, masks_truth = zip(*prompts["masks"], strict=True)
    placed = np.array(points, np.float32)
    return Batch(
        np.array(images), placed[..., :2], placed[..., 2], np.array(points_truth),
        np.array(boxes, np.float32), np.array(boxes_truth), np.array(masks), np.array(masks_truth),
    )  # fmt: skip


def sample_points(
    rng: np.random.Generator, resizing: ResizeLongestSide, matte: Matte, max_points: int
) -> list[list[float]]:
    """Sample `max_points` points, the first on the shape, and the padding point: rows of x, y, label."""
    rows = [[*resizing.apply_point(point_on(rng, matte)), 1.0]]
    for _ in range(max_points - 1):
        positive = rng.random() < 0.35
        point = (point_on if positive else point_off)(rng, matte)
        rows.append([*resizing.apply_point(point), float(positive)])
    return [*rows, [0.0, 0.0, -1.0]]


def sample_box(
    rng: np.random.Generator, resizing: ResizeLongestSide, matte: Matte, max_points: int
) -> list[list[list[float]]]:
    """Return the shape's bounding box with a small random error, as a person draws it."""
    box = box_of(matte)
    shake = rng.normal(0, 0.015, 4) * np.array([box.right - box.left, box.bottom - box.top] * 2)
    left, top, right, bottom = np.array(box) + shake
    return [[list(resizing.apply_point(corner)) for corner in (Point(left, top), Point(right, bottom))]]


def sample_mask(
    rng: np.random.Generator, resizing: ResizeLongestSide, matte: Matte, max_points: int
) -> np.ndarray:
    """Blur, dilate or erode a matte and return it as logits, (1, side / 4, side / 4, 1)."""
    reach = max(1, int(math.sqrt(float(matte.sum())) * rng.uniform(0.02, 0.15)))
    square = np.ones((2 * reach + 1,) * 2, np.uint8)
    changed = (cv2.dilate if rng.random() < 0.5 else cv2.erode)(matte, square)
    blurred = cast(Matte, cv2.GaussianBlur(changed, (0, 0), max(0.5, reach / 2)))
    return resizing.mask_to_logits(blurred)[None, ..., None]


SAMPLERS = {"points": sample_points, "boxes": sample_box, "masks": sample_mask}


def loss_of(logits: Any, scores: Any, truth: Any) -> tuple[Any, Any]:
    """Return the loss of N prompts' four masks (N, 4, m, m) and scores (N, 4), and the top mask's IoU."""
    truth = tf.cast(truth, tf.float32)[:, None]
    entropy = tf.reduce_mean(
        tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(truth, tf.shape(logits)), logits), (2, 3)
    )
    soft = tf.sigmoid(logits)
    overlap = tf.reduce_sum(soft * truth, (2, 3))
    dice = 1 - (2 * overlap + 1) / (tf.reduce_sum(soft, (2, 3)) + tf.reduce_sum(truth, (2, 3)) + 1)
    predicted, true = logits > 0, truth > 0.5
    intersection = tf.reduce_sum(tf.cast(predicted & true, tf.float32), (2, 3))
    ious = intersection / tf.maximum(tf.reduce_sum(tf.cast(predicted | true, tf.float32), (2, 3)), 1)
    each = 3 * entropy + dice
    # The first mask, the best of the others, and a tenth of the mean so that no mask stops learning.
    masks = each[:, 0] + tf.reduce_min(each[:, 1:], 1) + 0.1 * tf.reduce_mean(each, 1)
    ranking = tf.reduce_mean((scores - tf.stop_gradient(ious)) ** 2, 1)
    first = tf.gather(ious, tf.argmax(scores, 1), batch_dims=1)
    return tf.reduce_mean(masks + ranking), tf.reduce_mean(first)


def make_step(sam: Any, optimizer: Any) -> Any:
    """Build a training step on a batch. It returns the loss and the IoU by points, boxes and masks."""
    backbone, variables = sam.backbone, sam.trainable_variables

    def decode(embedding: Any, points: Any, labels: Any, boxes: Any, masks: Any) -> tuple[Any, Any]:
        times = tf.shape(points)[0] // tf.shape(embedding)[0]
        encoded = backbone.prompt_encoder(points=points, labels=labels, boxes=boxes, masks=masks)
        outputs = backbone.mask_decoder(image_embeddings=tf.repeat(embedding, times, 0), **encoded)
        return outputs["masks"], outputs["iou_pred"]

    m = backbone.image_encoder.image_shape[0] // 4
    # The number of points differs from step to step, but the graph is built once.
    shapes = [(4 * m, 4 * m, 3), (None, 2), (None,), (m, m), (1, 2, 2), (m, m), (1, m, m, 1), (m, m)]

    def step(
        images: Any, points: Any, labels: Any, truth: Any, boxes: Any, boxes_truth: Any, masks: Any,
        masks_truth: Any,
    ) -> Any:  # fmt: skip
        with tf.GradientTape() as tape:
            embedding = backbone.image_encoder(images, training=True)
            n = tf.shape(points)[0]
            by_points = decode(embedding, points, labels, tf.zeros((n, 0, 2, 2)), tf.zeros((n, 0, m, m, 1)))
            n = tf.shape(boxes)[0]
            by_box = decode(
                embedding, tf.zeros((n, 0, 2)), tf.zeros((n, 0)), boxes, tf.zeros((n, 0, m, m, 1))
            )
            n = tf.shape(masks)[0]
            by_mask = decode(embedding, tf.zeros((n, 1, 2)), -tf.ones((n, 1)), tf.zeros((n, 0, 2, 2)), masks)
            first, points_iou = loss_of(*by_points, truth)
            second, box_iou = loss_of(*by_box, boxes_truth)
            third, mask_iou = loss_of(*by_mask, masks_truth)
            loss = 0.45 * first + 0.4 * second + 0.15 * third
        optimizer.apply(tape.gradient(loss, variables), variables)
        return tf.stack([loss, points_iou, box_iou, mask_iou])

    signature = [tf.TensorSpec((None, *shape)) for shape in shapes]
    return tf.function(step, input_signature=signature, autograph=False)


def train_stage(
    sam: Any, rng: np.random.Generator, seconds: float, batch_size: int, rate: float, save: Callable[[], None]
) -> None:
    """Train on squares of the SAM's side for `seconds` of processor time, with warm-up and cosine decay.

    Ends with the best weights so far; `save` is called each time they improve.
    """
    side = sam.backbone.image_encoder.image_shape[0]
    optimizer = keras.optimizers.AdamW(0.0, weight_decay=1e-4, global_clipnorm=1.0)
    step, means, start, steps = make_step(sam, optimizer), np.zeros(4), None, 0
    best, best_iou = sam.get_weights(), 0.0
    try:
        while True:
            batch = make_batch(rng, side, batch_size)
            progress = 0.0 if start is None else (time.process_time() - start) / seconds
            if progress >= 1:
                return
            decay = 0.5 * (1 + math.cos(math.pi * progress))
            optimizer.learning_rate = rate * min(1, (steps + 1) / 100) * decay
            figures = np.array(step(*map(tf.constant, batch)))
            start = start or time.process_time()  # after the first step, which builds the graph
            if not np.isfinite(figures).all():
                raise SystemExit("the loss is not a finite number; try a lower learning rate")
            steps += 1
            means += (figures - means) / min(steps, 50)
            if steps % 50 == 0:
                text = "  ".join(f"{name} {value:.3f}" for name, value in zip(NAMES, means, strict=True))
                print(f"{side:4d} px  {progress:4.0%}  step {steps:4d}  {text}", flush=True)
                if means[1:].mean() > best_iou:
                    best, best_iou = sam.get_weights(), float(means[1:].mean())
                    save()
    finally:
        sam.set_weights(best)


NAMES = ("loss", "IoU by points", "by box", "by mask")


def unseen_prompts(images: int, seed: int) -> Iterator[tuple[Any, Matte, dict[str, Prompt]]]:
    """Yield drawings outside the training: frame, a shape's matte, and its prompts by their kind."""
    rng = np.random.default_rng(seed)
    for _ in range(images):
        drawing = draw(rng, sample_size(rng, 1200))
        for matte in drawing.mattes:
            on, off, box = point_on(rng, matte), point_off(rng, matte), box_of(matte)
            yield drawing.frame, matte, {
                "point": Prompt((on,)), "point and drop": Prompt((on,), (off,)),
                "box": Prompt(box=box), "box and point": Prompt((on,), box=box),
            }  # fmt: skip


def evaluate(folder: Path, images: int) -> None:
    """Print the IoU of the saved SAM on unseen drawings, through livecam's own predictor."""
    from livecam.annotation.sam.predictor import SamPredictor

    sam, last_frame = SamPredictor.load(str(folder)), None
    results: dict[str, list[float]] = {}
    for frame, matte, prompts in unseen_prompts(images, seed=987654321):
        if last_frame is None or frame is not last_frame:
            last_frame, embedding = frame, sam.embed(frame)
        for kind, prompt in prompts.items():
            results.setdefault(kind, []).append(iou(embedding.predict(prompt)[0].matte, matte))
    for kind, ious in results.items():
        good = np.mean(np.array(ious) >= 0.8)
        print(f"{kind}: mean IoU {np.mean(ious):.3f}, at least 0.8 in {good:.1%} of {len(ious)} prompts")


def main() -> None:
    """Train, save and evaluate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TOP / "tests/support/drawn_sam")
    parser.add_argument("--minutes", type=float, default=12, help="of all processors' time (12)")
    parser.add_argument("--start", type=Path, help="continue from a saved folder")
    parser.add_argument("--sides", type=int, nargs="+", default=[side for side, *_ in STAGES])
    parser.add_argument("--judge", type=int, metavar="PICTURES", default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell's & has turned Ctrl-C off
        signal.signal(number, signal.default_int_handler)
    retain_freed_memory()
    rng = np.random.default_rng(args.seed)
    keras.utils.set_random_seed(args.seed)
    final = build(SIDE)
    initialize(final, rng)
    if args.start:
        final.backbone.load_weights(args.start / "model.weights.h5")
    stages = [stage for stage in STAGES if stage[0] in args.sides]
    total = sum(stage[1] for stage in stages)
    try:
        for side, fraction, batch_size, rate in stages:
            sam = final if side == SIDE else build(side)
            sam.backbone.set_weights(final.backbone.get_weights())

            def save(sam: Any = sam) -> None:
                final.backbone.set_weights(sam.backbone.get_weights())
                final.save_to_preset(str(args.out))

            try:
                train_stage(sam, rng, 60 * args.minutes * fraction / total, batch_size, rate, save)
            finally:
                save()
    except KeyboardInterrupt:
        print("interrupted; the weights so far are saved")
    if args.judge:
        evaluate(args.out, args.judge)


if __name__ == "__main__":
    main()
