"""What a user sees while labels are made: a bar with the time left, and lines above it."""

from collections.abc import Callable
from typing import Any

_STAGES = {"record": ("recording", "s"), "choose": ("choosing", "frame"), "label": ("labelling", "frame")}


class ProgressReporter:
    """A progress bar with the time left, one for each stage; `say` takes the lines above it."""

    def __init__(self, quiet: bool | None, say: Callable[[str], None]) -> None:
        self._quiet, self._say = quiet, say
        self._stage = ""
        self._bar: Any = None

    def __enter__(self) -> "ProgressReporter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Any) -> None:
        """Move the bar; a new one for another stage."""
        from tqdm import tqdm

        if progress.stage != self._stage or (self._bar is not None and progress.done < self._bar.n):
            self.__exit__()
            words, unit = _STAGES[progress.stage]
            self._bar = tqdm(
                desc=words,
                unit=unit,
                disable=self._quiet,
                dynamic_ncols=True,
                leave=progress.stage == "label",
            )
            self._stage = progress.stage
        self._bar.total = progress.total or None
        self._bar.update(progress.done - self._bar.n)

    def say(self, words: str) -> None:
        """Words above the bar."""
        if self._bar is not None:
            self._bar.clear()
        self._say(words)
