"""Walks the whole chain from camera to call and says what is fine, what is not and what mends it."""

from livecam.doctor.findings import Finding
from livecam.doctor.host import Host
from livecam.doctor.messages import Level
from livecam.doctor.runner import run_checks

__all__ = ["Finding", "Host", "Level", "run_checks"]
