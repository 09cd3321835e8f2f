"""Files of a data set: written whole or not at all, with failures in our words."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livecam.core.errors import LabellingError
from livecam.core.fileio import reason


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What can't be written, in our words.

    Raises:
        LabellingError: instead of OSError.
    """
    try:
        yield
    except LabellingError:
        raise
    except OSError as error:
        raise LabellingError(
            f"can't write into {folder} ({reason(error)}); mend that and run the same command again, "
            "it goes on where it stopped"
        ) from error


def encode(picture: NDArray[np.uint8], suffix: str) -> bytes:
    """A picture, RGB or of one channel, as the bytes of a ``.png`` or ``.jpg``."""
    written = io.BytesIO()
    image = Image.fromarray(picture)
    if suffix == ".png":
        image.save(written, "PNG")
    else:
        image.save(written, "JPEG", quality=95, subsampling=0)
    return written.getvalue()


def json_bytes(plain: Any) -> bytes:
    """As people can read it, for `put`."""
    return (json.dumps(plain, indent=1, ensure_ascii=False) + "\n").encode()


def read_json(path: Path, missing: Any = None) -> Any:
    """What is in a file; `missing`, if given, where there is none.

    Raises:
        LabellingError: it can't be read.
    """
    if missing is not None and not path.exists():
        return missing
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LabellingError(
            f"{path} can't be read ({reason(error)}); mend it, or label into another folder"
        ) from error
