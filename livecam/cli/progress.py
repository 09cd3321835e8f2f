"""Progress bars on stderr. Library code reports progress through a callback ``(stage, done, total)``."""

from typing import Any

from livecam.cli.messages import print_message

_LABELS = {
    "record": "recording",
    "choose": "choosing",
    "label": "labelling",
    "decode": "decoding",
    "read": "reading",
    "evaluate": "evaluating",
    "segment": "segmenting",
}
_UNITS = {
    "record": "s",
    "choose": "frame",
    "label": "frame",
    "decode": "image",
    "read": "image",
    "evaluate": "frame",
    "segment": "image",
    "convert": "frame",
    "epoch": "batch",
}
_TRANSIENT_STAGES = ("record", "choose", "epoch")
"""Their bars disappear when the next stage begins."""


class ProgressReporter:
    """A progress bar with the time left; a new bar for every stage.

    The first word of a stage selects label and unit, for example ``decode test`` or ``epoch 3/60``.
    The object is a `livecam.core.progress.ProgressCallback`, and a context manager that closes the bar.
    Use it in one thread.

    Args:
        quiet: True: no bar. None or False: a bar, if stderr is a terminal.
        label: text before the bar, instead of the stage.
    """

    def __init__(self, quiet: bool | None = None, label: str = "") -> None:
        # tqdm: True disables the bar, None disables it unless stderr is a terminal.
        self._disable = True if quiet else None
        self._label = label
        self._stage = ""
        self._bar: Any = None
        self._failures = 0

    def __enter__(self) -> "ProgressReporter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Move the bar to `done` of `total` units; 0 as `total` means unknown."""
        if self._bar is None or stage != self._stage or done < self._bar.n:
            self._start(stage)
        # An estimated total may be too small.
        self._bar.total = max(total, done) if total else None
        self._bar.update(done - self._bar.n)

    def _start(self, stage: str) -> None:
        # Imported here, because --help and usage errors need no bar.
        from tqdm import tqdm

        self.close()
        kind, _, rest = stage.partition(" ")
        self._bar = tqdm(
            desc=self._label or f"{_LABELS.get(kind, kind)} {rest}".strip(),
            unit=_UNITS.get(kind, "step"),
            disable=self._disable,
            dynamic_ncols=True,
            leave=kind not in _TRANSIENT_STAGES,
        )
        self._stage = stage
        self.show_failures(self._failures)

    def show_failures(self, count: int) -> None:
        """Show at the end of the bar how many items failed; nothing for 0."""
        self._failures = count
        if self._bar is not None and count:
            self._bar.set_postfix_str(f"{count} failed")

    def close(self) -> None:
        """End the current bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def print_message(self, text: str) -> None:
        """Print a message for the user above the bar."""
        print_message(text)
