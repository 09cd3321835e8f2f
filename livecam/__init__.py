"""livecam: real-time video background replacement that never shows your room.

The way of a frame::

    source ─▶ segmenter ─▶ smoother ─▶ edges ─▶ composite ─▶ sinks
    frame     small matte   calm matte   full matte  frame       virtual camera, recorder, preview
                                            ▲
                                        backdrop

    pipeline = livecam.Pipeline.load(background="beach.jpg")
    shown = pipeline.replace(frame)          # uint8 RGB in, uint8 RGB out
    livecam.run(source, pipeline, sinks)     # the loop of the command line
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.6.0"
__all__ = ["Frame", "LivecamError", "Matte", "Pipeline", "Size", "run"]

if TYPE_CHECKING:
    from livecam.core.errors import LivecamError
    from livecam.core.geometry import Size
    from livecam.core.types import Frame, Matte
    from livecam.pipeline import Pipeline
    from livecam.runtime.live_loop import run

_HOMES = {
    "Frame": "core.types",
    "LivecamError": "core.errors",
    "Matte": "core.types",
    "Pipeline": "pipeline",
    "Size": "core.geometry",
    "run": "runtime.live_loop",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import livecam` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module 'livecam' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"livecam.{_HOMES[name]}"), name)
