"""Runs all checks in order."""

from collections.abc import Iterator

from livecam.core.config import LiveSettings
from livecam.doctor.check_camera import check_camera
from livecam.doctor.check_installation import check_model, check_opencv, check_performance
from livecam.doctor.check_virtual_camera import check_virtual_camera
from livecam.doctor.findings import Finding
from livecam.doctor.host import Host


def run_checks(settings: LiveSettings, host: Host | None = None) -> Iterator[Finding]:
    """Check everything that a run with these settings needs, in the order of the frame path.

    Opens the camera for about two seconds and runs the model for about as long.

    Args:
        settings: the settings of the run.
        host: the system to examine; the real one if None.
    """
    host = host or Host()
    opencv = check_opencv(host)
    yield opencv
    # Camera and model need OpenCV.
    if opencv.name == "opencv":
        yield from check_camera(host, settings)
        model = check_model(host, settings)
        yield model
        if model.name == "weights":
            yield check_performance(host, settings)
    yield from check_virtual_camera(host, settings)
