"""Conversion from Keras to LiteRT, and comparison of both outputs."""

import tempfile
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found,import-untyped,unused-ignore]
from ai_edge_quantizer.algorithm_manager import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    AlgorithmName,
)
from ai_edge_quantizer.qtyping import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    ComputePrecision,
    OpQuantizationConfig,
    QuantGranularity,
    TensorDataType,
    TensorQuantizationConfig,
    TFLOperationName,
)
from ai_edge_quantizer.quantizer import Quantizer  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from livecam.core.errors import TrainingError, UsageError
from livecam.core.geometry import Size
from livecam.imaging.image_io import read_image
from livecam.imaging.ops import resize
from livecam.models.class_layout import CLASSES, OUTPUT_LAYOUTS, decode_class_outputs
from livecam.training.export.litert_layers import optimize_for_litert

OUTPUTS = {"matte": 1, "classes": len(CLASSES)}
"""Outputs of a livecam network and their channels."""
PRECISIONS = ("int8", "float16", "float32")
MIN_QUANTIZED_WEIGHTS = 4000
"""Smallest convolution that is quantized, in weights. Below, rounding its input costs more than it saves."""
_CONVOLUTIONS = (
    TFLOperationName.CONV_2D,
    TFLOperationName.DEPTHWISE_CONV_2D,
    TFLOperationName.CONV_2D_TRANSPOSE,
)
FLOAT_TOLERANCE = 1e-3
"""Largest allowed difference anywhere, of a conversion without quantization."""
INT8_TOLERANCE = 1e-2
"""Largest allowed mean difference, of a conversion with quantized weights."""


@dataclass(frozen=True)
class Parity:
    """Difference between LiteRT's and Keras' outputs on the same images: maximum and mean."""

    largest: float
    mean: float
    pictures: int


def convert_to_litert(model: keras.Model) -> bytes:
    """Convert a network to the bytes of a ``.tflite`` file with batch size 1, float32 input and output.

    The layers are replaced by ones with fast LiteRT kernels (`optimize_for_litert`). Nothing is rounded.
    """
    signature = [tf.TensorSpec((1, *given.shape[1:]), tf.float32, name=given.name) for given in model.inputs]
    model = optimize_for_litert(model)

    def serve(*given: Any) -> Any:
        return model(given[0] if len(given) == 1 else [*given], training=False)

    with tempfile.TemporaryDirectory() as folder:
        archive = keras.export.ExportArchive()
        archive.track(model)
        archive.add_endpoint("serve", serve, input_signature=signature)
        archive.write_out(folder, verbose=False)
        return bytes(tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serve"]).convert())


def quantize_weights(weights: bytes, precision: str = "int8") -> bytes:
    """Quantize the weights of a converted network, which makes it smaller and faster.

    With ``int8`` the weights of convolutions are stored as integers with one scale per channel, and the
    input of each is rounded at run time ("dynamic range quantisation": Jacob et al., "Quantization and
    Training of Neural Networks", 2018): a quarter of the size, and half to two thirds of the time. Depthwise
    convolutions are not quantized, since LiteRT has no fast int8 kernel for them, and neither are small ones
    (`MIN_QUANTIZED_WEIGHTS`). With ``float16`` every weight takes half the space and is converted to float32
    for the computation. ``float32`` changes nothing. On processors without int8 instructions (AVX2 without
    VNNI) int8 is not faster than float32: 12.0 and 12.4 ms for `person` 0.6, 3.7 and 3.7 ms for
    `person` 0.8 (EPYC of the third generation, one thread).

    Raises:
        UsageError: another precision.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"no precision is called {precision!r}; there are {', '.join(PRECISIONS)}")
    if precision == "float32":
        return weights
    quantizer = Quantizer(weights)
    for operation, settings in _recipe(precision):
        quantizer.update_quantization_recipe(".*", operation, **settings)
    # One of its progress bars cannot be disabled.
    with redirect_stderr(StringIO()):
        done = quantizer.quantize(enable_progress_bar=False, enable_progress_report=False)
    return bytes(done.quantized_model)


def _recipe(precision: str) -> list[tuple[TFLOperationName, dict[str, Any]]]:
    """Return which operations are rounded, and the quantizer's arguments for each."""
    if precision == "float16":
        half = OpQuantizationConfig(
            weight_tensor_config=TensorQuantizationConfig(16, dtype=TensorDataType.FLOAT),
            compute_precision=ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        settings = {"op_config": half, "algorithm_key": AlgorithmName.FLOAT_CASTING}
        return [(operation, settings) for operation in _CONVOLUTIONS]
    by_channel = TensorQuantizationConfig(8, symmetric=True, granularity=QuantGranularity.CHANNELWISE)
    dynamic = OpQuantizationConfig(
        weight_tensor_config=by_channel,
        compute_precision=ComputePrecision.INTEGER,
        min_weight_elements=MIN_QUANTIZED_WEIGHTS,
    )
    return [(TFLOperationName.CONV_2D, {"op_config": dynamic})]


def output_indices(weights: bytes) -> dict[str, int]:
    """Return the index of each output in the file, by the names of its signature.

    Raises:
        TrainingError: the outputs are not a matte and classes (`livecam.models.class_layout`), or LiteRT
            can't run the file.
    """
    interpreter = _open(weights)
    order = [int(detail["index"]) for detail in interpreter.get_output_details()]
    details = interpreter.get_signature_runner().get_output_details()
    if not any(sorted(details) == sorted(("matte", *way)) for way in OUTPUT_LAYOUTS):
        raise TrainingError(
            f"LiteRT has the outputs {', '.join(details)}, not a matte and classes; nothing was exported"
        )
    return {name: order.index(int(detail["index"])) for name, detail in details.items()}


def check_parity(
    model: keras.Model, weights: bytes, precision: str = "float32", image_count: int = 8
) -> Parity:
    """Compare LiteRT and Keras on the same images.

    Raises:
        TrainingError: input or output shapes differ; or float32 outputs differ by more than
            `FLOAT_TOLERANCE` anywhere, or those of other precisions by more than `INT8_TOLERANCE` on average.
    """
    interpreter, outputs = _open(weights), output_indices(weights)
    differences = []
    for image in _test_images(Size(*model.input_shape[2:0:-1]), image_count):
        expected, found = model(image[None], training=False), _run(interpreter, image[None])
        actual = {name: found[place][0] for name, place in outputs.items()}
        actual["classes"] = decode_class_outputs(actual)
        for name in OUTPUTS:
            differences.append(_difference(keras.ops.convert_to_numpy(expected[name])[0], actual[name]))
    largest = float(np.max([d.max() for d in differences]))
    mean = float(np.mean([d.mean() for d in differences]))
    off, allowed = (largest, FLOAT_TOLERANCE) if precision == "float32" else (mean, INT8_TOLERANCE)
    # Written so that NaN, which fails every comparison, is refused.
    if not off <= allowed:
        hint = "" if precision == "float32" else "; try --precision float32"
        raise TrainingError(
            f"LiteRT differs from Keras by {off:.2g} (allowed {allowed:g}); nothing was exported{hint}"
        )
    return Parity(largest, mean, image_count)


def _open(weights: bytes) -> Any:
    try:
        interpreter = Interpreter(model_content=weights)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise TrainingError("LiteRT can't run what was converted; nothing was exported") from error
    return interpreter


def _run(interpreter: Any, image: NDArray[np.float32]) -> list[NDArray[Any]]:
    given = interpreter.get_input_details()[0]
    shape = tuple(int(side) for side in given["shape"])
    if shape != image.shape:
        raise TrainingError(f"LiteRT takes {shape}, Keras {image.shape}; nothing was exported")
    interpreter.set_tensor(given["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _difference(keras_output: NDArray[Any], litert_output: NDArray[Any]) -> NDArray[Any]:
    if keras_output.shape != litert_output.shape:
        raise TrainingError(
            f"LiteRT gives {litert_output.shape}, Keras {keras_output.shape}; nothing was exported"
        )
    return np.asarray(np.abs(keras_output - litert_output))


def _test_images(size: Size, count: int) -> list[NDArray[np.float32]]:
    """Return crops of the built-in photograph of a person in [0, 1], with random gamma and noise."""
    photo = read_image(Path(str(resources.files("livecam"))) / "assets" / "astronaut.jpg", longest=512).image
    rng, images = np.random.default_rng(7), []
    for number in range(count):
        part = np.ascontiguousarray(photo[9 * number : 512 - 20 * number, 12 * number :])
        image = resize(part, size).astype(np.float32) / np.float32(255)
        lit = image ** rng.uniform(0.6, 1.8) + rng.normal(0, 0.02, image.shape)
        images.append(np.clip(lit, 0, 1).astype(np.float32))
    return images
