import numpy as np
import pytest

from livecam.backgrounds import notice
from livecam.backgrounds.notice import lay_notice

BLUE = np.full((180, 320, 3), (20, 40, 160), np.uint8)


def test_words_stand_on_a_darker_strip_below_the_middle():
    shown = lay_notice(BLUE, "camera lost")
    changed = (shown != BLUE).any(axis=2)
    rows = np.flatnonzero(changed.any(axis=1))
    assert rows.min() > 90
    assert changed[rows.min() : rows.max() + 1].all()
    assert (shown[rows].max(axis=(0, 1)) > 220).all()
    assert (shown[: rows.min()] == BLUE[0]).all()


def test_the_picture_itself_stays_as_it_is_and_the_notice_is_never_written_again():
    before = BLUE.copy()
    shown = lay_notice(BLUE, "camera lost")
    assert (before == BLUE).all()
    assert not shown.flags.writeable


def test_other_words_make_another_notice():
    assert (lay_notice(BLUE, "camera lost") != lay_notice(BLUE, "paused")).any()


@pytest.mark.parametrize("shape", [(180, 320, 4), (16, 16, 3), (1, 1, 3), (40, 2000, 3)])
def test_cutouts_and_small_pictures_have_room_for_no_words_and_come_back_all_the_same(shape):
    picture = np.zeros(shape, np.uint8)
    shown = lay_notice(picture, "camera lost")
    assert shown.shape == shape
    assert (shape[1] == 2000) or (shown == picture).all()


def test_a_notice_that_cannot_be_drawn_does_not_cost_the_picture(monkeypatch):
    def fail(*_):
        raise OSError("no font")

    monkeypatch.setattr(notice, "draw_words", fail)
    assert (lay_notice(BLUE, "camera lost") == BLUE).all()
