"""livecam: real-time video background replacement that never shows your room.

::

    source -> segmenter -> temporal filter -> upsampler -> compositing -> sinks
    frame     coarse       filtered           full-size    frame          virtual camera, recorder, preview
              matte        matte              matte   ^
                                                 background

    pipeline = livecam.Pipeline.load(background="beach.jpg")
    replaced = pipeline.replace(frame)       # uint8 RGB in, uint8 RGB out
    livecam.run(source, pipeline, sinks)     # the loop of the command line

`README.md` in this folder is the manual of the package.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.8.0"
__all__ = [
    "AnnotationError",
    "CameraBusyError",
    "CameraError",
    "CameraLostError",
    "ClusterError",
    "FileReadError",
    "FileWriteError",
    "FolderInUseError",
    "Frame",
    "FrameError",
    "FramingMode",
    "ImageError",
    "LivecamError",
    "Matte",
    "MatteError",
    "ModelError",
    "PageError",
    "PictureSettings",
    "Pipeline",
    "PreviewWindow",
    "Recorder",
    "SinkError",
    "Size",
    "TrainingError",
    "UsageError",
    "VideoError",
    "VirtualCamera",
    "convert_video",
    "create_background",
    "open_source",
    "run",
]

if TYPE_CHECKING:
    from livecam.backgrounds.factory import create_background
    from livecam.core.config import PictureSettings
    from livecam.core.errors import (
        AnnotationError,
        CameraBusyError,
        CameraError,
        CameraLostError,
        ClusterError,
        FileReadError,
        FileWriteError,
        FolderInUseError,
        FrameError,
        ImageError,
        LivecamError,
        MatteError,
        ModelError,
        PageError,
        SinkError,
        TrainingError,
        UsageError,
        VideoError,
    )
    from livecam.core.geometry import FramingMode, Size
    from livecam.core.types import Frame, Matte
    from livecam.pipeline import Pipeline
    from livecam.runtime.convert import convert_video
    from livecam.runtime.live_loop import run
    from livecam.sinks.preview import PreviewSink as PreviewWindow
    from livecam.sinks.recorder import Recorder
    from livecam.sinks.virtual_camera import VirtualCameraSink as VirtualCamera
    from livecam.sources.factory import open_source

_LAZY_EXPORTS = {
    "Frame": "core.types:Frame",
    "Matte": "core.types:Matte",
    "FramingMode": "core.geometry:FramingMode",
    "PictureSettings": "core.config:PictureSettings",
    "Pipeline": "pipeline:Pipeline",
    "PreviewWindow": "sinks.preview:PreviewSink",
    "Recorder": "sinks.recorder:Recorder",
    "Size": "core.geometry:Size",
    "VirtualCamera": "sinks.virtual_camera:VirtualCameraSink",
    "convert_video": "runtime.convert:convert_video",
    "create_background": "backgrounds.factory:create_background",
    "open_source": "sources.factory:open_source",
    "run": "runtime.live_loop:run",
} | {name: f"core.errors:{name}" for name in __all__ if name.endswith("Error")}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that `import livecam` loads no other module."""
    if name not in _LAZY_EXPORTS:
        raise AttributeError(f"module 'livecam' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LAZY_EXPORTS[name].split(":")
    return getattr(import_module(f"livecam.{module}"), attribute)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
