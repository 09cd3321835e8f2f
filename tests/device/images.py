"""Content of images: vivid's bars, the background, numbers painted into frames."""

import numpy as np

from livecam.core.geometry import Size
from livecam.core.types import Frame

TEAL = (0, 128, 128)
WHITE, YELLOW, CYAN, GREEN, MAGENTA, RED, BLUE, BLACK = range(8)
ROOM_BARS = (WHITE, MAGENTA, RED, BLUE, BLACK)
BITS = 12
PAINTED = Size(320, 240)


def bars(frame: Frame) -> np.ndarray:
    """Return the colors of the eight bars, above their center: int, shape (8, 3)."""
    step = frame.shape[1] / 8
    row = frame.shape[0] // 3
    return np.array([frame[row, int(step * (bar + 0.5))] for bar in range(8)], int)


def shows_person(frame: Frame) -> bool:
    red, green, blue = bars(frame)[GREEN]
    return bool(green > 150 and red < 60 and blue < 60)


def hides_room_bars(frame: Frame) -> bool:
    """Return whether the background, within 3 of 255, covers the bars of the room."""
    return bool((np.abs(bars(frame)[list(ROOM_BARS)] - TEAL) <= 3).all())


def shows_lost_message(frame: Frame) -> bool:
    """Return whether it is the background alone with a strip of text in its lower part."""
    height = frame.shape[0]
    above, strip = frame[: height // 2].astype(int), frame[int(height * 0.7) : int(height * 0.85)]
    is_background_only = (np.abs(above - TEAL) <= 3).all()
    return bool(is_background_only and strip.max() > 200 and strip[:, 0].max() < 80)


def paint_number(number: int, size: Size = PAINTED) -> Frame:
    """Paint a frame: person in the left three quarters, a block per bit; the rest is room."""
    frame = np.empty((size.height, size.width, 3), np.uint8)
    frame[:] = (255, 0, 255)
    width = size.width * 3 // 4 // BITS
    for bit in range(BITS):
        is_set = number >> bit & 1
        frame[:, bit * width : (bit + 1) * width] = (230, 230, 0) if is_set else (0, 230, 0)
    return frame


def read_number(frame: Frame) -> int | None:
    """Return the painted number; None if the person isn't shown."""
    width = frame.shape[1] * 3 // 4 // BITS
    row = frame[frame.shape[0] // 2].astype(int)
    blocks = [row[int(width * (bit + 0.3)) : int(width * (bit + 0.7))].mean(axis=0) for bit in range(BITS)]
    if any(block[1] < 170 or block[2] > 90 for block in blocks):
        return None
    return sum((block[0] > 115) << bit for bit, block in enumerate(blocks))
