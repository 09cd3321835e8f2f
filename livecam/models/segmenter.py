"""Frame to small matte: LiteRT behind one verb."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from livecam.core.errors import ModelError
from livecam.core.types import Frame, Matte
from livecam.imaging.ops import downscale
from livecam.models.class_layout import CLASSES, decode_class_outputs
from livecam.models.model_card import ModelCard, read_model_card
from livecam.models.registry import resolve_model

ROUNDING = 1e-4
"""What a sum of three rounded shares may be off by."""


class LiteRTSegmenter:
    """The compact network, run by LiteRT on the processor."""

    def __init__(self, card: ModelCard, weights: bytes, threads: int = 2) -> None:
        """Make a segmenter of a card and the bytes of its ``.tflite`` file, run on `threads` threads.

        Raises:
            ModelError: LiteRT can't run the file, or its tensors are not what the card says.
        """
        self.card = card
        try:
            with suppress_native_stderr():
                self._interpreter = Interpreter(model_content=weights, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ModelError(f"{card.file} can't be run by LiteRT; copy or export the model again") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shape = (1, card.size.height, card.size.width)
        place = card.outputs.get("matte", -1)
        if len(inputs) != 1 or tuple(inputs[0]["shape"]) != (*shape, 3) or not 0 <= place < len(outputs):
            raise ModelError(f"{card.file} is not the model its card describes; copy or export both again")
        if tuple(outputs[place]["shape"]) != (*shape, 1):
            raise ModelError(f"{card.file}: output {place} is no matte; copy or export both files again")
        self._input, self._output = inputs[0]["index"], outputs[place]["index"]
        # What a card promises and the file has not is not believed.
        told = {name: outputs[at] for name, at in card.outputs.items() if 0 <= at < len(outputs)}
        layouts = {"classes": (*shape, 3)} | dict.fromkeys(CLASSES, (1, shape[1] // 2, shape[2] // 2, 4))
        self._classes = {
            name: told[name]["index"]
            for name, layout in layouts.items()
            if name in told and tuple(told[name]["shape"]) == layout
        }

    @classmethod
    def load(cls, model: str = "person", threads: int = 2) -> "LiteRTSegmenter":
        """Load a shipped model by its name, or any by the path of its ``.tflite`` or ``.json`` file.

        Raises:
            UsageError: no such model.
            ModelError: file or card missing, damaged or of another kind.
        """
        path = resolve_model(model)
        card = read_model_card(path)
        file = path.parent / card.file
        try:
            weights = file.read_bytes()
        except OSError as error:
            raise ModelError(
                f"the weights {file} can't be read ({error.strerror}); put them beside {path}"
            ) from error
        if hashlib.sha256(weights).hexdigest() != card.sha256:
            raise ModelError(
                f"{file} is damaged or not the file its card describes; copy or export both again"
            )
        return cls(card, weights, threads)

    def predict(self, frame: Frame) -> Matte:
        """The matte of a frame at the network's own size: float32 (card.size.height, card.size.width).

        A new array each time: nothing of it changes with the next frame.
        """
        small = downscale(frame, self.card.size)
        span = (self.card.high - self.card.low) / 255
        # LiteRT's own memory; it runs only while nobody holds it.
        picture = self._interpreter.tensor(self._input)()
        np.multiply(small[None], np.float32(span), out=picture)
        if self.card.low:
            picture += np.float32(self.card.low)
        del picture
        self._interpreter.invoke()
        return clip_rounding(np.asarray(self._interpreter.get_tensor(self._output)[0, :, :, 0], np.float32))

    def class_probabilities(self) -> NDArray[np.float32] | None:
        """What the network said of the last frame: the softmax over foreground, background and contour.

        float32 (card.size.height, card.size.width, 3), a new array; None if the model doesn't tell classes.
        """
        told = {name: self._interpreter.get_tensor(index)[0] for name, index in self._classes.items()}
        return decode_class_outputs(told)


def clip_rounding(matte: Matte) -> Matte:
    """The matte, in place, without what a sum of rounded shares has above 1; what is more wrong stays so."""
    np.copyto(matte, np.float32(1.0), where=(matte > 1.0) & (matte < 1.0 + ROUNDING))
    return matte


@contextmanager
def suppress_native_stderr() -> Iterator[None]:
    """LiteRT greets on the process's stderr, whoever reads there, and has no switch for it."""
    try:
        kept = os.dup(2)
    except OSError:  # there is nobody to hear it
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
