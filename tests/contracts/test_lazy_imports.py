"""Who may know whom: what is loaded when, which module imports which, who prints."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livecam.imaging.image_io import write_image
from livecam.sinks.recorder import Recorder
from tests.support.fakes import SIZE, is_person, secret_frame
from tests.support.tiny_model import write_model

TOP = Path(__file__).parent.parent.parent
PACKAGE = TOP / "livecam"
HEAVY = {"jax", "tensorflow", "keras", "keras_hub", "matplotlib", "ray", "skimage", "torch"}
STAGES = [
    "models/segmenter",
    "matting/temporal_filter",
    "matting/guided_filter",
    "imaging/compositing",
    "backgrounds/factory",
    "matting/scene_cut",
]
OFFLINE = {"annotation", "cli", "cluster", "personalization", "training"}
LIVE = sorted(p for p in PACKAGE.rglob("*.py") if p.relative_to(PACKAGE).parts[0] not in OFFLINE)
ALL = sorted(PACKAGE.rglob("*.py"))


def loaded_by(code: str, folder: Path) -> set[str]:
    """The modules that are loaded in a fresh interpreter after `code`."""
    code = f"import sys\n{code}\nprint('LOADED', *sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.partition("LOADED ")[2].split())


def test_the_package_alone_loads_nothing_else(tmp_path: Path) -> None:
    loaded = loaded_by("import livecam", tmp_path)
    assert "livecam" in loaded
    assert not loaded & {"numpy", "cv2", "av", *HEAVY}


def test_live_session_loads_no_pyav(tmp_path: Path) -> None:
    loaded = loaded_by("import livecam.runtime.session", tmp_path)
    assert {"livecam.runtime.session", "livecam.pipeline", "cv2"} <= loaded
    assert not loaded & {"av", "pyvirtualcam", *HEAVY}


def test_pipeline_with_blur_loads_no_pyav(tmp_path: Path) -> None:
    write_model(tmp_path)
    code = "import livecam\nlivecam.Pipeline.load('green.tflite', 'blur').close()"
    assert not loaded_by(code, tmp_path) & {"av", "pyvirtualcam", *HEAVY}


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    names = ("clip", "train", "export", "evaluate", "segment", "label", "learn", "models")
    commands = [[], *([name] for name in names)]
    code = f"from livecam.cli.main import main\nfor command in {commands}:"
    loaded = loaded_by(f"{code}\n    assert main([*command, '--help']) == 0", tmp_path)
    assert not loaded & {"ai_edge_litert", "av", "pyvirtualcam", *HEAVY}


RUNS = {
    "live": "--camera demo -b blur --model green.tflite --record o.mp4 --no-virtual-camera --seconds 0.3",
    "clip": "clip in.mp4 o.mp4 --model green.tflite -b blur",
}


@pytest.mark.parametrize("run", RUNS)
def test_a_whole_run_needs_nothing_of_training(run: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    with Recorder(tmp_path / "in.mp4", SIZE, 30) as recorder:
        recorder.send(secret_frame())
    loaded = loaded_by(f"from livecam.cli.main import main\nassert main({RUNS[run].split()}) == 0", tmp_path)
    assert (tmp_path / "o.mp4").exists()
    assert {"livecam.models.segmenter", "av", "cv2"} <= loaded
    assert not loaded & {"pyvirtualcam", "livecam.training", *HEAVY}


def test_a_run_without_the_panel_loads_no_web_server(tmp_path: Path) -> None:
    write_model(tmp_path)
    arguments = "--camera demo --model green.tflite --record o.mp4 --no-virtual-camera --seconds 0.3"
    code = f"from livecam.cli.main import main\nassert main({arguments.split()}) == 0"
    loaded = loaded_by(code, tmp_path)
    assert not {name for name in loaded if name.startswith(("livecam.panel", "livecam.web"))}
    assert not loaded & {"starlette", "uvicorn", "websockets", "asyncio"}


def test_labelling_without_a_page_loads_no_web_server(tmp_path: Path) -> None:
    loaded = loaded_by("import livecam.annotation.job, livecam.personalization.workflow", tmp_path)
    assert "livecam.annotation.job" in loaded
    assert not loaded & {"starlette", "uvicorn", "websockets"}


def test_evaluating_needs_neither_keras_nor_tensorflow(tmp_path: Path) -> None:
    write_model(tmp_path)
    for part in ("images", "annotations/trimaps"):
        (tmp_path / "data" / part).mkdir(parents=True)
    (tmp_path / "data" / "annotations" / "test.txt").write_text("person_1\n")
    frame = secret_frame()
    write_image(tmp_path / "data" / "images" / "person_1.png", frame)
    trimap = np.where(is_person(frame) > 0.5, 1, 2).astype(np.uint8)
    Image.fromarray(trimap).save(tmp_path / "data" / "annotations" / "trimaps" / "person_1.png")
    code = "from livecam.cli.main import main\nassert main(['evaluate', 'green.tflite', 'data']) == 0"
    loaded = loaded_by(code, tmp_path)
    assert "livecam.evaluation.evaluator" in loaded
    assert not loaded & HEAVY


def imported(path: Path) -> set[str]:
    """The whole names of all modules that a file imports anywhere, of livecam down to the module."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: imports are whole names here"
            names |= {node.module or ""} | {f"{node.module}.{name.name}" for name in node.names}
    return names


def test_the_check_sees_imports_wherever_they_stand(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("import a.b\ndef f():\n    from c import d\n")
    assert imported(path) == {"a.b", "c", "c.d"}


@pytest.mark.parametrize("stage", STAGES)
def test_stages_do_not_know_each_other_nor_the_pipeline(stage: str) -> None:
    above = ["pipeline", "runtime/live_loop", "runtime/session", "cli/main"]
    others = {f"livecam.{name}".replace("/", ".") for name in [*STAGES, *above] if name != stage}
    assert not imported(PACKAGE / f"{stage}.py") & others


@pytest.mark.parametrize("path", LIVE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_live_knows_training(path: Path) -> None:
    heavy = {name for name in imported(path) if name.partition(".")[0] in HEAVY or "training" in name}
    assert not heavy


@pytest.mark.parametrize("path", LIVE, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_is_above_the_loop(path: Path) -> None:
    above = {name for name in imported(path) if name.startswith(("livecam.cli", "livecam.runtime.session"))}
    assert not above or path.name == "__main__.py"


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_pyvirtualcam_is_known_to_one_module(path: Path) -> None:
    assert "pyvirtualcam" not in imported(path) or path.name == "virtual_camera.py"


def calls(path: Path) -> set[str]:
    """The names of all functions that a file calls, with what they are called on."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    loud = calls(path) & {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
    assert not loud or path.parent.name == "cli" or path.name == "__main__.py"


def test_the_check_for_printing_can_fail() -> None:
    assert "print" in calls(PACKAGE / "cli" / "messages.py")
