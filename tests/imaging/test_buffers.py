import numpy as np

from livecam.imaging import buffers as memory

SHAPE = (97, 131)


def place(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_nobody_holds_any_more_is_used_again() -> None:
    first = memory.pooled_empty(SHAPE, np.float32)
    where = place(first)
    del first
    assert place(memory.pooled_empty(SHAPE, np.float32)) == where


def test_what_is_still_held_is_never_given_out_again() -> None:
    held = [memory.pooled_empty(SHAPE, np.float32) for _ in range(30)]
    for number, array in enumerate(held):
        array[:] = number
    assert all((array == number).all() for number, array in enumerate(held))


def test_a_view_of_a_view_is_enough_to_hold_it() -> None:
    array = memory.pooled_empty(SHAPE, np.uint8)
    array[:] = 7
    view = array[::2].T[3:].view(np.int8)[..., None]
    del array
    for _ in range(20):
        memory.pooled_empty(SHAPE, np.uint8)[:] = 9
    assert (view == 7).all()


def test_arrays_are_what_was_asked_for() -> None:
    array = memory.pooled_empty((5, 7, 3), np.float32)
    assert (array.shape, array.dtype) == ((5, 7, 3), np.dtype(np.float32))
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert memory.pooled_empty((0, 4), np.uint8).size == 0


def test_memory_is_used_again_for_another_part_of_a_picture() -> None:
    first = memory.pooled_empty((90, 120), np.float32)
    where = place(first)
    del first
    assert place(memory.pooled_empty((97, 131), np.float32)) == where


def test_memory_like_an_array_is_another_one_of_its_shape_and_kind() -> None:
    array = np.zeros((5, 7), np.float32)
    other = memory.pooled_empty_like(array)
    other[:] = 3
    assert (other.shape, other.dtype, array.max()) == (array.shape, array.dtype, 0)


def test_what_is_kept_for_later_is_bounded() -> None:
    for side in range(1, 100):
        held = [memory.pooled_empty((side, 11), np.uint8) for _ in range(20)]
        del held
    assert max(len(each) for each in memory._free_blocks.values()) <= 8
    memory.pooled_empty((12_000, 9_000), np.uint8)
    assert max(memory._free_blocks) <= 1 << 26
