#!/usr/bin/env python3
"""Train the small SAM 3 of the tests: KerasHub's classes, few layers; words are the colors of drawn shapes.

scripts/train_drawn_sam3.py [--out tests/support/drawn_sam3] [--minutes 10] [--start FOLDER]

Each drawing has two to four shapes in three colors. The word is a color, and all shapes of that color are its
instances, also none. Queries are matched to instances as in DETR (Carion et al., ECCV 2020). At the end the
share of unseen drawings in which a word finds its instances and nothing else is printed.
"""

import argparse
import itertools
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

# With oneDNN, TensorFlow 2.21's graph of a step frees memory that it does not own.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import tensorflow as tf

from livecam.core.geometry import Size
from tests.support.colored_shapes import WORDS, ColoredDrawing, draw_colored
from tests.support.small_sam3 import QUERIES, SIDE, build

BATCH, RATE = 16, 2e-3
MASK = SIDE // 14 * 4
"""Side of the masks that the network returns, in pixels."""


class Batch(NamedTuple):
    """Images (B, side, side, 3), tokens and their mask (B, N), and for each query the truth.

    `boxes` (B, Q, 4) are in 0 to 1, `masks` (B, Q, m, m); `exists` (B, Q) is 0 for the queries that are left.
    `given_boxes` and `given_labels` are box prompts: none.
    """

    images: np.ndarray
    tokens: np.ndarray
    padding: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray
    exists: np.ndarray
    given_boxes: np.ndarray
    given_labels: np.ndarray


def make_batch(task: Any, rng: np.random.Generator, count: int) -> Batch:
    """Draw `count` images, and choose a word for each."""
    images, texts = [], []
    boxes, masks = (
        np.zeros((count, QUERIES, 4), np.float32),
        np.zeros((count, QUERIES, MASK, MASK), np.float32),
    )
    boxes[..., 2:] = 1
    exists = np.zeros((count, QUERIES), np.float32)
    for row in range(count):
        drawing = draw_colored(rng, Size(SIDE, SIDE))
        word = WORDS[int(rng.integers(len(WORDS)))]
        images.append(drawing.frame.astype(np.float32))
        texts.append(word)
        for query, matte in enumerate(drawing.instances(word)):
            boxes[row, query], exists[row, query] = unit_box(matte), 1
            masks[row, query] = keras.ops.image.resize(matte[..., None], (MASK, MASK), antialias=True)[..., 0]
    inputs = task.preprocessor({"images": np.array(images), "prompts": texts})
    return Batch(
        np.array(inputs["pixel_values"]), np.array(inputs["token_ids"]),
        np.array(inputs["padding_mask"], np.int32), boxes, masks, exists,
        np.zeros((count, 0, 5), np.float32), np.zeros((count, 0), np.int32),
    )  # fmt: skip


def unit_box(matte: np.ndarray) -> list[float]:
    """Return the box around a matte, in 0 to 1."""
    rows, columns = np.flatnonzero((matte > 0.5).any(1)), np.flatnonzero((matte > 0.5).any(0))
    height, width = matte.shape
    return [columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height]


def box_cost(predicted: Any, true: Any) -> Any:
    """Return L1 distance plus 1 - generalized IoU of boxes (..., 4)."""
    overlap = tf.maximum(
        tf.minimum(predicted[..., 2:], true[..., 2:]) - tf.maximum(predicted[..., :2], true[..., :2]), 0
    )
    whole = tf.maximum(predicted[..., 2:], true[..., 2:]) - tf.minimum(predicted[..., :2], true[..., :2])
    area = [tf.reduce_prod(tf.maximum(box[..., 2:] - box[..., :2], 0), -1) for box in (predicted, true)]
    shared, hull = tf.reduce_prod(overlap, -1), tf.reduce_prod(whole, -1)
    united = area[0] + area[1] - shared
    generalized = shared / (united + 1e-6) - (hull - united) / (hull + 1e-6)
    return 2.5 * tf.reduce_mean(tf.abs(predicted - true), -1) + 1 - generalized


def mask_cost(logits: Any, true: Any) -> Any:
    """Return cross-entropy plus dice loss of masks (..., m, m)."""
    entropy = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(true, logits), (-2, -1))
    soft = tf.sigmoid(logits)
    shared = tf.reduce_sum(soft * true, (-2, -1))
    return 2 * entropy + 1 - (2 * shared + 1) / (tf.reduce_sum(soft + true, (-2, -1)) + 1)


def loss_of(output: Any, boxes: Any, masks: Any, exists: Any) -> Any:
    """Return the loss with the cheapest assignment of queries to instances."""
    logits, found = output["pred_logits"], output["pred_boxes"]
    drawn = tf.transpose(output["pred_masks"], (0, 3, 1, 2))
    costs = []
    for order in itertools.permutations(range(QUERIES)):
        true = [tf.gather(part, order, axis=1) for part in (boxes, masks, exists)]
        here = true[2] * (box_cost(found, true[0]) + mask_cost(drawn, true[1]))
        score = tf.nn.sigmoid_cross_entropy_with_logits(true[2], logits)
        costs.append(tf.reduce_sum(here + score, 1))
    present = tf.reduce_max(exists, 1)
    presence = tf.nn.sigmoid_cross_entropy_with_logits(present, tf.reshape(output["presence_logits"], (-1,)))
    union = tf.reduce_max(masks, 1)
    return tf.reduce_mean(
        tf.reduce_min(tf.stack(costs), 0) + presence + mask_cost(output["semantic_segs"][..., 0], union)
    )


def allow_batches(backbone: Any) -> None:
    """Let the geometry encoder's layers take several images.

    KerasHub 0.32 gives them the mask (B, N) where the attention needs (B, 1, 1, N). For one image it is the
    same: the network itself does not change.
    """
    for layer in backbone.geometry_encoder.layers:

        def call(
            prompts: Any, features: Any, positions: Any, mask: Any, _call: Any = layer.call, **options: Any
        ) -> Any:
            return _call(prompts, features, positions, mask[:, None, None, :], **options)

        layer.call = call


def make_step(task: Any, optimizer: Any) -> Any:
    """Build a training step on a batch; it returns the loss."""
    backbone, variables = task.backbone, task.backbone.trainable_variables

    def step(
        images: Any, tokens: Any, padding: Any, boxes: Any, masks: Any, exists: Any, given: Any, labels: Any
    ) -> Any:
        inputs = {
            "pixel_values": images, "token_ids": tokens, "padding_mask": padding,
            "boxes": given, "box_labels": labels,
        }  # fmt: skip
        with tf.GradientTape() as tape:
            loss = loss_of(backbone(inputs, training=True), boxes, masks, exists)
        gradients = tape.gradient(loss, variables)
        pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        optimizer.apply(*zip(*pairs, strict=True))
        return loss

    # The number of box prompts is unknown to the graph, although it is 0: KerasHub's layers need that.
    signature = [
        tf.TensorSpec((None, SIDE, SIDE, 3)), *[tf.TensorSpec((None, None), tf.int32)] * 2,
        tf.TensorSpec((None, QUERIES, 4)), tf.TensorSpec((None, QUERIES, MASK, MASK)),
        tf.TensorSpec((None, QUERIES)), tf.TensorSpec((None, None, 5)), tf.TensorSpec((None, None), tf.int32),
    ]  # fmt: skip
    return tf.function(step, input_signature=signature, autograph=False)


def train(task: Any, seconds: float, rng: np.random.Generator) -> None:
    """Train for `seconds` of processor time, with warm-up and cosine decay."""
    allow_batches(task.backbone)
    optimizer = keras.optimizers.AdamW(0.0, weight_decay=1e-4, global_clipnorm=1.0)
    step, start, steps, mean = make_step(task, optimizer), time.process_time(), 0, 0.0
    while (progress := (time.process_time() - start) / seconds) < 1:
        optimizer.learning_rate = RATE * min(1, (steps + 1) / 100) * 0.5 * (1 + math.cos(math.pi * progress))
        loss = float(step(*map(tf.constant, make_batch(task, rng, BATCH))))
        if not math.isfinite(loss):
            raise SystemExit("the loss is not a finite number; try a lower learning rate")
        steps += 1
        mean += (loss - mean) / min(steps, 50)
        if steps % 50 == 0:
            print(f"{progress:4.0%}  step {steps:4d}  loss {mean:.3f}", flush=True)


def evaluate(folder: Path, drawings: int) -> float:
    """Print how often a word finds its instances in unseen drawings, through livecam's own loading path."""
    from livecam.annotation.sam.text import TextSegmenter

    finder, rng, right, total = TextSegmenter.load(str(folder)), np.random.default_rng(987654321), 0, 0
    for _ in range(drawings):
        drawing: ColoredDrawing = draw_colored(rng, Size(160, 120))
        for word in WORDS:
            right += drawing.is_found(finder.find(drawing.frame, word), word)
            total += 1
    print(f"exactly the instances of a word in {right / total:.1%} of {total} cases")
    return right / total


def main() -> None:
    """Train, save and evaluate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=TOP / "tests/support/drawn_sam3")
    parser.add_argument("--minutes", type=float, default=10, help="of all processors' time (10)")
    parser.add_argument("--start", type=Path, help="continue from a saved folder")
    parser.add_argument("--judge", type=int, metavar="DRAWINGS", default=60)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    keras.utils.set_random_seed(args.seed)
    task = build()
    if args.start:
        task.backbone.load_weights(args.start / "model.weights.h5")
    try:
        train(task, 60 * args.minutes, np.random.default_rng(args.seed))
    except KeyboardInterrupt:
        print("interrupted; the weights so far are saved")
    task.save_to_preset(str(args.out))
    evaluate(args.out, args.judge)


if __name__ == "__main__":
    main()
