"""Everything livecam raises on purpose.

::

    LivecamError
    ├── UsageError     (ValueError)    a word or number you gave can't be used; exit code 2
    ├── ImageError   (ValueError)    a picture can't be read
    ├── VideoError      (OSError)       a video can't be read or written
    ├── CameraError    (OSError)       the webcam is missing, busy or silent
    ├── SinkError      (OSError)       virtual camera, recording or preview can't take frames
    ├── ModelError   (ValueError)    weights or their card are missing, damaged or of another kind
    ├── FrameError     (ValueError)    what should be a frame is none
    ├── MatteError     (ValueError)    what should be a matte is none
    ├── TrainingError  (RuntimeError)  data or a run's folder can't be trained with
    └── AnnotationError (RuntimeError)  a SAM preset, pictures or a data set can't be labelled with

The text of each is one line and names the remedy.
"""


class LivecamError(Exception):
    """The root of the tree."""


class UsageError(LivecamError, ValueError):
    """A word or number the user gave can't be used."""


class ImageError(LivecamError, ValueError):
    """A picture can't be read."""


class VideoError(LivecamError, OSError):
    """A video can't be read or written."""


class CameraError(LivecamError, OSError):
    """The webcam is missing, busy or silent."""


class SinkError(LivecamError, OSError):
    """A sink can't take frames."""


class ModelError(LivecamError, ValueError):
    """Weights or their card are missing, damaged or of another kind."""


class FrameError(LivecamError, ValueError):
    """What should be a frame is none."""


class MatteError(LivecamError, ValueError):
    """What should be a matte is none."""


class TrainingError(LivecamError, RuntimeError):
    """Data or a run's folder can't be trained with."""


class AnnotationError(LivecamError, RuntimeError):
    """A SAM preset, pictures or a data set can't be labelled with."""
