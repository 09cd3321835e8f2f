"""Motion between two frames."""

import cv2
import numpy as np

from livecam.core.types import Frame
from livecam.imaging.masks import Mask
from livecam.imaging.ops import to_gray


def came_from(mask: Mask, earlier: Frame, frame: Frame, max_difference: int) -> Mask:
    """Return the pixels of `frame` whose content was inside `mask` in an earlier frame.

    Content that comes out from behind something was nowhere in the earlier frame: its motion leads to a place
    of another color, and it is left out.

    Args:
        mask: bool (height, width).
        earlier: uint8 RGB (height, width, 3).
        frame: uint8 RGB of the same shape, at least 16 pixels a side.
        max_difference: how far the two colors of a pixel may differ, in levels of 255 of each channel.

    Reference: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = search.calc(to_gray(frame), to_gray(earlier), np.zeros((*mask.shape, 2), np.float32))
    rows, columns = np.indices(mask.shape, np.float32)
    columns, rows = columns + flow[..., 0], rows + flow[..., 1]
    inside = cv2.remap(mask.view(np.uint8) * np.uint8(255), columns, rows, cv2.INTER_LINEAR) > 127
    color = cv2.remap(earlier, columns, rows, cv2.INTER_LINEAR)
    difference = cv2.absdiff(color, frame)
    is_same = cv2.inRange(difference, np.zeros(3), np.full(3, max_difference - 1.0)) > 0
    return np.asarray(inside & is_same)
