"""Baseline segmenters: LiteRT files of other projects, without a model card."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from livecam.core.errors import ModelError
from livecam.core.fileio import os_error_reason
from livecam.core.geometry import Size
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale, resize_matte
from livecam.models.segmenter import suppress_native_stderr


class BaselineSegmenter:
    """A network from one RGB image in [0, 1] to a matte, or to background and foreground (softmax).

    The type is detected from the shapes of its tensors. There is no temporal filter and no guided filter: the
    matte is resized to the frame, bilinear.
    """

    def __init__(self, path: Path, threads: int = 2) -> None:
        """Load a ``.tflite`` file.

        Raises:
            ModelError: the file cannot be read or run, or has other inputs or outputs.
        """
        try:
            with suppress_native_stderr():
                self._interpreter = Interpreter(model_content=path.read_bytes(), num_threads=threads)
                self._interpreter.allocate_tensors()
        except OSError as error:
            raise ModelError(f"{path} can't be read ({os_error_reason(error)}); check the path") from error
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{path} can't be run by LiteRT; name a .tflite file") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        input_shape, output_shape = tuple(inputs[0]["shape"]), tuple(outputs[0]["shape"])
        is_image = len(inputs) == 1 and len(input_shape) == 4 and input_shape[::3] == (1, 3)
        is_matte = len(output_shape) == 4 and output_shape[3] in (1, 2)
        if not (is_image and is_matte) or inputs[0]["dtype"] != np.float32:
            raise ModelError(
                f"{path} goes from {input_shape} to {output_shape}; one float RGB image to 1 or 2 channels "
                "is needed"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._size = Size(int(input_shape[2]), int(input_shape[1]))

    def reset(self) -> None:
        """Do nothing: there is no state."""

    def matte(self, frame: Frame) -> Matte:
        """Predict the matte at the frame's size, a new float32 array (height, width) in [0, 1]."""
        image = downscale(frame, self._size).astype(np.float32)[None] / np.float32(255)
        self._interpreter.set_tensor(self._input, image)
        self._interpreter.invoke()
        output = self._interpreter.get_tensor(self._output)[0]
        if output.shape[2] == 2:
            # The softmax of two is the sigmoid of their difference; clipped because exp overflows.
            coarse = 1 / (1 + np.exp(np.clip(output[..., 0] - output[..., 1], -60, 60)))
        else:
            coarse = np.clip(output[..., 0], 0, 1)
        return resize_matte(coarse.astype(np.float32), Size.of(frame))
