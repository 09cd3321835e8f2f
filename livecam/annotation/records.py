"""A label as it is known, and ``annotations/labels.jsonl``: one in each line."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from livecam.core.errors import LabellingError
from livecam.core.fileio import put, reason


@dataclass(frozen=True)
class Label:
    """What is known of one labelled frame; `reasons` is why it is set aside, empty where it is not.

    `person` is what the compact model and SAM said of the person (scores, agreement, areas), `things` what
    was found of each thing kept beside; both as plain JSON.
    """

    name: str
    stem: str
    source: str
    number: int
    seconds: float
    preset: str
    reasons: tuple[str, ...] = ()
    person: Mapping[str, Any] = field(default_factory=dict)
    things: tuple[Mapping[str, Any], ...] = ()


def read_lines(path: Path) -> Iterator[Label]:
    """The labels of a file; none if there isn't any. A line that was cut off in the middle is removed.

    Raises:
        LabellingError: it can't be read.
    """
    try:
        content = path.read_bytes() if path.is_file() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            # That frame is done again.
            put(path, whole)
        for line in whole.decode().splitlines():
            plain = json.loads(line)
            plain |= {"reasons": tuple(plain["reasons"]), "things": tuple(plain["things"])}
            yield Label(**plain)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabellingError(
            f"{path} can't be read ({reason(error)}); mend it, or label into another folder"
        ) from error


def lines_of(labels: Iterable[Label]) -> str:
    """Labels as such a file holds them."""
    return "".join(json.dumps(asdict(label), ensure_ascii=False) + "\n" for label in labels)
