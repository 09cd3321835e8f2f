import platform

from livecam.training.malloc import retain_freed_memory


def test_glibc_takes_the_advice_and_others_are_left_alone() -> None:
    assert retain_freed_memory() == (platform.libc_ver()[0] == "glibc")
