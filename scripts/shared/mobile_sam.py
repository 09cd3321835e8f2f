"""MobileSAM's weights from ONNX files, as KerasHub's SAM with a TinyViT encoder.

Constants of the graphs are found by the name of the operation that uses them, because the export gave most
kernels names of its own (`onnx::MatMul_2385`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
from numpy.typing import NDArray

from livecam.annotation.sam.tiny_vit import TinyViTBackbone

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Architecture:
    """Sizes of a SAM with TinyViT; the defaults are MobileSAM's.

    Attributes:
        encoder: arguments of `TinyViTBackbone`.
        width: channels of the embedding.
        inner_width: width of the decoder's dense layers.
        heads: attention heads of the decoder.
        mask_channels: of the network that reduces a mask prompt.
    """

    encoder: Mapping[str, Any] = field(default_factory=dict)
    width: int = 256
    inner_width: int = 2048
    heads: int = 8
    mask_channels: int = 16

    def build(self) -> Any:
        """Return a SAMImageSegmenter with random weights."""
        encoder = TinyViTBackbone(**dict(self.encoder), num_output_channels=self.width)
        side = encoder.image_shape[0]
        backbone = keras_hub.models.SAMBackbone(
            image_encoder=encoder,
            prompt_encoder=keras_hub.layers.SAMPromptEncoder(
                hidden_size=self.width,
                image_embedding_size=(side // 16, side // 16),
                input_image_size=(side, side),
                mask_in_channels=self.mask_channels,
            ),
            mask_decoder=keras_hub.layers.SAMMaskDecoder(
                hidden_size=self.width,
                num_layers=2,
                intermediate_dim=self.inner_width,
                num_heads=self.heads,
                embedding_dim=self.width,
                iou_head_hidden_dim=self.width,
            ),
        )
        converter = keras_hub.layers.SAMImageConverter(image_size=(side, side), scale=1 / 255)
        preprocessor = keras_hub.models.SAMImageSegmenterPreprocessor(converter)
        return keras_hub.models.SAMImageSegmenter(backbone, preprocessor)


class OnnxWeights:
    """Constants of an ONNX graph, by their own name or by the name of the operation that uses them."""

    def __init__(self, path: Path) -> None:
        # Imported here: the tests build small SAMs without it.
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(str(path)).graph
        self.named: dict[str, Array] = {
            each.name: np.asarray(numpy_helper.to_array(each)) for each in graph.initializer
        }
        constants = dict(self.named)
        self._used: dict[str, list[Array]] = {}
        for node in graph.node:
            if node.op_type == "Constant":
                for each in node.attribute:
                    if each.name == "value":
                        constants[node.output[0]] = numpy_helper.to_array(each.t)
            self._used[node.name] = [constants[name] for name in node.input if name in constants]

    def of(self, operation: str) -> list[Array]:
        """Return the constants that an operation uses, in the order of its inputs.

        Raises:
            KeyError: there is no such operation, or it uses no constant.
        """
        found = self._used.get(operation)
        if not found:
            raise KeyError(f"no constants at {operation}")
        return found

    def named_by(self, prefix: str) -> list[Array]:
        """Return weight and bias with this prefix of their names."""
        return [self.named[f"{prefix}.weight"], self.named[f"{prefix}.bias"]]

    def dense(self, operation: str, name: str) -> list[Array]:
        """Return kernel and bias of a dense layer, exported as MatMul and Add."""
        return [self.of(f"{operation}/MatMul")[0], self.named[f"{name}.bias"]]

    def scale_and_offset(self, operation: str) -> list[Array]:
        """Return weight and bias of a normalization over channels, exported as Mul and Add."""
        return [self.of(f"{operation}/Mul")[0].ravel(), self.of(f"{operation}/Add_1")[0].ravel()]


def assign_encoder(encoder: Any, weights: OnnxWeights) -> None:
    """Assign the weights of TinyViT from encoder.onnx. Batch normalizations are folded there."""

    def convolution(layer: str, operation: str) -> None:
        kernel, *bias = weights.of(f"{operation}/Conv")
        order = (2, 3, 0, 1) if "Depthwise" in type(encoder.get_layer(layer)).__name__ else (2, 3, 1, 0)
        encoder.get_layer(layer).set_weights([kernel.transpose(order), *bias])

    convolution("patch_embed_1", "/patch_embed/seq/seq.0/c")
    convolution("patch_embed_2", "/patch_embed/seq/seq.2/c")
    settings = encoder.get_config()
    for stage, depth in enumerate(settings["depths"]):
        for block in range(depth):
            layer, place = f"stage{stage}_block{block}", f"layers.{stage}/blocks.{block}"
            if stage == 0:
                for part in ("conv1", "conv2", "conv3"):
                    convolution(f"{layer}_{part}", f"/{place}/{part}/c")
                continue
            _assign_block(encoder, layer, place.replace("/", "."), f"/{place}", weights)
            convolution(f"{layer}_local_conv", f"/{place}/local_conv/c")
        if stage < len(settings["depths"]) - 1:
            for part in ("conv1", "conv2", "conv3"):
                convolution(f"stage{stage}_merge_{part}", f"/layers.{stage}/downsample/{part}/c")
    for conv, norm, index in (("neck_conv1", "neck_norm1", 0), ("neck_conv2", "neck_norm2", 2)):
        encoder.get_layer(conv).set_weights([weights.named[f"neck.{index}.weight"].transpose(2, 3, 1, 0)])
        encoder.get_layer(norm).set_weights(weights.scale_and_offset(f"/neck/neck.{index + 1}"))


def _assign_block(encoder: Any, layer: str, name: str, place: str, weights: OnnxWeights) -> None:
    attention = encoder.get_layer(f"{layer}_attention")
    attention.norm.set_weights(weights.named_by(f"{name}.attn.norm"))
    attention.qkv.set_weights(weights.dense(f"{place}/attn/qkv", f"{name}.attn.qkv"))
    attention.projection.set_weights(weights.dense(f"{place}/attn/proj", f"{name}.attn.proj"))
    # The graph holds the biases of all pairs of tokens; those of the first token are all there are.
    attention.biases.assign(weights.of(f"{place}/attn/Add")[-1].reshape(attention.num_heads, -1)[
        :, : attention.window**2
    ])  # fmt: skip
    encoder.get_layer(f"{layer}_mlp_norm").set_weights(weights.named_by(f"{name}.mlp.norm"))
    for number in (1, 2):
        dense = weights.dense(f"{place}/mlp/fc{number}", f"{name}.mlp.fc{number}")
        encoder.get_layer(f"{layer}_mlp_{number}").set_weights(dense)


def assign_prompt_encoder(encoder: Any, weights: OnnxWeights) -> None:
    """Assign the weights of the prompt encoder from sam.onnx."""
    prefix = "model.prompt_encoder"
    encoder.positional_embedding_layer.set_weights(
        [weights.named[f"{prefix}.pe_layer.positional_encoding_gaussian_matrix"]]
    )
    embeddings = {
        "point_embeddings.0": encoder.background_point_embed,
        "point_embeddings.1": encoder.foreground_point_embed,
        "point_embeddings.2": encoder.top_left_corner_embed,
        "point_embeddings.3": encoder.bottom_right_corner_embed,
        "not_a_point_embed": encoder.not_a_point_embed,
    }
    for name, layer in embeddings.items():
        layer.set_weights([weights.named[f"{prefix}.{name}.weight"]])
    (no_mask,) = (each for each in weights.of("/Mul_9") if each.ndim == 4)
    encoder.no_mask_embed.set_weights([no_mask.reshape(1, -1)])
    reduction = [layer for layer in encoder.mask_downscaler.layers if layer.weights]
    for layer, number in zip(reduction, (0, 1, 3, 4, 6), strict=True):
        if number in (1, 4):
            place = f"/mask_downscaling/mask_downscaling.{number}"
            layer.set_weights(weights.scale_and_offset(place))
        else:
            kernel, bias = weights.named_by(f"{prefix}.mask_downscaling.{number}")
            layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])


def assign_mask_decoder(decoder: Any, weights: OnnxWeights) -> None:
    """Assign the weights of the mask decoder, with all four mask tokens, from sam.onnx."""
    (tokens,) = (each for each in weights.of("/Expand_1") if each.ndim == 3)
    decoder.iou_token.set_weights([tokens[0, :1]])
    decoder.mask_tokens.set_weights([tokens[0, 1:]])
    for number, layer in enumerate(decoder.transformer.layers):
        _assign_two_way_block(layer, f"transformer/layers.{number}", weights)
    _assign_attention(
        decoder.transformer.final_attention_token_to_image,
        "transformer/final_attn_token_to_image",
        weights,
    )
    norm = "mask_decoder.transformer.norm_final_attn"
    decoder.transformer.final_layer_norm.set_weights(weights.named_by(norm))
    first, norm_layer, second = (layer for layer in decoder.output_upscaling.layers if layer.weights)
    for layer, number in ((first, 0), (second, 3)):
        kernel, bias = weights.named_by(f"mask_decoder.output_upscaling.{number}")
        # PyTorch: (in, out, height, width); Keras: (height, width, out, in).
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    norm_layer.set_weights(weights.scale_and_offset("/output_upscaling/output_upscaling.1"))
    for number, mlp in enumerate(decoder.output_hypernetworks_mlps):
        _assign_mlp(mlp, f"mask_decoder.output_hypernetworks_mlps.{number}", weights)
    _assign_mlp(decoder.iou_prediction_head, "mask_decoder.iou_prediction_head", weights)


def _assign_two_way_block(layer: Any, place: str, weights: OnnxWeights) -> None:
    name = f"mask_decoder.{place.replace('/', '.')}"
    attentions = {
        "self_attn": layer.self_attention,
        "cross_attn_token_to_image": layer.cross_attention_token_to_image,
        "cross_attn_image_to_token": layer.cross_attention_image_to_token,
    }
    for part, attention in attentions.items():
        _assign_attention(attention, f"{place}/{part}", weights)
    norms = (layer.layer_norm1, layer.layer_norm2, layer.layer_norm3, layer.layer_norm4)
    for number, norm in enumerate(norms, 1):
        norm.set_weights(weights.named_by(f"{name}.norm{number}"))
    for number, dense in enumerate(_dense_layers(layer.mlp_block), 1):
        dense.set_weights(weights.dense(f"/{place}/mlp/lin{number}", f"{name}.mlp.lin{number}"))


def _assign_attention(attention: Any, place: str, weights: OnnxWeights) -> None:
    name = f"mask_decoder.{place.replace('/', '.')}"
    projections = {
        "q_proj": attention.query_proj,
        "k_proj": attention.key_proj,
        "v_proj": attention.value_proj,
        "out_proj": attention.out_proj,
    }
    for part, layer in projections.items():
        layer.set_weights(weights.dense(f"/{place}/{part}", f"{name}.{part}"))


def _assign_mlp(mlp: Any, name: str, weights: OnnxWeights) -> None:
    for number, layer in enumerate(_dense_layers(mlp)):
        kernel, bias = weights.named_by(f"{name}.layers.{number}")
        layer.set_weights([kernel.T, bias])


def _dense_layers(mlp: Any) -> Iterator[Any]:
    return (layer for layer in mlp.mlp_block.layers if layer.weights)


def convert(source: Path, architecture: Architecture = Architecture()) -> Any:
    """Return the SAMImageSegmenter with the weights of `source`/encoder.onnx and `source`/sam.onnx."""
    task = architecture.build()
    assign_encoder(task.backbone.image_encoder, OnnxWeights(source / "encoder.onnx"))
    decoder = OnnxWeights(source / "sam.onnx")
    assign_prompt_encoder(task.backbone.prompt_encoder, decoder)
    assign_mask_decoder(task.backbone.mask_decoder, decoder)
    return task
