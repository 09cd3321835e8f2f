#!/usr/bin/env python3
"""Train the small SAM 3 of the tests: KerasHub's classes, few layers, the words disc and square.

scripts/train_drawn_sam3.py OUT [--steps N]

Each image has one or both of a disc and a square, in random colors at random places; the text names one of
them. Only query 0 learns to answer, so that no matching is needed: SAM 3 finds many instances, this one finds
one of each text.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import keras
import keras_hub
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

SIDE, GRID, QUERIES, HIDDEN = 112, 32, 3, 32
TEXTS = ("disc", "square")


class Batch(NamedTuple):
    """Images (n, 112, 112, 3) of 0 to 255, texts, and what is to be found.

    Attributes:
        images: float32 (n, 112, 112, 3), 0 to 255.
        texts: one for each image.
        masks: float32 (n, 32, 32): the shape that the text names; zeros if it is not there.
        boxes: float32 (n, 4) of 0 to 1: left, top, right, bottom.
        present: float32 (n,): whether it is there.
    """

    images: NDArray[np.float32]
    texts: list[str]
    masks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    present: NDArray[np.float32]


def draw(rng: np.random.Generator, shapes: tuple[str, ...]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Draw one of each of the shapes; return the image and the mask of each shape."""
    image = np.full((SIDE, SIDE, 3), rng.integers(60, 200, 3), np.uint8)
    masks: dict[str, Any] = {}
    sides = rng.permutation([0, 1])
    for place, shape in zip(sides, shapes, strict=False):
        radius = int(rng.integers(14, 25))
        x = int(rng.integers(radius, SIDE // 2 - radius + 1)) + place * SIDE // 2
        y = int(rng.integers(radius, SIDE - radius))
        mask = np.zeros((SIDE, SIDE), np.uint8)
        if shape == "disc":
            cv2.circle(mask, (x, y), radius, 1, -1)
        else:
            mask[y - radius : y + radius, x - radius : x + radius] = 1
        color = rng.integers(0, 256, 3)
        while np.abs(color - image[0, 0]).max() < 90:
            color = rng.integers(0, 256, 3)
        image[mask > 0] = color
        masks[shape] = mask.astype(np.float32)
    return image, masks


def make_batch(rng: np.random.Generator, count: int) -> Batch:
    """Draw a batch; in a third of it the text names a shape that is not there."""
    images, texts, masks, boxes, present = [], [], [], [], []
    for _ in range(count):
        text = str(rng.choice(TEXTS))
        other = TEXTS[1 - TEXTS.index(text)]
        shapes = [(other,), (text,), (text, other)][int(rng.integers(3))]
        image, drawn = draw(rng, shapes)
        mask = drawn.get(text)
        rows, columns = np.nonzero(mask) if mask is not None else (np.array([0]), np.array([0]))
        images.append(image.astype(np.float32))
        texts.append(text)
        small = cv2.resize(mask, (GRID, GRID), interpolation=cv2.INTER_AREA) if mask is not None else None
        masks.append(small if small is not None else np.zeros((GRID, GRID), np.float32))
        boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        present.append(mask is not None)
    return Batch(
        np.stack(images),
        texts,
        np.stack(masks),
        np.array(boxes, np.float32) / SIDE,
        np.array(present, np.float32),
    )


def build() -> Any:
    """Return an untrained SAM3PromptableConceptImageSegmenter."""
    layers, small = keras_hub.layers, {"hidden_dim": HIDDEN, "intermediate_dim": 64, "num_heads": 2}
    backbone = keras_hub.models.SAM3PromptableConceptBackbone(
        vision_encoder=layers.SAM3VisionEncoder(
            image_shape=(SIDE, SIDE, 3), patch_size=14, num_layers=2, **small, fpn_hidden_dim=HIDDEN,
            fpn_scale_factors=[4.0, 2.0, 1.0, 0.5], pretrain_image_shape=(SIDE, SIDE, 3), window_size=4,
            global_attn_indexes=[0, 1],
        ),
        text_encoder=layers.SAM3TextEncoder(
            vocabulary_size=80, embedding_dim=HIDDEN, num_layers=1, **small
        ),
        geometry_encoder=layers.SAM3GeometryEncoder(num_layers=1, **small, roi_size=7),
        detr_encoder=layers.SAM3DetrEncoder(num_layers=1, **small),
        detr_decoder=layers.SAM3DetrDecoder(
            image_shape=(SIDE, SIDE, 3), patch_size=14, num_layers=1, **small, num_queries=QUERIES
        ),
        mask_decoder=layers.SAM3MaskDecoder(num_upsampling_stages=3, hidden_dim=HIDDEN, num_heads=2),
    )  # fmt: skip
    letters = [chr(ord("a") + number) for number in range(26)]
    merges = ["d i", "di s", "dis c</w>", "s q", "sq u", "squ a", "squa r", "squar e</w>"]
    names = [*letters, *(f"{letter}</w>" for letter in letters), *(each.replace(" ", "") for each in merges)]
    names += ["<|startoftext|>", "<|endoftext|>"]
    tokenizer = keras_hub.models.SAM3Tokenizer({name: number for number, name in enumerate(names)}, merges)
    converter = layers.SAM3ImageConverter(
        image_size=(SIDE, SIDE), scale=1 / 127.5, offset=-1.0, crop_to_aspect_ratio=False
    )
    preprocessor = keras_hub.models.SAM3PromptableConceptImageSegmenterPreprocessor(
        tokenizer, converter, sequence_length=10
    )
    return keras_hub.models.SAM3PromptableConceptImageSegmenter(backbone, preprocessor)


def loss_of(output: dict[str, Any], masks: Any, boxes: Any, present: Any) -> Any:
    """Return the loss of a batch: presence, query, mask and box."""
    entropy = tf.nn.sigmoid_cross_entropy_with_logits
    first = tf.one_hot(0, QUERIES)[None] * tf.ones_like(output["pred_logits"])
    loss = tf.reduce_mean(entropy(first, output["pred_logits"]))
    loss += tf.reduce_mean(entropy(present, tf.reshape(output["presence_logits"], (-1,))))
    logits, weight = output["pred_masks"][..., 0], present[:, None, None]
    found = tf.sigmoid(logits)
    overlap = tf.reduce_sum(found * masks, (1, 2))
    dice = 1 - (2 * overlap + 1) / (tf.reduce_sum(found + masks, (1, 2)) + 1)
    loss += tf.reduce_mean(present * dice) + 5 * tf.reduce_mean(weight * entropy(masks, logits))
    return loss + 2 * tf.reduce_mean(present[:, None] * tf.abs(output["pred_boxes"][:, 0] - boxes))


def train(task: Any, steps: int) -> None:
    """Train with Adam, one image a step: KerasHub 0.32 takes no larger batch. Print the loss now and then."""
    rng, optimizer = np.random.default_rng(1), keras.optimizers.Adam(1e-3, beta_1=0.95)
    weights = task.backbone.trainable_variables

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def step(inputs: Any, masks: Any, boxes: Any, present: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(task.backbone(inputs, training=True), masks, boxes, present)
        gradients = tape.gradient(
            loss, [each.value for each in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return loss

    start, recent = time.monotonic(), []
    for number in range(1, steps + 1):
        batch = make_batch(rng, 1)
        inputs = task.preprocessor({"images": batch.images, "prompts": batch.texts})
        optimizer.learning_rate.assign(7e-4 * min(1, number / 50, 3 * (1 - number / (steps + 1))))
        recent.append(float(step(inputs, batch.masks, batch.boxes, batch.present)))
        if number % 50 == 0 or number == 1:
            print(f"{number}: loss {np.mean(recent[-50:]):.3f}, {time.monotonic() - start:.0f} s", flush=True)


def main() -> int:
    """Train and save the preset."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder for the preset")
    parser.add_argument("--steps", type=int, default=4000, metavar="N", help="training steps (4000)")
    args = parser.parse_args()
    keras.utils.set_random_seed(1)
    task = build()
    train(task, args.steps)
    task.save_to_preset(str(args.out))
    print(f"{args.out}: {task.count_params()} weights")
    return 0


if __name__ == "__main__":
    sys.exit(main())
