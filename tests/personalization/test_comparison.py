from pathlib import Path

import numpy as np
import pytest

from livecam.core.geometry import Size
from livecam.datasets.evaluation_set import LabeledFrame
from livecam.imaging.image_io import read_image
from livecam.personalization.comparison import ComparisonResult, compare
from tests.support.fakes import SIZE, is_person, secret_frame
from tests.support.tiny_model import write_model


@pytest.mark.parametrize(
    ("own", "other", "reason"),
    [
        ((90.0, 90.0), (97.0, 97.0), "not cut out better"),
        ((90.0, 89.0), (97.0, 99.0), "not cut out better"),
        ((90.0, float("nan")), (97.0, 97.0), "not cut out better"),
        ((90.0, 95.0), (97.0, 96.45), "became worse"),
        ((90.0, 95.0), (97.0, float("nan")), "became worse"),
    ],
)
def test_a_model_that_is_not_better_has_a_reason(
    own: tuple[float, float], other: tuple[float, float], reason: str
) -> None:
    assert reason in ComparisonResult(own, other, 3).reason
    assert not ComparisonResult((90.0, 90.1), (97.0, 96.6), 3).reason


def test_compare_uses_the_pipeline_and_sorts_by_iou(tmp_path: Path) -> None:
    model = str(write_model(tmp_path))
    frames = []
    for number in range(3):
        frame = secret_frame(number)
        matte = is_person(frame)
        # The middle frame is labelled as all foreground, which no model predicts.
        frames.append(
            LabeledFrame(frame, np.ones_like(matte) if number == 1 else matte, np.ones(matte.shape, bool))
        )
    result = compare((model, model), frames, frames[:1], tmp_path / "seen.png")

    assert result.held_out[0] == result.held_out[1]
    assert 50 < result.held_out[0] < 90
    assert result.regression[0] > 90
    assert "not cut out better" in result.reason
    figure = read_image(tmp_path / "seen.png").image
    assert Size.of(figure).width == 4 * SIZE.width
    top = figure[-3 * SIZE.height : -2 * SIZE.height, 3 * SIZE.width :]
    np.testing.assert_array_equal(top, frames[1].frame)
