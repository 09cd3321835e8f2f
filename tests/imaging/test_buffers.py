import numpy as np

from livecam.imaging import buffers

SHAPE = (97, 131)


def address_of(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_pooled_empty_uses_free_memory_again() -> None:
    first = buffers.pooled_empty(SHAPE, np.float32)
    address = address_of(first)
    del first
    assert address_of(buffers.pooled_empty(SHAPE, np.float32)) == address


def test_pooled_empty_never_returns_used_memory() -> None:
    held = [buffers.pooled_empty(SHAPE, np.float32) for _ in range(30)]
    for number, array in enumerate(held):
        array[:] = number
    assert all((array == number).all() for number, array in enumerate(held))


def test_view_of_a_view_keeps_the_memory() -> None:
    array = buffers.pooled_empty(SHAPE, np.uint8)
    array[:] = 7
    view = array[::2].T[3:].view(np.int8)[..., None]
    del array
    for _ in range(20):
        buffers.pooled_empty(SHAPE, np.uint8)[:] = 9
    assert (view == 7).all()


def test_pooled_empty_has_requested_shape_and_dtype() -> None:
    array = buffers.pooled_empty((5, 7, 3), np.float32)
    assert (array.shape, array.dtype) == ((5, 7, 3), np.dtype(np.float32))
    assert array.flags.writeable
    assert array.flags.c_contiguous
    assert buffers.pooled_empty((0, 4), np.uint8).size == 0


def test_pooled_empty_reuses_memory_for_a_similar_size() -> None:
    first = buffers.pooled_empty((90, 120), np.float32)
    address = address_of(first)
    del first
    assert address_of(buffers.pooled_empty((97, 131), np.float32)) == address


def test_pooled_empty_like_is_separate_memory() -> None:
    array = np.zeros((5, 7), np.float32)
    other = buffers.pooled_empty_like(array)
    other[:] = 3
    assert (other.shape, other.dtype, array.max()) == (array.shape, array.dtype, 0)


def test_pool_size_is_bounded() -> None:
    for side in range(1, 100):
        held = [buffers.pooled_empty((side, 11), np.uint8) for _ in range(20)]
        del held
    assert max(len(each) for each in buffers._free_blocks.values()) <= 8
    buffers.pooled_empty((12_000, 9_000), np.uint8)
    assert max(buffers._free_blocks) <= 1 << 26
