"""From camera to sink, and what of it is waiting."""

import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from small_model import write_model

from livecam.frames import Size
from livecam.latest import Latest
from livecam.pipeline import Pipeline

FPS = 20.0


@pytest.fixture(scope="module")
def latency() -> ModuleType:
    path = Path(__file__).parent.parent / "scripts" / "latency"
    spec = spec_from_loader("latency", SourceFileLoader("latency", str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def measure(latency: ModuleType, tmp_path: Path) -> Any:
    model = str(write_model(tmp_path))
    return lambda: latency.measure(Size(64, 48), FPS, 30, model, "teal")


def test_a_quick_pipeline_shows_every_frame_at_once(latency: ModuleType, measure: Any) -> None:
    result = measure()
    assert (result["out_of_order"], result["repeated"]) == (0, 0)
    assert result["shown"] >= 20
    assert 0 < result["processing_ms"]["p50"] < result["delay_ms"]["p50"]
    # The median, as the machine that runs this may be busy with other things now and then.
    assert result["beyond_ms"]["p50"] <= result["period_ms"] == 50.0
    table = latency.table(result).splitlines()
    assert len({line.count("|") for line in table}) == 1


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    matte = Pipeline.matte

    def slowly(self: Pipeline, frame: Any) -> Any:
        time.sleep(2.5 / FPS)
        return matte(self, frame)

    monkeypatch.setattr(Pipeline, "matte", slowly)


@pytest.mark.usefixtures("slow")
def test_a_slow_pipeline_drops_frames_and_lets_none_wait_longer_than_a_period(measure: Any) -> None:
    result = measure()
    assert 4 <= result["shown"] <= 16
    assert (result["out_of_order"], result["repeated"]) == (0, 0)
    assert result["processing_ms"]["p50"] >= 125
    assert result["beyond_ms"]["p50"] <= result["period_ms"]


@pytest.mark.usefixtures("slow")
def test_frames_that_queue_are_noticed(measure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def queue(self: Latest[Any], item: Any) -> None:
        with self._changed:
            if not self._closed:
                self._slot.insert(0, item)
                self._changed.notify()

    monkeypatch.setattr(Latest, "put", queue)
    assert any("frames wait" in said for said in measure()["broken"])
