"""Walks the whole chain from camera to call and says what is fine, what is not and what mends it."""

from livecam.doctor.findings import Finding
from livecam.doctor.host import System
from livecam.doctor.messages import Level
from livecam.doctor.runner import examine

__all__ = ["Finding", "Level", "System", "examine"]
