"""Conversion of SAM's networks to LiteRT, for labelling without TensorFlow."""

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from livecam.training.export.litert_layers import SubpixelUpsample
from livecam.training.export.sam_layers import optimize_encoder

Tensor = Any


def convert_encoder(backbone: Any) -> bytes:
    """Convert the image encoder of a SAMBackbone, with weights of two bytes.

    Input ``images`` (1, side, side, 3); output the embedding (1, side / 16, side / 16, channels).
    """
    encoder = optimize_encoder(backbone.image_encoder)

    def embed(images: Tensor) -> Tensor:
        return encoder(images, training=False)

    return _convert(encoder, embed, [_spec(backbone.image_encoder.image_shape, "images")])


def convert_decoder(backbone: Any) -> bytes:
    """Convert prompt encoder and mask decoder of a SAMBackbone, with weights of two bytes.

    Inputs: ``embedding``; ``points`` (1, n, 2) and ``labels`` (1, n), where n is any number and the corners
    of a box are points with the labels 2 and 3, as in SAM's own ONNX file; ``mask`` (1, side / 4, side / 4,
    1), which counts if ``has_mask`` (1,) is 1. Outputs: ``masks`` (1, 4, side / 4, side / 4), ``scores``
    (1, 4).

    The transposed convolutions of `backbone` are replaced: it must not be saved afterwards.
    """
    prompts, decoder = backbone.prompt_encoder, backbone.mask_decoder
    height, width = prompts.image_embedding_size
    _replace_upscaling(decoder)
    positions = prompts.positional_embedding_layer
    grid = positions.encode_image((height, width))[None]
    # In the order of SAM's labels -1 to 3.
    kinds = tf.concat(
        [
            layer.embeddings
            for layer in (
                prompts.not_a_point_embed,
                prompts.background_point_embed,
                prompts.foreground_point_embed,
                prompts.top_left_corner_embed,
                prompts.bottom_right_corner_embed,
            )
        ],
        axis=0,
    )
    no_mask = tf.reshape(prompts.no_mask_embed.embeddings, (1, 1, 1, -1))

    def decode(embedding: Tensor, points: Tensor, labels: Tensor, mask: Tensor, has_mask: Tensor) -> Tensor:
        # Whole numbers are pixel centres.
        sparse = positions.encode_coordinates(points + 0.5, prompts.input_image_size)
        is_point = tf.cast(labels > -0.5, tf.float32)[..., None]
        kind = tf.one_hot(tf.cast(labels, tf.int32) + 1, len(kinds))
        dense = has_mask * prompts.mask_downscaler(mask) + (1.0 - has_mask) * no_mask
        output = decoder(embedding, grid, sparse * is_point + kind @ kinds, dense)
        return {"masks": output["masks"], "scores": output["iou_pred"]}

    signature = [
        _spec((height, width, prompts.hidden_size), "embedding"),
        _spec((None, 2), "points"),
        _spec((None,), "labels"),
        _spec((4 * height, 4 * width, 1), "mask"),
        tf.TensorSpec((1,), tf.float32, name="has_mask"),
    ]
    return _convert(backbone, decode, signature)


class _UpscalingLayers:
    """The decoder's upscaling with transposed convolutions as 1x1 convolutions, which LiteRT runs faster."""

    def __init__(self, sequence: Any) -> None:
        self._layers = [
            SubpixelUpsample(*layer.get_weights())
            if isinstance(layer, keras.layers.Conv2DTranspose)
            else layer
            for layer in sequence.layers
        ]

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self._layers:
            x = layer(x)
        return x


def _replace_upscaling(decoder: Any) -> None:
    # Past Keras' own __setattr__, which would look for new weights in it.
    object.__setattr__(decoder, "output_upscaling", _UpscalingLayers(decoder.output_upscaling))


def _spec(shape: Sequence[int | None], name: str) -> Any:
    return tf.TensorSpec((1, *shape), tf.float32, name=name)


def _convert(model: Any, serve: Callable[..., Tensor], signature: list[Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", serve, input_signature=signature)
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serve"])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
