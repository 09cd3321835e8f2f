"""The card beside a weights file: what goes in, what comes out, its origin. Written by the export alone."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livecam.core.errors import ModelError
from livecam.core.geometry import Size

FORMAT = 1


@dataclass(frozen=True)
class ModelCard:
    """What a weights file is.

    The input is one RGB picture of `size`, values `low` to `high`, float32 (1, height, width, 3). `outputs`
    tells for each output's name its place among the file's outputs; ``matte`` is (1, height, width, 1) in
    [0, 1]. The softmax over foreground, background and contour is either one output,
    ``classes``, (1, height,
    width, 3), or one for each class by its name, (1, height / 2, width / 2, 4), whose 4 are two pixels beside
    each other and the two below them. `about` is for people: data, scores, parity.
    """

    name: str
    file: str
    sha256: str
    size: Size
    low: float
    high: float
    outputs: dict[str, int]
    about: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the card as JSON."""
        content = {
            "format": FORMAT,
            "name": self.name,
            "file": self.file,
            "sha256": self.sha256,
            "input": {
                "width": self.size.width,
                "height": self.size.height,
                "colours": "RGB",
                "range": [self.low, self.high],
            },
            "outputs": self.outputs,
            "about": self.about,
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_model_card(path: Path) -> ModelCard:
    """Read a card.

    Raises:
        ModelError: missing, no JSON, another format, or a field that is missing or of another kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"the weights' card {path} can't be read ({error.strerror}); a model is a .tflite file with "
            "its .json card beside it, made by `livecam export`"
        ) from error
    except ValueError as error:
        raise ModelError(f"the weights' card {path} is no JSON; copy or export the model again") from error
    try:
        if content["format"] != FORMAT or content["input"]["colours"] != "RGB":
            raise ModelError(f"{path} is a card of another format; export the model again with this livecam")
        low, high = content["input"]["range"]
        return ModelCard(
            name=str(content["name"]),
            file=str(content["file"]),
            sha256=str(content["sha256"]),
            size=Size(int(content["input"]["width"]), int(content["input"]["height"])),
            low=float(low),
            high=float(high),
            outputs={str(name): int(place) for name, place in content["outputs"].items()},
            about=dict(content.get("about", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{path} is not a livecam weights card ({error}); export the model again") from error
