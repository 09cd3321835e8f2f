"""Under which conditions a picture was taken, as far as the picture and its true matte tell.

Whether somebody wears glasses, a hat or a mask is written nowhere and can't be measured so.
"""

import numpy as np

from livecam.core.types import Frame, Matte
from livecam.imaging.ops import grey

DARK = 70.0
"""Mean luma of 255."""
CUT = 0.1
"""Of the bottom edge's width."""
SLENDER = 1.5
"""Height over width of the box round the subject."""
SMALL = 0.15
"""Of the picture's area."""
CONDITIONS = {
    "low light": f"mean luma below {DARK:g} of 255",
    "head and shoulders": f"the subject covers more than {CUT:.0%} of the bottom edge",
    "full body": f"the subject ends above the bottom edge and is {SLENDER:g} times as high as wide or more",
    "small subject": f"the subject covers less than {SMALL:.0%} of the picture",
}


def conditions_of(frame: Frame, matte: Matte) -> tuple[str, ...]:
    """Which of `CONDITIONS` hold for a frame and its true matte (of the subject: if there is one)."""
    found = ["low light"] if float(grey(frame).mean()) < DARK else []
    subject = matte > 0.5
    if not subject.any():
        return tuple(found)
    rows, columns = np.flatnonzero(subject.any(axis=1)), np.flatnonzero(subject.any(axis=0))
    # Labels often leave the last row or two out.
    bottom = float(subject[-3:].any(axis=0).mean())
    if bottom > CUT:
        found.append("head and shoulders")
    if not bottom and np.ptp(rows) + 1 >= SLENDER * (np.ptp(columns) + 1):
        found.append("full body")
    if subject.mean() < SMALL:
        found.append("small subject")
    return tuple(found)
