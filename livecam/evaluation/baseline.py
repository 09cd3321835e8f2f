"""Other people's segmenters: LiteRT files without a card, read by what their tensors look like."""

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
    """A network from one RGB picture in [0, 1] to a matte, or to a room and a subject (softmax), alone.

    No filter over time and no edges of ours: the matte is resized, bilinear, to the frame.
    """

    def __init__(self, path: Path, threads: int = 2) -> None:
        """Load a ``.tflite`` file.

        Raises:
            ModelError: it can't be read or run, or takes or gives something else.
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
        given, said = tuple(inputs[0]["shape"]), tuple(outputs[0]["shape"])
        one = len(inputs) == 1 and len(given) == len(said) == 4 and given[0] == 1 and given[3] == 3
        if not one or inputs[0]["dtype"] != np.float32 or said[3] not in (1, 2):
            raise ModelError(
                f"{path} goes from {given} to {said}; one float RGB picture to 1 or 2 channels is needed"
            )
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self._size = Size(int(given[2]), int(given[1]))

    def reset(self) -> None:
        """Nothing is remembered."""

    def matte(self, frame: Frame) -> Matte:
        """The matte at the frame's size, float32 (height, width) in [0, 1]."""
        picture = downscale(frame, self._size).astype(np.float32)[None] / np.float32(255)
        self._interpreter.set_tensor(self._input, picture)
        self._interpreter.invoke()
        said = self._interpreter.get_tensor(self._output)[0]
        if said.shape[2] == 2:
            # The softmax of two is the sigmoid of their difference; clipped, as exp overflows beyond.
            small = 1 / (1 + np.exp(np.clip(said[..., 0] - said[..., 1], -60, 60)))
        else:
            small = np.clip(said[..., 0], 0, 1)
        return resize_matte(small.astype(np.float32), Size.of(frame))
