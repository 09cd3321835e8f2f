"""Deprecated: use `livecam.annotation.prompts`. `Prompt` still takes ``keep``, ``drop`` and ``rough``."""

import warnings
from collections.abc import Sequence

from livecam.annotation.prompts import Box, Point, parse_box, parse_point
from livecam.annotation.prompts import Prompt as _Prompt
from livecam.annotation.prompts import group_prompts as gather
from livecam.annotation.prompts import validate_prompt as check_prompt
from livecam.core.types import Matte

__all__ = ["Box", "Point", "Prompt", "check_prompt", "gather", "parse_box", "parse_point"]

warnings.warn("livecam.labelling.prompts is now livecam.annotation.prompts", DeprecationWarning, stacklevel=2)


class Prompt(_Prompt):
    """A prompt with the names of its parts before version 0.2."""

    def __init__(
        self,
        keep: Sequence[Point] = (),
        drop: Sequence[Point] = (),
        box: Box | None = None,
        rough: Matte | None = None,
    ) -> None:
        super().__init__(tuple(keep), tuple(drop), box, rough)

    @property
    def keep(self) -> tuple[Point, ...]:
        """The positive points."""
        return self.positive

    @property
    def drop(self) -> tuple[Point, ...]:
        """The negative points."""
        return self.negative

    @property
    def rough(self) -> Matte | None:
        """The rough matte."""
        return self.mask
