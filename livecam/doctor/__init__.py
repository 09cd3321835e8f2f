"""Walks the whole chain from camera to call and says what is fine, what is not and what mends it."""

from livecam.doctor.examine import examine
from livecam.doctor.findings import Finding
from livecam.doctor.system import System
from livecam.doctor.texts import Level

__all__ = ["Finding", "Level", "System", "examine"]
