"""What is installed beside the devices, and whether the machine is fast enough."""

from pathlib import Path

from livecam.core.config import LiveSettings
from livecam.core.errors import ModelError, UsageError
from livecam.core.geometry import Size
from livecam.doctor.distro_packages import install_gl
from livecam.doctor.findings import Finding, make_finding
from livecam.doctor.host import Host

_SMALLER = (Size(1280, 720), Size(960, 540), Size(640, 480), Size(640, 360), Size(320, 240))


def check_opencv(system: Host) -> Finding:
    """Whether OpenCV loads: slim systems lack libraries that it wants."""
    why = system.load_error("cv2")
    if not why:
        return make_finding("opencv")
    # A library of the system, or the package itself.
    install = install_gl(system) if ".so" in why else "pip install --force-reinstall opencv-python"
    return make_finding("opencv-broken", why=why, install=install)


def check_model(system: Host, wanted: LiveSettings) -> Finding:
    """Whether the model can be read, is whole, and runs."""
    try:
        system.load(wanted.model, wanted.threads)
    except (UsageError, ModelError) as error:
        why = str(error).partition(";")[0]
        is_missing = isinstance(error, UsageError) or isinstance(error.__cause__, OSError)
        name = "weights-missing" if is_missing else "weights-damaged"
        return make_finding(name, model=wanted.model, why=why, mend=_repair(system, wanted.model))
    return make_finding("weights", model=wanted.model)


def _repair(system: Host, model: str) -> str:
    if model.endswith((".tflite", ".json")):
        return f"livecam export RUN {Path(model).with_suffix('.tflite')}"
    checkout = system.checkout()
    return f"git -C {checkout} checkout -- weights" if checkout else "pip install --force-reinstall ."


def check_performance(system: Host, wanted: LiveSettings) -> Finding:
    """Whether frames of the size asked for can be made at the rate asked for."""
    period = 1e3 / wanted.fps
    ms = system.measure_frame_time(wanted.model, wanted.threads, wanted.size)
    said: dict[str, object] = {"size": wanted.size, "ms": ms, "period": period, "fps": wanted.fps}
    if ms <= period:
        return make_finding("pace", **said)
    return make_finding("too-slow", rate=1e3 / ms, smaller=_smaller(system, wanted, period, ms), **said)


def _smaller(system: Host, wanted: LiveSettings, period: float, ms: float) -> str:
    """The options that this machine keeps up with."""
    for size in _SMALLER:
        if size.width * size.height < wanted.size.width * wanted.size.height:
            ms = system.measure_frame_time(wanted.model, wanted.threads, size)
            if ms <= period:
                return f"--size {size}"
    return f"--size {_SMALLER[-1]} --fps {max(1, int(1e3 / ms))}"
