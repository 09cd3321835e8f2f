"""A small SAM 3 of KerasHub's own classes, with random weights."""

from typing import Any

import keras_hub

SIDE, QUERIES, HIDDEN = 112, 3, 32


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
