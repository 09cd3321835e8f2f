from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.core.errors import FileWriteError
from livecam.training.data.scene_renderer import TrainingExample
from livecam.training.figures import plot_curves, plot_predictions, plot_scenes, plot_trimaps


def a_view(value: int = 10) -> TrainingExample:
    frame = np.full((48, 64, 3), (value, 0, 0), np.uint8)
    labels = np.full((48, 64), 2, np.uint8)
    labels[:, 40:] = 1
    matte = np.where(labels == 1, 255, 0).astype(np.uint8)
    known = np.full((48, 64), 255, np.uint8)
    known[:, 30:40] = 0
    return TrainingExample(frame, labels, matte, known)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_scenes_show_frame_matte_and_trimap_under_each_other(tmp_path: Path) -> None:
    plot_scenes([a_view(200)] * 5, tmp_path / "scenes.png")
    sheet = read(tmp_path / "scenes.png")

    assert sheet.shape == (2 * 3 * 48, 4 * 64, 3)
    assert (sheet[10, 10] == (200, 0, 0)).all()
    assert (sheet[58, 50] == 255).all()
    assert (sheet[106, 35] == (255, 0, 0)).all()
    # The fifth example starts a second row; the rest of that row is black.
    assert (sheet[144 + 10, 10] == (200, 0, 0)).all()
    assert not sheet[144:, 64:].any()


def test_predictions_show_the_subject_on_green(tmp_path: Path) -> None:
    matte = np.zeros((48, 64), np.float32)
    matte[:, 40:] = 1
    plot_predictions([a_view(90)], [matte], tmp_path / "predictions.png")
    sheet = read(tmp_path / "predictions.png")

    assert (sheet[150, 10] == (0, 177, 64)).all()
    assert (sheet[150, 50] == (90, 0, 0)).all()
    assert (sheet[100, 50] == 255).all()


def test_trimaps_stand_beside_their_image_the_true_one_first(tmp_path: Path) -> None:
    images = np.full((2, 10, 20, 3), 77, np.uint8)
    true, predicted = np.full((2, 10, 20), 2, np.uint8), np.full((2, 10, 20), 3, np.uint8)
    true[1] = 1
    plot_trimaps(images, true, predicted, tmp_path / "trimaps.png")
    sheet = read(tmp_path / "trimaps.png")

    assert sheet.shape == (2 * 10, 3 * 20, 3)
    assert [int(sheet[5, across, 0]) for across in (10, 30, 50)] == [77, 0, 128]
    assert [int(sheet[15, across, 0]) for across in (10, 30, 50)] == [77, 255, 128]


def test_curves_are_an_image_with_something_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the train extra: pip install 'livecam[train]'")
    history = tmp_path / "history.csv"
    history.write_text("epoch,miou,foreground_iou,boundary_f,mad,loss\n1,50,40,30,90,2\n2,60,50,40,80,1\n")

    plot_curves(history, tmp_path / "curves.png")

    assert len(np.unique(read(tmp_path / "curves.png").reshape(-1, 4), axis=0)) > 10


def test_a_sheet_that_can_t_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileWriteError, match=r"can't write .*scenes\.png"):
        plot_scenes([a_view()], tmp_path / "missing" / "scenes.png")


def test_curves_are_drawn_of_the_scores_that_a_history_has(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the train extra: pip install 'livecam[train]'")
    (tmp_path / "history.csv").write_text(
        "epoch,loss,test_loss,foreground_iou,miou\n1,2,3,40,50\n2,1,2,50,60\n"
    )

    plot_curves(tmp_path / "history.csv", tmp_path / "curves.png")

    assert len(np.unique(read(tmp_path / "curves.png").reshape(-1, 4), axis=0)) > 10
