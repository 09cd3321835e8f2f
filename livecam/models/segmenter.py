"""Frame to coarse matte with LiteRT."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from livecam.core.errors import ModelError
from livecam.core.paths import expand_user
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale
from livecam.models.class_layout import CLASSES, decode_class_outputs
from livecam.models.model_card import ModelCard
from livecam.models.registry import model_suffix, resolve_model

MAX_ROUNDING_ERROR = 1e-4
"""How far the sum of three rounded probabilities may exceed 1."""


class LiteRTSegmenter:
    """A `MatteModel` that LiteRT runs on the processor. One thread at a time may use it."""

    def __init__(self, card: ModelCard, weights: bytes, threads: int = 2) -> None:
        """Create an interpreter for a model file.

        Args:
            card: the card of the model.
            weights: the bytes of its ``.tflite`` file.
            threads: processor threads that LiteRT uses.

        Raises:
            ModelError: LiteRT cannot run the file, or its tensors differ from the card.
        """
        self.card = card
        try:
            with suppress_native_stderr():
                self._interpreter = Interpreter(model_content=weights, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            problem = f"{card.file} can't be run by LiteRT"
            raise ModelError(problem, "copy or export the model again") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shape = (1, card.size.height, card.size.width)
        index = card.outputs.get("matte", -1)
        if len(inputs) != 1 or tuple(inputs[0]["shape"]) != (*shape, 3) or not 0 <= index < len(outputs):
            problem = f"{card.file} is not the model its card describes"
            raise ModelError(problem, "copy or export both again")
        if tuple(outputs[index]["shape"]) != (*shape, 1):
            problem = f"{card.file}: output {index} is no matte"
            raise ModelError(problem, "copy or export both files again")
        self._input, self._output = inputs[0]["index"], outputs[index]["index"]
        # The class probabilities are optional: an output that the file does not have, or that has another
        # shape, is ignored.
        details = {name: outputs[at] for name, at in card.outputs.items() if 0 <= at < len(outputs)}
        layouts = {"classes": (*shape, 3)} | dict.fromkeys(CLASSES, (1, shape[1] // 2, shape[2] // 2, 4))
        self._classes = {
            name: details[name]["index"]
            for name, layout in layouts.items()
            if name in details and tuple(details[name]["shape"]) == layout
        }

    @classmethod
    def load(cls, model: str = "person", threads: int = 2) -> "LiteRTSegmenter":
        """Load a model by its name, or by the path of its ``.tflite`` or ``.json`` file.

        Raises:
            UsageError: there is no such model.
            ModelError: the file or its card is missing, damaged or of another format.
        """
        path = resolve_model(model)
        card = ModelCard.read(path)
        # A file that the user names is the one used; the checksum of its card decides.
        file = expand_user(model) if model_suffix(model) == ".tflite" else path.parent / card.file
        try:
            weights = file.read_bytes()
        except OSError as error:
            problem = f"the weights {file} can't be read ({error.strerror})"
            raise ModelError(problem, f"put them beside {path}", path=file) from error
        if hashlib.sha256(weights).hexdigest() != card.sha256:
            problem = f"{file} is damaged or not the file its card describes"
            raise ModelError(problem, "copy or export both again", path=file)
        return cls(card, weights, threads)

    def predict(self, frame: Frame) -> Matte:
        """Return the coarse matte of a frame.

        Returns:
            A new float32 array (card.size.height, card.size.width) in [0, 1].
        """
        small = downscale(frame, self.card.size)
        low, high = self.card.input_range
        # This is a view of LiteRT's own memory. LiteRT refuses to run while a reference to it exists.
        tensor = self._interpreter.tensor(self._input)()
        np.multiply(small[None], np.float32((high - low) / 255), out=tensor)
        if low:
            tensor += np.float32(low)
        del tensor
        self._interpreter.invoke()
        return clip_rounding(np.asarray(self._interpreter.get_tensor(self._output)[0, :, :, 0], np.float32))

    def class_probabilities(self) -> NDArray[np.float32] | None:
        """Return the softmax over foreground, background and contour of the last frame.

        Returns:
            A new float32 array (card.size.height, card.size.width, 3); None if the model has no such output.
        """
        outputs = {name: self._interpreter.get_tensor(index)[0] for name, index in self._classes.items()}
        return decode_class_outputs(outputs)


def clip_rounding(matte: Matte) -> Matte:
    """Set values up to `MAX_ROUNDING_ERROR` above 1 to 1, in place, and return the matte.

    Larger values stay, so that `check_matte` still finds a broken model.
    """
    np.copyto(matte, np.float32(1.0), where=(matte > 1.0) & (matte < 1.0 + MAX_ROUNDING_ERROR))
    return matte


@contextmanager
def suppress_native_stderr() -> Iterator[None]:
    """Redirect file descriptor 2 during the body.

    LiteRT prints a banner to native stderr and offers no option to disable it.
    """
    try:
        saved = os.dup(2)
    except OSError:  # the process has no stderr
        yield
        return
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(devnull)
