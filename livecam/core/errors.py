"""The exceptions that livecam raises on purpose.

::

    LivecamError
    ├── UsageError         (ValueError)    an argument, option or name cannot be used; exit code 2
    ├── ImageError         (ValueError)    an image file cannot be read
    ├── VideoError         (OSError)       a video cannot be read or written
    ├── CameraError        (OSError)       the camera is missing or gives no frames
    │   ├── CameraBusyError                another program uses the camera
    │   └── CameraLostError                the camera was disconnected while it was in use
    ├── SinkError          (OSError)       a virtual camera, recording or preview cannot take frames
    ├── FileReadError      (OSError)       a file that livecam keeps cannot be read
    ├── FileWriteError     (OSError)       a file or folder cannot be written or deleted
    ├── FolderInUseError   (RuntimeError)  another process works in the folder
    ├── ModelError         (ValueError)    a model file or its card is missing, damaged or of another format
    ├── FrameError         (ValueError)    an array is not a frame
    ├── MatteError         (ValueError)    an array is not a matte
    ├── TrainingError      (RuntimeError)  the data or the run folder cannot be used for training
    ├── AnnotationError    (RuntimeError)  a SAM preset, the media or a data set cannot be used for labels
    ├── ClusterError       (RuntimeError)  a cluster of machines cannot be reached or used
    └── PageError          (OSError)       a page for the browser cannot be served

Each class names the event, not the caller, and is a built-in exception as well. The text is one line.
"""

import os


class LivecamError(Exception):
    """The base class of all errors of livecam.

    Attributes:
        problem: what is wrong, and where; one line without the remedy.
        hint: what the user can do; "" where the problem says all.
        path: the file or folder that the problem is about; None where there is none.
    """

    def __init__(self, problem: str = "", hint: str = "", *, path: os.PathLike[str] | None = None) -> None:
        super().__init__(f"{problem}; {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint
        self.path = path


class UsageError(LivecamError, ValueError):
    """An argument, option or name that the user gave cannot be used."""


class ImageError(LivecamError, ValueError):
    """An image file cannot be read."""


class VideoError(LivecamError, OSError):
    """A video cannot be read or written."""


class CameraError(LivecamError, OSError):
    """The camera is missing or gives no frames."""


class CameraBusyError(CameraError):
    """Another program uses the camera."""


class CameraLostError(CameraError):
    """The camera was disconnected while it was in use."""


class SinkError(LivecamError, OSError):
    """A sink cannot take frames."""


class FileReadError(LivecamError, OSError):
    """A file that livecam keeps cannot be read."""


class FileWriteError(LivecamError, OSError):
    """A file or folder cannot be written or deleted."""


class FolderInUseError(LivecamError, RuntimeError):
    """Another process works in the folder."""


class ModelError(LivecamError, ValueError):
    """A model file or its card is missing, damaged or of another format."""


class FrameError(LivecamError, ValueError):
    """An array is not a frame."""


class MatteError(LivecamError, ValueError):
    """An array is not a matte."""


class TrainingError(LivecamError, RuntimeError):
    """The data or the run folder cannot be used for training."""


class AnnotationError(LivecamError, RuntimeError):
    """A SAM preset, the media or a data set cannot be used for labels."""


class ClusterError(LivecamError, RuntimeError):
    """A cluster of machines cannot be reached or used."""


class PageError(LivecamError, OSError):
    """A page for the browser of this machine cannot be served."""
