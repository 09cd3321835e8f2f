"""Checks of everything between camera and call application, with a remedy for each problem."""

from livecam.doctor.findings import Finding
from livecam.doctor.host import Host
from livecam.doctor.messages import Level
from livecam.doctor.runner import run_checks

__all__ = ["Finding", "Host", "Level", "run_checks"]
