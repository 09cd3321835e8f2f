"""The whole walk."""

from collections.abc import Iterator

from livecam.core.config import LiveSettings
from livecam.doctor.check_camera import check_camera
from livecam.doctor.check_installation import check_model, check_opencv, check_performance
from livecam.doctor.check_virtual_camera import check_virtual_camera
from livecam.doctor.findings import Finding
from livecam.doctor.host import Host


def run_checks(wanted: LiveSettings, system: Host | None = None) -> Iterator[Finding]:
    """Look at everything that a run with these settings needs, in the order of a frame's way.

    The camera is opened for two seconds, and the network runs for about as long.
    """
    system = system or Host()
    opencv = check_opencv(system)
    yield opencv
    # Camera and network are reached through it.
    if opencv.name == "opencv":
        yield from check_camera(system, wanted)
        weights = check_model(system, wanted)
        yield weights
        if weights.name == "weights":
            yield check_performance(system, wanted)
    yield from check_virtual_camera(system, wanted)
