"""The memory that SAM needs is estimated before it is loaded."""

import json
from pathlib import Path

import pytest

from livecam.annotation.sam import memory_estimate as memory_estimate
from livecam.annotation.sam.memory_estimate import (
    MemoryEstimate,
    available_memory,
    check_memory,
    oom_as_error,
)
from livecam.annotation.sam.presets import PRESETS
from livecam.core.errors import AnnotationError


@pytest.fixture
def free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a /proc/meminfo with 5.1 GB available."""
    path = tmp_path / "meminfo"
    path.write_text("MemTotal: 9999999 kB\nMemFree: 10 kB\nMemAvailable:    5000000 kB\n")
    monkeypatch.setattr(memory_estimate, "_MEMINFO", path)
    return path


@pytest.mark.parametrize(("preset", "millions"), [*zip(PRESETS[1:], (93.7, 312.3, 641.1), strict=True)])
def test_the_weights_are_as_many_as_are_published(preset: str, millions: float) -> None:
    known = MemoryEstimate.of_preset(preset)
    assert known is not None
    assert known.weights / 4e6 == pytest.approx(millions, rel=0.01)


@pytest.mark.parametrize(("preset", "gigabytes"), [("sam_base_sa1b", 4.46), ("sam_large_sa1b", 6.62)])
def test_estimate_matches_the_measurement(preset: str, gigabytes: float) -> None:
    known = MemoryEstimate.of_preset(preset)
    assert known is not None
    assert known.total / 1e9 == pytest.approx(gigabytes, rel=0.05)


def test_a_larger_preset_takes_more() -> None:
    known = [MemoryEstimate.of_preset(preset) for preset in PRESETS]
    wholes = [each.total for each in known if each]
    assert wholes == sorted(wholes)
    assert len(wholes) == 4


def test_estimate_is_read_from_a_preset_config() -> None:
    encoder = {
        "hidden_size": 768, "num_layers": 12, "num_heads": 12, "intermediate_dim": 3072, "patch_size": 16,
        "window_size": 14, "global_attention_layer_indices": [2, 5, 8, 11], "image_shape": [1024, 1024, 3],
    }  # fmt: skip
    config = {"config": {"image_encoder": {"config": encoder}}}
    assert MemoryEstimate.of_config(config) == MemoryEstimate.of_preset("sam_base_sa1b")
    narrow = MemoryEstimate.of_config(
        {"config": {"image_encoder": {"config": encoder | {"global_attention_layer_indices": []}}}}
    )
    assert narrow is not None
    assert narrow.embedding < 0.32e9


@pytest.mark.parametrize(
    "config", [{}, {"config": None}, {"config": {"image_encoder": {"config": {}}}}, json.loads("[]")]
)
def test_incomplete_config_has_no_estimate(config: object) -> None:
    assert MemoryEstimate.of_config(config) is None  # type: ignore[arg-type]


def test_too_little_memory_names_what_would_fit(free: Path) -> None:
    huge = MemoryEstimate.of_preset("sam_huge_sa1b")
    assert huge is not None
    with pytest.raises(
        AnnotationError, match=r"sam_huge_sa1b needs about \d\.\d GB of memory, 5\.1 GB are free"
    ):
        check_memory("sam_huge_sa1b", huge)
    with pytest.raises(AnnotationError, match=r"use --preset sam_base_sa1b \(\d\.\d GB\)"):
        check_memory("sam_huge_sa1b", huge)


def test_if_nothing_fits_closing_programs_is_advised(free: Path) -> None:
    free.write_text("MemAvailable: 300000 kB\n")
    base = MemoryEstimate.of_preset("sam_base_sa1b")
    assert base is not None
    with pytest.raises(AnnotationError, match="close other programs"):
        check_memory("sam_base_sa1b", base)


def test_unknown_free_memory_refuses_nothing(free: Path) -> None:
    free.unlink()
    assert available_memory() is None
    check_memory("vast", MemoryEstimate(1e15, 1e15))
    assert MemoryEstimate(1.0, 1e15).batch(max_size=4) == 4


def test_batch_size_follows_the_free_memory(free: Path) -> None:
    assert MemoryEstimate(0, 1e9).batch() == 2
    assert MemoryEstimate(0, 1e6).batch(max_size=4) == 4
    assert MemoryEstimate(0, 1e12).batch() == 1


class ResourceExhaustedError(Exception):
    """Has the name of the TensorFlow error."""


@pytest.mark.parametrize("error", [MemoryError(), ResourceExhaustedError("OOM when allocating tensor")])
def test_memory_that_runs_out_is_one_line(error: Exception) -> None:
    with (
        pytest.raises(AnnotationError, match="memory ran out while looking; close other programs"),
        oom_as_error("looking"),
    ):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), oom_as_error("looking"):
        raise KeyError("x")
