import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from livecam.core.errors import TrainingError, UsageError

keras = pytest.importorskip("keras", reason="needs the train extra: pip install 'livecam[train]'")

from livecam.training.distribution import data_parallel  # noqa: E402
from livecam.training.textbook import TrimapDataset  # noqa: E402

pytestmark = pytest.mark.training
TOP = Path(__file__).parent.parent.parent
NEAR = 1e-4
"""Relative difference of an epoch's losses: sums of float32 in another order, and Adam's steps after them."""

TRAIN = """
import json, sys
import jax
import keras
from livecam.cli.main import main
from livecam.training import matting, textbook

textbook.WIDTHS = (8, 16, 16)
matting.VALIDATION_BATCHES = 1
shards = set()
compute_loss = keras.Model.compute_loss


def watch(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
    # The output inside the compiled step: the part of each device, and how many devices have one.
    def see(sharding):
        shards.add((y_pred.shape[0], sharding.shard_shape(y_pred.shape)[0], len(sharding.device_set)))

    jax.debug.inspect_array_sharding(jax.lax.stop_gradient(y_pred), callback=see)
    return compute_loss(self, x, y, y_pred, sample_weight, training)


keras.Model.compute_loss = watch
code = main(sys.argv[1:])
assert len(jax.devices()) == 2, jax.devices()
print("SHARDS", json.dumps(sorted(shards)))
sys.exit(code)
"""

STOP_AFTER_TWO_EPOCHS = """
from livecam.training.checkpoint import Checkpoint
write = Checkpoint.write


def stop(self, run):
    write(self, run)
    if self.epoch == 2:
        raise KeyboardInterrupt


Checkpoint.write = stop
"""

needs_jax = pytest.mark.skipif(not find_spec("jax"), reason="JAX is missing: pip install 'livecam[jax]'")


def run_on_jax(*options: object, code: str = TRAIN) -> "subprocess.CompletedProcess[str]":
    """Run `livecam train` on JAX, in a process that has two virtual devices."""
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TOP), os.environ.get("PYTHONPATH", "")])),
    }
    command = [sys.executable, "-c", code, "train", *map(str, options)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def history(run: Path) -> list[dict[str, float]]:
    header, *rows = (run / "history.csv").read_text().splitlines()
    return [dict(zip(header.split(","), map(float, row.split(",")), strict=True)) for row in rows]


def shards_of(done: "subprocess.CompletedProcess[str]") -> set[tuple[int, ...]]:
    assert done.returncode == 0, done.stderr
    return {tuple(shard) for shard in json.loads(done.stdout.partition("SHARDS ")[2])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_pets: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("devices")
    make_pets(folder / "pets", trainval=14, test=4)
    (folder / "rooms").mkdir()
    for i in range(4):
        Image.fromarray(data.astronaut()[i * 100 : i * 100 + 160, 250:450]).save(folder / f"rooms/{i}.jpg")
    return folder


def assert_same_losses(one: Path, two: Path, columns: tuple[str, ...]) -> None:
    a, b = history(one), history(two)
    assert len(a) == len(b) == 3
    assert len({row["loss"] for row in a}) == 3, "nothing was learned"
    for column in columns:
        np.testing.assert_allclose([r[column] for r in b], [r[column] for r in a], rtol=NEAR)


@needs_jax
def test_the_textbook_network_has_the_same_losses_on_two_devices_and_resumes_on_one(folder: Path) -> None:
    runs = {devices: folder / f"textbook{devices}" for devices in (1, 2)}
    options = [folder / "pets", "--network", "textbook", "--epochs", 3, "--batch", 4, "--seed", 5]

    shards = {n: shards_of(run_on_jax(*options, "--devices", n, "--out", run)) for n, run in runs.items()}

    # The last batch of 14 images has 2.
    assert shards == {1: {(4, 4, 1), (2, 2, 1)}, 2: {(4, 2, 2), (2, 1, 2)}}
    assert_same_losses(runs[1], runs[2], ("loss", "test_loss"))

    resumed = folder / "resumed"
    stopped = run_on_jax(*options, "--devices", 2, "--out", resumed, code=STOP_AFTER_TWO_EPOCHS + TRAIN)
    assert (stopped.returncode, len(history(resumed))) == (130, 2), stopped.stderr
    shards_of(run_on_jax(*options, "--devices", 1, "--out", resumed, "--resume"))
    assert_same_losses(runs[1], resumed, ("loss", "test_loss"))


@needs_jax
def test_a_matting_network_has_the_same_losses_on_two_devices(folder: Path) -> None:
    options: list[object] = [folder / "pets", "--rooms", folder / "rooms", "--network", "tiny"]
    options += ["--steps", 8, "--batch", 8, "--seed", 5, "--workers", 1]
    one, two = folder / "one", folder / "two"

    assert shards_of(run_on_jax(*options, "--epochs", 3, "--out", one)) == {(8, 8, 1)}
    assert shards_of(run_on_jax(*options, "--epochs", 3, "--devices", 2, "--out", two)) == {(8, 4, 2)}

    assert_same_losses(one, two, ("loss",))


@needs_jax
def test_more_devices_than_there_are_is_one_line_and_nothing_is_written(folder: Path) -> None:
    run = folder / "refused"
    done = run_on_jax(folder / "pets", "--network", "textbook", "--batch", 6, "--devices", 3, "--out", run)

    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("--devices 3 is more than JAX finds here (cpu:0, cpu:1); give 2 or less")
    )
    assert "Traceback" not in done.stderr
    assert not run.exists()


def test_without_jax_the_line_says_what_to_install(folder: Path) -> None:
    code = "import sys; sys.modules['jax'] = None\nfrom livecam.cli.main import main\nsys.exit(main())"
    done = run_on_jax(folder / "pets", "--out", folder / "refused", code=code)

    assert done.returncode == 1
    assert "training needs more packages (jax): pip install 'livecam[jax]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_a_backend_that_would_ignore_the_devices_is_refused(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)

    with pytest.raises(UsageError, match=rf"runs on {backend}; set KERAS_BACKEND=jax \(pip install"):
        data_parallel(2)


def test_one_device_sets_nothing_on_any_backend() -> None:
    with data_parallel(1):
        assert keras.distribution.distribution() is None


def test_every_batch_of_the_textbook_network_can_be_divided() -> None:
    images = np.arange(11, dtype=np.uint8).reshape(11, 1, 1, 1)
    sets = {n: TrimapDataset(images, images[..., 0], 4, seed=7, devices=n) for n in (1, 2, 4)}
    rows = {n: [len(batches[i][0]) for i in range(len(batches))] for n, batches in sets.items()}

    assert rows == {1: [4, 4, 3], 2: [4, 4, 2], 4: [4, 4]}
    for i in range(2):
        np.testing.assert_array_equal(sets[4][i][1], sets[1][i][1])
    with pytest.raises(TrainingError, match="3 images are too few for --devices 4"):
        TrimapDataset(images[:3], images[:3, ..., 0], 4, seed=7, devices=4)
