"""Scores of an evaluation that is not finished: a line of JSON for each sample."""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from livecam.core.fileio import translate_os_errors
from livecam.evaluation.report import SampleResult
from livecam.evaluation.worst_cases import WorstCase, WorstCases

JOURNAL = ".scores.jsonl"
"""The name in the folder of the results."""


@dataclass(frozen=True)
class SampleScore:
    """The score of a sample, and its places among the worst cases so far."""

    result: SampleResult
    cases: Mapping[str, WorstCase]

    def to_dict(self) -> dict[str, Any]:
        """Return the score for JSON; numbers keep all their digits."""
        result = self.result
        return {
            "name": result.name,
            "group": result.group,
            "attributes": list(result.attributes),
            "metrics": result.metrics,
            "milliseconds": list(result.milliseconds),
            "cases": {metric: _case_to_dict(case) for metric, case in self.cases.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "SampleScore":
        """Return the score of its JSON form."""
        result = SampleResult(
            values["name"],
            values["group"],
            tuple(values["attributes"]),
            values["metrics"],
            tuple(values["milliseconds"]),
        )
        cases = {metric: _case_from_dict(result.name, case) for metric, case in values["cases"].items()}
        return cls(result, cases)


class ScoreJournal:
    """The scores of an interrupted evaluation of the same model and data. Used by one thread.

    Attributes:
        results: the results by the position of the sample.
        worst: the worst cases of these samples.
    """

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Read the scores of an earlier run; of other settings there are none, and nothing is written.

        Args:
            folder: of the results; it may not exist yet.
            fingerprint: differs for other results.
        """
        self._path, self._fingerprint = folder / JOURNAL, fingerprint
        self.results: dict[int, SampleResult] = {}
        self.worst = WorstCases()
        self._begun = self._read()

    def add(self, position: int, score: SampleScore) -> None:
        """Write a score; the folder must exist.

        Raises:
            FileWriteError: it can't be written.
        """
        line = json.dumps({"position": position, **score.to_dict()}) + "\n"
        with translate_os_errors(self._path.parent):
            if not self._begun:
                self._path.write_text(json.dumps(self._fingerprint) + "\n", encoding="utf-8")
                self._begun = True
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
        self._keep(position, score)

    def remove(self) -> None:
        """Delete the file, because the report is written.

        Raises:
            FileWriteError: it can't be deleted.
        """
        with translate_os_errors(self._path.parent):
            self._path.unlink(missing_ok=True)

    def _keep(self, position: int, score: SampleScore) -> None:
        self.results[position] = score.result
        self.worst.merge(score.cases)

    def _read(self) -> bool:
        """Read the file; return whether it is of this evaluation."""
        try:
            content = self._path.read_bytes()
            # A run that was killed may have left a part of a line.
            complete = content[: content.rfind(b"\n") + 1]
            if complete != content:
                self._path.write_bytes(complete)
            first, *lines = complete.decode().splitlines()
            if json.loads(first) != self._fingerprint:
                return False
            for line in lines:
                values = json.loads(line)
                self._keep(values["position"], SampleScore.from_dict(values))
        except (OSError, ValueError, TypeError, KeyError, zlib.error):
            # Missing, damaged, or of another version: the rest is scored again.
            return False
        return True


def _case_to_dict(case: WorstCase) -> dict[str, Any]:
    return {
        "badness": case.badness,
        "number": case.number,
        "metrics": case.metrics,
        "shape": case.strip.shape,
        "strip": base64.b64encode(zlib.compress(case.strip.tobytes())).decode(),
    }


def _case_from_dict(name: str, values: Mapping[str, Any]) -> WorstCase:
    content = zlib.decompress(base64.b64decode(values["strip"]))
    strip = np.frombuffer(content, np.uint8).reshape(values["shape"])
    return WorstCase(values["badness"], name, values["number"], values["metrics"], strip)
