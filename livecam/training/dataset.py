"""Scenes drawn from subjects and rooms, and the batches a network learns from.

A scene is one of: a real picture cropped and stretched, one or two subjects pasted on a room, or a room or clothes
alone. A scene can be shot twice, the subject and the camera moved a little in between: such pairs teach steadiness.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from livecam.frames import Frame, Size
from livecam.training.augment import (
    Faults,
    Light,
    Rng,
    Transform,
    cut_out,
    match_light,
    nudge,
    place,
    warp,
    warp_matte,
    warp_trimap,
)
from livecam.training.samples import Subject
from livecam.trimaps import BACKGROUND, CONTOUR, trimap_of


class View(NamedTuple):
    """What the network sees and should say: frame uint8 (h, w, 3), trimap 1 2 3, matte uint8, known 0 or 255 (h, w)."""

    frame: Frame
    trimap: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    known: NDArray[np.uint8]


@dataclass(frozen=True)
class Mix:
    """The shares of the kinds of scene; what is left is pasted."""

    real: float = 0.35
    empty: float = 0.07
    double: float = 0.06


@dataclass
class Stock:
    """All that scenes are made of, decoded."""

    subjects: list[Subject]
    rooms: list[Frame]
    empties: list[Frame]
    pasteable: list[Subject] = field(init=False)

    def __post_init__(self) -> None:
        self.pasteable = [s for s in self.subjects if s.pasteable and (s.trimap != BACKGROUND).mean() > 0.08]


class Actor(NamedTuple):
    """A subject with its place, mirrored or not, and its light."""

    subject: Subject
    at: Transform
    light: Light
    matched: float


class Scene(NamedTuple):
    """Everything drawn by chance but the noise: it can be shot again."""

    room: Frame | None
    room_at: Transform
    actors: tuple[Actor, ...]
    light: Light
    faults: Faults
    mirrored: bool


def draw_scene(stock: Stock, mix: Mix, canvas: Size, rng: Rng) -> Scene:
    """Draw one scene for a canvas of `canvas` pixels."""
    kind = rng.random()
    light, faults, mirrored = Light.draw(rng), Faults.draw(rng), bool(rng.random() < 0.5)
    if kind < mix.real or not (stock.rooms and stock.pasteable):
        subject = stock.subjects[int(rng.integers(len(stock.subjects)))]
        actor = Actor(subject, _crop(Size.of(subject.frame), canvas, rng), Light.draw(rng, 0.0), 0.0)
        return Scene(None, actor.at, (actor,), light, faults, mirrored)
    bare = stock.empties if stock.empties and rng.random() < 0.5 else stock.rooms
    if kind < mix.real + mix.empty:
        room = bare[int(rng.integers(len(bare)))]
        return Scene(room, _crop(Size.of(room), canvas, rng), (), light, faults, mirrored)
    room = stock.rooms[int(rng.integers(len(stock.rooms)))]
    count = 2 if kind < mix.real + mix.empty + mix.double else 1
    actors = tuple(_actor(stock, canvas, rng, crowd=count) for _ in range(count))
    return Scene(room, _crop(Size.of(room), canvas, rng), actors, light, faults, mirrored)


def _crop(size: Size, canvas: Size, rng: Rng) -> Transform:
    """A part of a picture over the whole canvas, its shape kept, stretched somewhat, or altogether."""
    shape = canvas.width / canvas.height
    stretch = 1.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(-0.1, 0.75)))
    height = min(size.height, size.width / shape * stretch) * (rng.uniform(0.6, 1.0) if rng.random() < 0.7 else 1.0)
    width = min(size.width, height * shape / stretch)
    left = rng.uniform(0, size.width - width) if size.width > width else 0.0
    # Faces stand in the upper part of a tall picture.
    top = rng.beta(1.0, 2.0) * (size.height - height) if size.height > height else 0.0
    scale = (canvas.width / width, canvas.height / height)
    turn = float(rng.normal(0, 4)) if rng.random() < 0.3 else 0.0
    return place(scale, turn, (left + width / 2, top + height / 2), (canvas.width / 2, canvas.height / 2))


def _actor(stock: Stock, canvas: Size, rng: Rng, crowd: int) -> Actor:
    subject = stock.pasteable[int(rng.integers(len(stock.pasteable)))]
    body = np.argwhere(subject.trimap != BACKGROUND)
    (top, left), (bottom, right) = body.min(axis=0), body.max(axis=0)
    tall = rng.uniform(0.55, 1.15) if rng.random() < 0.85 else rng.uniform(0.3, 0.6)
    if subject.headless:
        tall = rng.uniform(1.25, 1.7)
    elif bottom - top > 2 * (right - left):
        # A whole body: mostly its upper half.
        tall *= rng.uniform(1.0, 2.2)
    scale = canvas.height * tall / max(1, bottom - top)
    stretch = float(np.exp(rng.normal(0, 0.08))) * (1.33 if rng.random() < 0.2 else 1.0)
    middle = canvas.width * (0.5 + float(rng.normal(0, 0.14 if crowd == 1 else 0.26)))
    turn = float(rng.normal(0, 3))
    # The subject's lowest row lies at the frame's bottom or below it: webcams cut people there.
    feet = canvas.height * (1 + abs(float(rng.normal(0.02, 0.06))) + (0.0 if subject.headless else max(0.0, tall - 1)))
    feet += abs(np.sin(np.deg2rad(turn))) * (right - left) * scale / 2
    at = place((scale * stretch, scale), turn, ((left + right) / 2, float(bottom)), (middle, feet))
    return Actor(subject, at, Light.draw(rng, 0.5), float(rng.beta(1.2, 2.5)))


def shoot(scene: Scene, canvas: Size, rng: Rng, later: float = 0.0) -> View:
    """Draw a scene; `later` > 0 moves its subject and camera by that amount."""
    camera = nudge(np.eye(2, 3), rng, canvas, later) if later and rng.random() < 0.5 else np.eye(2, 3)
    if scene.room is None:
        view = _shoot_real(scene, canvas, camera, later, rng)
    else:
        view = _shoot_pasted(scene, scene.room, canvas, camera, later, rng)
    frame = scene.faults.strike(scene.light.shine(view.frame), rng)
    small = Size(canvas.width // 2, canvas.height // 2)
    frame, matte = (cv2.resize(p, tuple(small), interpolation=cv2.INTER_AREA) for p in (frame, view.matte))
    trimap, known = view.trimap, view.known
    if scene.mirrored:
        frame, trimap, matte, known = (np.ascontiguousarray(p[:, ::-1]) for p in (frame, trimap, matte, known))
    return View(frame, trimap, matte, known)


def _compose(camera: Transform, at: Transform) -> Transform:
    return np.asarray((np.vstack([camera, [0, 0, 1]]) @ np.vstack([at, [0, 0, 1]]))[:2])


def _halve(at: Transform) -> Transform:
    return at * 0.5


def _shoot_real(scene: Scene, canvas: Size, camera: Transform, later: float, rng: Rng) -> View:
    subject, at = scene.actors[0].subject, _compose(camera, scene.actors[0].at)
    if later:
        at = nudge(at, rng, canvas, later)
    small = Size(canvas.width // 2, canvas.height // 2)
    frame = warp(subject.frame, at, canvas)
    matte = warp(subject.matte, at, canvas)
    trimap = _reflect_trimap(subject.trimap, _halve(at), small)
    known = np.full(trimap.shape, 255, np.uint8)
    if not subject.exact:
        known[trimap == CONTOUR] = 0
    return View(frame, trimap, matte, known)


def _reflect_trimap(trimap: NDArray[np.uint8], at: Transform, small: Size) -> NDArray[np.uint8]:
    flags, border = cv2.INTER_NEAREST, cv2.BORDER_REFLECT_101
    return np.asarray(cv2.warpAffine(trimap, at, tuple(small), flags=flags, borderMode=border))


def _shoot_pasted(scene: Scene, room: Frame, canvas: Size, camera: Transform, later: float, rng: Rng) -> View:
    frame = warp(room, _compose(camera, scene.room_at), canvas)
    matte = np.zeros((canvas.height, canvas.width), np.uint8)
    small = Size(canvas.width // 2, canvas.height // 2)
    contour = np.zeros((small.height, small.width), bool)
    for actor in scene.actors:
        at = _compose(camera, nudge(actor.at, rng, canvas, later) if later else actor.at)
        share = warp_matte(actor.subject.matte, at, canvas)
        body = actor.light.shine(warp(actor.subject.colours, at, canvas))
        frame = cut_out(match_light(body, share, frame, actor.matched), share, frame)
        matte = np.maximum(matte, share)
        if actor.subject.exact:
            contour |= warp_trimap(actor.subject.trimap, _halve(at), small) == CONTOUR
    shrunk = cv2.resize(matte, tuple(small), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    trimap = trimap_of(shrunk)
    trimap[contour & (shrunk > 0.02) & (shrunk < 0.98)] = CONTOUR
    return View(frame, trimap, matte, np.full(trimap.shape, 255, np.uint8))


def outline_weight(trimap: NDArray[np.uint8], reach: int = 5, gain: float = 3.0) -> NDArray[np.float32]:
    """1 far from the contour, 1 + `gain` near it: (height, width)."""
    near = cv2.dilate((trimap == CONTOUR).astype(np.float32), np.ones((reach, reach), np.uint8))
    return np.asarray(1 + gain * near, np.float32)


def pack(views: list[View]) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
    """A batch: pictures in [0, 1], (batch, height, width, 3), and what is true of them.

    ``classes``: 0, 1, 2 for the trimap's 1, 2, 3, and a weight; ``matte``: the matte, known (0 or 1), and a weight.
    """
    pictures = np.stack([v.frame for v in views]).astype(np.float32) / 255
    classes = np.stack([v.trimap for v in views]).astype(np.float32) - 1
    weight = np.stack([outline_weight(v.trimap) for v in views])
    matte, known = (np.stack([p[i] for p in views]).astype(np.float32) / 255 for i in (2, 3))
    return pictures, {
        "classes": np.stack([classes, weight], axis=-1),
        "matte": np.stack([matte, known, weight], axis=-1),
    }


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of fresh scenes; the first `pairs` × 2 views of each are pairs of the same scene.

    Every batch is drawn from (seed, epoch, number) alone, so that a resumed run sees what an unbroken one would.
    """

    def __init__(
        self,
        stock: Stock,
        size: Size,
        *,
        batch: int,
        steps: int,
        seed: int,
        pairs: int = 0,
        mix: Mix | None = None,
        workers: int = 1,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._stock, self._size, self._batch, self._steps = stock, size, batch, steps
        self._seed, self._pairs, self._mix, self.epoch = seed, pairs, mix or Mix(), 0

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        return pack(self.views(index))

    def on_epoch_end(self) -> None:
        """Keras calls this after each epoch: the next one draws other scenes."""
        self.epoch += 1

    def views(self, index: int) -> list[View]:
        """The views of batch `index` of the present epoch."""
        rng = np.random.default_rng((self._seed, self.epoch, index))
        canvas = Size(self._size.width * 2, self._size.height * 2)
        views: list[View] = []
        for i in range(self._batch - self._pairs):
            scene = draw_scene(self._stock, self._mix, canvas, rng)
            views.append(shoot(scene, canvas, rng))
            if i < self._pairs:
                views.append(shoot(scene, canvas, rng, later=float(rng.choice([0.0001, 0.3, 1.0]))))
        return views
