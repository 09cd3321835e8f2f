"""Attributes of an image that are computed from the image and its true matte.

Glasses, hats and masks are not labelled in any data set used here, so there are no rows for them.
"""

import numpy as np

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import to_gray

LOW_LIGHT_LUMA = 70.0
"""Mean luma, 0 to 255."""
CUT_OFF_FRACTION = 0.1
"""Fraction of the bottom edge's width."""
FULL_BODY_ASPECT = 1.5
"""Height over width of the foreground's bounding box."""
SMALL_FOREGROUND_FRACTION = 0.15
"""Fraction of the image area."""
ATTRIBUTES = {
    "low light": f"mean luma below {LOW_LIGHT_LUMA:g} of 255",
    "head and shoulders": f"the foreground covers more than {CUT_OFF_FRACTION:.0%} of the bottom edge",
    "full body": f"the foreground ends above the bottom edge and is {FULL_BODY_ASPECT:g} times "
    "as high as wide or more",
    "small subject": f"the foreground covers less than {SMALL_FOREGROUND_FRACTION:.0%} of the image",
}


def image_attributes(frame: Frame, matte: Matte) -> tuple[str, ...]:
    """Return the names in `ATTRIBUTES` that apply to a frame and its true matte.

    Without foreground only ``low light`` can apply.
    """
    found = ["low light"] if float(to_gray(frame).mean()) < LOW_LIGHT_LUMA else []
    mask = matte > 0.5
    if not mask.any():
        return tuple(found)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    # Labels often leave out the last row or two.
    bottom = float(mask[-3:].any(axis=0).mean())
    if bottom > CUT_OFF_FRACTION:
        found.append("head and shoulders")
    if not bottom and np.ptp(rows) + 1 >= FULL_BODY_ASPECT * (np.ptp(columns) + 1):
        found.append("full body")
    if mask.mean() < SMALL_FOREGROUND_FRACTION:
        found.append("small subject")
    return tuple(found)
