"""The model card: JSON beside a model file that describes input, outputs and origin."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecam.core.errors import ModelError
from livecam.core.fileio import json_bytes, read_text, write_atomic
from livecam.core.geometry import Size

FORMAT = 1
"""The version of the JSON layout; a card of another version is refused."""


@dataclass(frozen=True)
class ModelCard:
    """What a model file expects and returns.

    Only `livecam export` and `livecam learn` write cards.

    Attributes:
        name: the name of the model.
        file: the name of the ``.tflite`` file, in the folder of the card.
        sha256: the checksum of that file, in hexadecimal digits.
        size: the size of the input: one RGB image, float32 (1, height, width, 3).
        input_range: the values that the input uses for black and for full brightness.
        outputs: output name to index among the outputs of the file. ``matte`` is (1, height, width, 1) in
            [0, 1]. The class probabilities (softmax over foreground, background and contour) are one output
            ``classes``, (1, height, width, 3), or one output for each class, (1, height / 2, width / 2, 4),
            packed as `class_layout.depth_to_space2` expects.
        metadata: what people want to know: data, scores, parity, licences. JSON key ``about``.
    """

    name: str
    file: str
    sha256: str
    size: Size
    input_range: tuple[float, float]
    outputs: dict[str, int]
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "ModelCard":
        """Read a card.

        Raises:
            ModelError: the file is missing, no JSON or of another format, or a field is missing or invalid.
        """
        try:
            content = json.loads(read_text(path))
        except OSError as error:
            raise ModelError(
                f"the weights' card {path} can't be read ({error.strerror})",
                "a model is a .tflite file with its .json card beside it, made by `livecam export`",
                path=path,
            ) from error
        except ValueError as error:
            problem = f"the weights' card {path} is no JSON"
            raise ModelError(problem, "copy or export the model again", path=path) from error
        try:
            if content["format"] == FORMAT and content["input"]["colours"] == "RGB":
                return cls._from_json(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"{path} is not a livecam weights card ({error})"
            raise ModelError(problem, "export the model again", path=path) from error
        problem = f"{path} is a card of another format"
        raise ModelError(problem, "export the model again with this livecam", path=path)

    @classmethod
    def _from_json(cls, content: dict[str, Any]) -> "ModelCard":
        low, high = content["input"]["range"]
        return cls(
            name=str(content["name"]),
            file=str(content["file"]),
            sha256=str(content["sha256"]),
            size=Size(int(content["input"]["width"]), int(content["input"]["height"])),
            input_range=(float(low), float(high)),
            outputs={str(name): int(index) for name, index in content["outputs"].items()},
            metadata=dict(content.get("about", {})),
        )

    def write(self, path: Path) -> None:
        """Write the card as JSON, completely or not at all.

        Raises:
            OSError: the file cannot be written.
        """
        content = {
            "format": FORMAT,
            "name": self.name,
            "file": self.file,
            "sha256": self.sha256,
            "input": {
                "width": self.size.width,
                "height": self.size.height,
                "colours": "RGB",
                "range": list(self.input_range),
            },
            "outputs": self.outputs,
            "about": self.metadata,
        }
        write_atomic(path, json_bytes(content))
