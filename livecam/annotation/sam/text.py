"""Instances of what words name, by SAM 3 of KerasHub.

Source: Carion et al., "SAM 3: Segment Anything with Concepts", 2025. It takes a short noun phrase and returns
all instances of it in an image. livecam does not come with its weights.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from livecam.annotation.geometry import bounding_box
from livecam.annotation.prompts import Box
from livecam.annotation.sam.memory_estimate import oom_as_error
from livecam.annotation.sam.presets import check_folder, load_reason
from livecam.core.errors import AnnotationError
from livecam.core.fileio import not_found_message
from livecam.core.geometry import Size
from livecam.core.native_logs import hide_tensorflow_info
from livecam.core.types import Frame, Matte, check_frame
from livecam.imaging.ops import resize, resize_float

TEXT_PRESET = "sam3_pcs"
MIN_TEXT_SCORE = 0.5
"""Score of an instance that is there; SAM 3's own limit."""
MIN_BOX_OVERLAP = 0.5
"""IoU of an instance's box and its mask's box below which the mask decides."""
_BACKBONE = "SAM3PromptableConceptBackbone"
_DOWNLOAD = "848 million weights, about 3.4 GB"


@dataclass(frozen=True, eq=False)
class TextInstance:
    """One instance of what a text names.

    Attributes:
        index: SAM 3's own number of it.
        score: SAM 3's confidence, 0 to 1.
        box: around it, in pixels of the image.
        matte: float32 (height, width) in [0, 1], of the image's size.
    """

    index: int
    score: float
    box: Box
    matte: Matte


class InstanceFinder(Protocol):
    """`TextSegmenter`, or a test double."""

    def find(self, frame: Frame, text: str) -> tuple[TextInstance, ...]:
        """Return all instances of what `text` names, the highest score first."""


class TextSegmenter:
    """A loaded SAM 3."""

    def __init__(self, task: Any) -> None:
        """Take a SAM3PromptableConceptImageSegmenter of KerasHub."""
        self._task = task
        height, width = task.backbone.vision_encoder.image_shape[:2]
        self._size = Size(int(width), int(height))

    @classmethod
    def load(cls, preset: str = TEXT_PRESET) -> "TextSegmenter":
        """Load `TEXT_PRESET`, which is downloaded once, or a directory that `save_to_preset` has written.

        Raises:
            AnnotationError: KerasHub is missing or too old, or the preset does not exist, can't be downloaded
                or is no SAM 3.
        """
        folder = _folder(preset)
        segmenter = _import_segmenter()
        try:
            with oom_as_error(f"loading {preset}"):
                return cls(segmenter.from_preset(str(folder or preset)))
        except AnnotationError:
            raise
        except Exception as error:  # Keras, HDF5 and the network raise errors of different types
            raise _load_error(preset, folder, error) from error

    def find(self, frame: Frame, text: str) -> tuple[TextInstance, ...]:
        """Return all instances of what `text` names with a score of at least `MIN_TEXT_SCORE`, best first.

        Raises:
            FrameError: not a uint8 array of shape (height, width, 3).
            AnnotationError: there is not enough memory.
        """
        size = Size.of(check_frame(frame))
        # Resized here, whatever the preset does with the aspect ratio: SAM 3 takes distorted images.
        square = resize(frame, self._size).astype(np.float32)
        with oom_as_error("looking for words"):
            output = self._task.predict({"images": square[None], "prompts": [text]}, verbose=0)
        scores = np.nan_to_num(np.asarray(output["scores"], np.float32)[0])
        order = sorted(np.flatnonzero(scores >= MIN_TEXT_SCORE), key=lambda query: -scores[query])
        instances = []
        for query in order:
            matte = _matte(output["masks"][0][query], size)
            box = _checked_box(_box(np.asarray(output["boxes"][0][query], np.float32), size), matte)
            instances.append(TextInstance(int(query), float(scores[query]), box, matte))
        return tuple(instances)


def _box(corners: Any, size: Size) -> Box:
    """Return a box in pixels, at least one pixel wide and inside the image, from one in 0 to 1."""
    left, right = np.clip(np.nan_to_num(corners[0::2]) * size.width - 0.5, -0.5, size.width - 0.5)
    top, bottom = np.clip(np.nan_to_num(corners[1::2]) * size.height - 0.5, -0.5, size.height - 0.5)
    left, top = min(left, size.width - 1.5), min(top, size.height - 1.5)
    return Box(float(left), float(top), float(max(right, left + 1)), float(max(bottom, top + 1)))


def _checked_box(box: Box, matte: Matte) -> Box:
    """Return `box`, or the one around the matte where the two contradict each other.

    SAM 3 predicts both. A box beside the object would make another SAM draw another object.
    """
    mask = matte > np.float32(0.5)
    if not mask.any():
        return box
    around = bounding_box(mask)
    return box if _overlap(box, around) >= MIN_BOX_OVERLAP else around


def _overlap(first: Box, second: Box) -> float:
    """Return the IoU of two boxes."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    common = max(0.0, width) * max(0.0, height)
    areas = [(each.right - each.left) * (each.bottom - each.top) for each in (first, second)]
    return common / max(1e-6, sum(areas) - common)


def _matte(mask: Any, size: Size) -> Matte:
    """Return a mask of any size as a matte of the image's size, also with damaged weights."""
    finite = np.clip(np.nan_to_num(np.asarray(mask, np.float32)), 0, 1)
    return resize_float(finite, size)


def _folder(preset: str) -> Path | None:
    if preset == TEXT_PRESET or "://" in preset:
        return None
    folder = Path(preset).expanduser()
    if not folder.is_dir():
        raise AnnotationError(
            f"{not_found_message(folder)}; --text-preset is {TEXT_PRESET}, or a folder with a SAM 3"
        )
    check_folder(folder, _BACKBONE, f"SAM 3; use {TEXT_PRESET} or a SAM 3's folder")
    return folder


def _import_segmenter() -> Any:
    try:
        with hide_tensorflow_info():
            import keras_hub

        return keras_hub.models.SAM3PromptableConceptImageSegmenter
    except ImportError as error:
        problem = f"words need SAM 3, and that needs more packages ({error.name})"
        hint = "pip install 'livecam[label]'; the word person needs none"
        raise AnnotationError(problem, hint) from error
    except AttributeError as error:
        raise AnnotationError("this KerasHub has no SAM 3", "pip install --upgrade keras-hub") from error


def _load_error(preset: str, folder: Path | None, error: Exception) -> AnnotationError:
    reason = load_reason(error)
    if folder is not None:
        return AnnotationError(f"{folder} can't be loaded as SAM 3 ({reason})", "copy the preset again")
    cache = os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub"
    fetch = f"import kagglehub; print(kagglehub.model_download('keras/sam3/keras/{TEXT_PRESET}'))"
    return AnnotationError(
        f"words other than person need SAM 3, and {preset} ({_DOWNLOAD}) can't be downloaded to {cache} "
        f"({reason})",
        f'run python -c "{fetch}" on a machine with a network, and give the folder it prints with '
        "--text-preset FOLDER",
    )
