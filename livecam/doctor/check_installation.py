"""Installation checks: OpenCV, the model, and whether the machine is fast enough."""

from pathlib import Path

from livecam.core.config import LiveSettings
from livecam.core.errors import ModelError, UsageError
from livecam.core.geometry import Size
from livecam.doctor.distro_packages import install_gl
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import Host
from livecam.models.registry import model_suffix

_FALLBACK_SIZES = (Size(1280, 720), Size(960, 540), Size(640, 480), Size(640, 360), Size(320, 240))


def check_opencv(host: Host) -> Finding:
    """Check that OpenCV can be imported; minimal systems lack shared libraries that it needs."""
    reason = host.load_error("cv2")
    if not reason:
        return make_finding("opencv")
    # Either a shared library of the system is missing, or the package itself.
    install = install_gl(host) if ".so" in reason else "pip install --force-reinstall opencv-python"
    return make_finding("opencv-broken", why=reason, install=install)


def check_model(host: Host, settings: LiveSettings) -> Finding:
    """Check that the model can be read, is complete and runs."""
    try:
        host.load_model(settings.model, settings.threads)
    except (UsageError, ModelError) as error:
        is_missing = isinstance(error, UsageError) or isinstance(error.__cause__, OSError)
        name = "weights-missing" if is_missing else "weights-damaged"
        repair = _repair_command(host, settings.model)
        return make_finding(name, model=settings.model, why=error.problem, mend=repair)
    return make_finding("weights", model=settings.model)


def _repair_command(host: Host, model: str) -> str:
    if model_suffix(model):
        return f"livecam export RUN {Path(model).with_suffix('.tflite')}"
    checkout = host.checkout()
    return f"git -C {checkout} checkout -- weights" if checkout else "pip install --force-reinstall ."


def check_performance(host: Host, settings: LiveSettings) -> Finding:
    """Check that the machine makes frames of the requested size at the requested rate."""
    period_ms = 1e3 / settings.fps
    frame_ms = host.measure_frame_time(settings.model, settings.threads, settings.size)
    values: dict[str, object] = {
        "size": settings.size,
        "ms": frame_ms,
        "period": period_ms,
        "fps": settings.fps,
    }
    if frame_ms <= period_ms:
        return make_finding("pace", **values)
    smaller = _sustainable_options(host, settings, period_ms, frame_ms)
    return make_finding("too-slow", rate=1e3 / frame_ms, smaller=smaller, **values)


def _sustainable_options(host: Host, settings: LiveSettings, period_ms: float, frame_ms: float) -> str:
    """Return options with which this machine keeps the rate."""
    for size in _FALLBACK_SIZES:
        if size.width * size.height < settings.size.width * settings.size.height:
            frame_ms = host.measure_frame_time(settings.model, settings.threads, size)
            if frame_ms <= period_ms:
                return f"--size {size}"
    return f"--size {_FALLBACK_SIZES[-1]} --fps {max(1, int(1e3 / frame_ms))}"
