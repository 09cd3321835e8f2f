"""Under which conditions a picture was taken, as far as the picture and its true matte tell.

Whether somebody wears glasses, a hat or a mask is written nowhere and can't be measured so.
"""

import numpy as np

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import to_gray

LOW_LIGHT_LUMA = 70.0
"""Mean luma of 255."""
CUT_OFF_SHARE = 0.1
"""Of the bottom edge's width."""
FULL_BODY_ASPECT = 1.5
"""Height over width of the box round the subject."""
SMALL_SUBJECT_SHARE = 0.15
"""Of the picture's area."""
ATTRIBUTES = {
    "low light": f"mean luma below {LOW_LIGHT_LUMA:g} of 255",
    "head and shoulders": f"the subject covers more than {CUT_OFF_SHARE:.0%} of the bottom edge",
    "full body": f"the subject ends above the bottom edge and is {FULL_BODY_ASPECT:g} times "
    "as high as wide or more",
    "small subject": f"the subject covers less than {SMALL_SUBJECT_SHARE:.0%} of the picture",
}


def image_attributes(frame: Frame, matte: Matte) -> tuple[str, ...]:
    """Which of `ATTRIBUTES` hold for a frame and its true matte (of the subject: if there is one)."""
    found = ["low light"] if float(to_gray(frame).mean()) < LOW_LIGHT_LUMA else []
    subject = matte > 0.5
    if not subject.any():
        return tuple(found)
    rows, columns = np.flatnonzero(subject.any(axis=1)), np.flatnonzero(subject.any(axis=0))
    # Labels often leave the last row or two out.
    bottom = float(subject[-3:].any(axis=0).mean())
    if bottom > CUT_OFF_SHARE:
        found.append("head and shoulders")
    if not bottom and np.ptp(rows) + 1 >= FULL_BODY_ASPECT * (np.ptp(columns) + 1):
        found.append("full body")
    if subject.mean() < SMALL_SUBJECT_SHARE:
        found.append("small subject")
    return tuple(found)
