"""Generated colour scenes, for tests and for a demo without downloads.

Not noise: as in photographs, what a thing is can be told from its place, shape and texture in gray, and mostly decides
its colour. Sky is above, smooth, and blue unless the sun is low; grass is streaked and green, water streaked sideways,
sand bright and fine-grained, roofs are slanted, skin sits on round heads. Some colours (shirts, flowers, doors) are a
free choice, as they are in life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from colorize_tf.datasets.canvas import Canvas, Colour, Mask

__all__ = ["SIZE", "scene"]

SIZE = (192, 256)  # height, width of a scene unless asked otherwise


SHIRTS: Sequence[Colour] = (
    (190, 40, 45),
    (40, 80, 170),
    (230, 190, 60),
    (240, 240, 235),
    (60, 130, 80),
    (120, 60, 130),
)
FLOWERS: Sequence[Colour] = ((215, 45, 60), (245, 205, 50), (190, 90, 190), (250, 245, 240), (240, 130, 40))
DOORS: Sequence[Colour] = ((120, 40, 35), (40, 70, 120), (45, 95, 60), (90, 60, 40))
SKIN: Sequence[Colour] = ((236, 188, 160), (205, 150, 115), (150, 100, 70), (105, 68, 48))
HAIR: Sequence[Colour] = ((40, 28, 22), (90, 58, 35), (175, 130, 75), (60, 60, 62))


def scene(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A generated scene, uint8 RGB [height, width, 3]; the same for the same seed and size."""
    canvas = Canvas(seed, size)
    kind = _KINDS[int(canvas.random.integers(len(_KINDS)))]
    kind(canvas)
    return canvas.finish()


def _sky(canvas: Canvas, horizon: float) -> None:
    high, low = ((70, 130, 215), (185, 215, 240)) if not canvas.low_sun else ((95, 105, 165), (250, 170, 95))
    share = np.clip(canvas.y / horizon, 0, 1)[..., None] ** (1.0 if not canvas.low_sun else 0.8)
    canvas.paint(canvas.mask(np.ones_like(canvas.y)), np.array(high) * (1 - share) + np.array(low) * share)
    if canvas.low_sun or canvas.random.random() < 0.4:
        y = horizon * (canvas.between(0.7, 0.95) if canvas.low_sun else canvas.between(0.15, 0.4))
        x, radius = canvas.between(0.15, 0.85) * canvas.width, canvas.between(0.035, 0.06)
        glow = np.exp(-np.hypot(canvas.y - y, canvas.x - x) / 0.12).astype(np.float32)
        canvas.paint(canvas.mask(0.7 * glow), (255, 205, 120) if canvas.low_sun else (255, 250, 225))
        canvas.paint(canvas.ellipse(y, x, radius, radius), (255, 225, 130) if canvas.low_sun else (255, 248, 190))
    for _ in range(canvas.random.integers(0, 4)):
        y, x = canvas.between(0.08, 0.7) * horizon, canvas.between(0, canvas.width)
        puff = np.exp(-(((canvas.y - y) / 0.05) ** 2) - ((canvas.x - x) / 0.17) ** 2) * (1 + 0.5 * canvas.noise(16, 12))
        colour = (250, 195, 165) if canvas.low_sun else (250, 250, 252)
        canvas.paint(canvas.mask(np.clip(1.6 * puff - 0.25, 0, 0.95)), colour)


def _hills(canvas: Canvas, horizon: float) -> None:
    for far in (1.0, 0.5):
        line = horizon - far * 0.16 * np.abs(canvas.noise(1, canvas.between(2, 5))[:1]) - 0.01
        haze = np.array((105, 135, 165)) if far == 1.0 else np.array((75, 110, 80))
        canvas.paint(canvas.below(line), haze, 0.05 * canvas.noise(40, 40))


def _grass(canvas: Canvas, line: np.ndarray | float) -> None:
    streaks = 0.16 * canvas.noise(30, 110) + 0.06 * canvas.noise(6, 6)
    near = 0.75 + 0.35 * canvas.y[..., None]
    canvas.paint(canvas.below(line), np.array((88, 142, 52)) * near, streaks)


def _sand(canvas: Canvas, line: np.ndarray | float) -> None:
    canvas.paint(canvas.below(line), (226, 198, 148), 0.05 * canvas.noise(140, 140) + 0.03 * canvas.noise(9, 5))


def _water(canvas: Canvas, line: float) -> None:
    waves = 0.13 * canvas.noise(90, 9) + 0.05 * canvas.noise(30, 4)
    canvas.paint(canvas.below(line), (120, 110, 120) if canvas.low_sun else (38, 112, 142), waves)


def _tree(canvas: Canvas, foot: float, x: float, height: float) -> None:
    trunk = canvas.box(foot - 0.45 * height, x - 0.045 * height, foot, x + 0.045 * height)
    canvas.paint(trunk, (96, 68, 44), 0.2 * canvas.noise(20, 120))
    green = np.array((46, 96, 44)) + canvas.between(-12, 18)
    leaves = 0.3 * canvas.noise(60, 60)
    if canvas.random.random() < 0.35:  # a conifer
        for tier in range(3):
            top = foot - height * (1 - 0.22 * tier)
            canvas.paint(
                canvas.triangle(top, x, top + 0.42 * height, (0.16 + 0.06 * tier) * height), green * 0.8, leaves
            )
        return
    for _ in range(6):
        y, side = foot - canvas.between(0.5, 0.85) * height, x + canvas.between(-0.17, 0.17) * height
        size = canvas.between(0.14, 0.24) * height
        canvas.paint(canvas.ellipse(y, side, size, size), green * canvas.between(0.85, 1.15), leaves)


def _house(canvas: Canvas, foot: float, x: float, size: float) -> None:
    wall = canvas.choose(((236, 222, 190), (240, 236, 228), (214, 178, 130), (190, 110, 88)))
    half, top = 0.5 * size, foot - 0.6 * size
    canvas.paint(canvas.box(top, x - half, foot, x + half), wall, 0.03 * canvas.noise(60, 60))
    tiles = 0.14 * np.sign(np.sin(canvas.y * 2 * np.pi / (0.05 * size + 0.01)))
    roof = canvas.choose(((172, 66, 48), (186, 84, 56), (150, 60, 50)))
    canvas.paint(canvas.triangle(top - 0.42 * size, x, top + 0.02, 1.2 * half), roof, tiles)
    canvas.paint(canvas.box(foot - 0.33 * size, x - 0.09 * size, foot, x + 0.09 * size), canvas.choose(DOORS))
    for side in (-0.32, 0.32):
        y, middle = foot - 0.34 * size, x + side * size
        canvas.paint(
            canvas.box(y - 0.1 * size, middle - 0.09 * size, y + 0.08 * size, middle + 0.09 * size), (70, 90, 110)
        )
        canvas.paint(canvas.box(y - 0.1 * size, middle - 0.01, y + 0.08 * size, middle + 0.01), (245, 245, 240))


def _person(canvas: Canvas, foot: float, x: float, height: float) -> None:
    skin, hair, shirt = canvas.choose(SKIN), canvas.choose(HAIR), canvas.choose(SHIRTS)
    trousers = canvas.choose(((45, 60, 105), (50, 48, 52), (120, 98, 70)))
    head = foot - 0.89 * height
    for side in (-0.055, 0.055):
        leg = x + side * height
        canvas.paint(canvas.box(foot - 0.48 * height, leg - 0.05 * height, foot, leg + 0.05 * height), trousers)
    for side in (-0.17, 0.17):
        canvas.paint(canvas.ellipse(foot - 0.58 * height, x + side * height, 0.17 * height, 0.035 * height), skin)
    canvas.paint(
        canvas.ellipse(foot - 0.62 * height, x, 0.2 * height, 0.145 * height), shirt, 0.05 * canvas.noise(30, 30)
    )
    canvas.paint(canvas.ellipse(head - 0.02 * height, x, 0.115 * height, 0.09 * height), hair)
    shade = np.clip(0.18 * (x - canvas.x) / (0.08 * height), -0.2, 0.2)
    canvas.paint(canvas.ellipse(head + 0.015 * height, x, 0.095 * height, 0.075 * height), skin, shade)
    if height * canvas.y.shape[0] < 100:  # too small for a face
        return
    for side in (-0.03, 0.03):
        eye = x + side * height
        canvas.paint(canvas.ellipse(head, eye, 0.008 * height, 0.014 * height), (245, 243, 240))
        canvas.paint(canvas.ellipse(head, eye, 0.007 * height, 0.007 * height), (60, 45, 35))
    canvas.paint(canvas.ellipse(head + 0.06 * height, x, 0.007 * height, 0.026 * height), skin * (0.8, 0.5, 0.5))


def _flowers(canvas: Canvas, top: float) -> None:
    kinds = [canvas.choose(FLOWERS) for _ in range(2)]
    for _ in range(canvas.random.integers(15, 40)):
        y, x = canvas.between(top, 1.0), canvas.between(0, canvas.width)
        radius = 0.008 + 0.022 * (y - top) / (1.001 - top)
        canvas.paint(canvas.ellipse(y, x, radius, radius * 1.2), kinds[canvas.random.integers(2)])
        canvas.paint(canvas.ellipse(y, x, radius * 0.35, radius * 0.4), (235, 190, 60))


def _meadow(canvas: Canvas) -> None:
    horizon = canvas.between(0.35, 0.6)
    _sky(canvas, horizon)
    _hills(canvas, horizon)
    _grass(canvas, horizon + 0.015 * canvas.noise(1, 4)[:1])
    for _ in range(canvas.random.integers(1, 5)):
        _tree(canvas, horizon + canvas.between(0.02, 0.2), canvas.between(0, canvas.width), canvas.between(0.2, 0.45))
    if canvas.random.random() < 0.6:
        _flowers(canvas, canvas.between(0.7, 0.85))


def _beach(canvas: Canvas) -> None:
    horizon, shore = canvas.between(0.35, 0.5), canvas.between(0.6, 0.75)
    _sky(canvas, horizon)
    _water(canvas, horizon)
    for _ in range(canvas.random.integers(0, 3)):
        y, x, size = (
            canvas.between(horizon + 0.02, shore - 0.08),
            canvas.between(0.1, canvas.width),
            canvas.between(0.05, 0.1),
        )
        canvas.paint(canvas.triangle(y - 1.6 * size, x, y, 0.5 * size), (246, 244, 236))
        canvas.paint(canvas.ellipse(y, x, 0.25 * size, 0.8 * size), canvas.choose(DOORS))
    surf = shore + 0.02 * canvas.noise(1, 5)[:1]
    canvas.paint(canvas.below(surf - 0.025), (235, 243, 244), 0.05 * canvas.noise(60, 20))
    _sand(canvas, surf)
    for _ in range(canvas.random.integers(1, 4)):
        height = canvas.between(0.25, 0.45)
        _person(canvas, shore + 0.1 + 0.35 * height, canvas.between(0.1, canvas.width - 0.1), height)


def _village(canvas: Canvas) -> None:
    horizon = canvas.between(0.45, 0.6)
    _sky(canvas, horizon)
    _hills(canvas, horizon)
    _grass(canvas, horizon)
    road = np.abs(canvas.x - canvas.width * 0.5) - 0.08 - 0.5 * np.maximum(canvas.y - horizon - 0.12, 0)
    canvas.paint(
        canvas.within(np.maximum(road, horizon + 0.12 - canvas.y)), (128, 126, 128), 0.06 * canvas.noise(120, 120)
    )
    for place in canvas.random.permutation(4)[: canvas.random.integers(2, 5)]:
        foot, x = horizon + canvas.between(0.06, 0.18), canvas.width * (place + 0.5) / 4
        _house(canvas, foot, x, canvas.between(0.24, 0.36))
    _tree(canvas, horizon + 0.22, canvas.between(0, 0.2) * canvas.width, canvas.between(0.3, 0.5))
    for _ in range(canvas.random.integers(0, 3)):
        _person(canvas, canvas.between(0.85, 0.97), canvas.between(0.1, canvas.width - 0.1), canvas.between(0.25, 0.4))


def _portrait(canvas: Canvas) -> None:
    if canvas.random.random() < 0.5:
        _sky(canvas, 0.7)
        _grass(canvas, 0.7)
        _tree(canvas, 0.8, canvas.between(0.05, 0.3) * canvas.width, 0.7)
    else:
        wall = canvas.choose(((150, 165, 160), (205, 190, 165), (120, 90, 80), (90, 110, 130)))
        canvas.paint(canvas.mask(np.ones_like(canvas.y)), wall, 0.04 * canvas.noise(4, 4))
    for x in [0.5] if canvas.random.random() < 0.6 else [0.3, 0.7]:
        size = canvas.between(1.5, 1.9)
        _person(canvas, 0.13 + 0.97 * size, x * canvas.width + canvas.between(-0.05, 0.05), size)


def _table(canvas: Canvas) -> None:
    """Fruit on a wooden table before a wall."""
    edge = canvas.between(0.4, 0.55)
    wall = canvas.choose(((205, 205, 195), (150, 170, 185), (225, 205, 170)))
    canvas.paint(canvas.mask(np.ones_like(canvas.y)), wall, 0.03 * canvas.noise(5, 5))
    canvas.paint(canvas.below(edge), (142, 96, 58), 0.16 * canvas.noise(70, 3) + 0.05 * canvas.noise(8, 2))
    fruit = {"orange": (236, 142, 40), "apple": (188, 42, 40), "lemon": (240, 212, 72), "lime": (122, 168, 58)}
    names = list(fruit)
    for place in np.linspace(0.15, 0.85, canvas.random.integers(3, 6)):
        name = names[canvas.random.integers(len(names))]
        y, x, size = edge + canvas.between(0.05, 0.35), place * canvas.width, canvas.between(0.08, 0.13)
        wide = size * (1.35 if name in ("lemon", "lime") else 1.0)
        shadow = canvas.ellipse(y + 0.85 * size, x + 0.2 * size, 0.3 * size, 1.1 * wide)
        canvas.paint(Mask(shadow.window, 0.45 * shadow.cover), (40, 26, 18))
        ball = 0.35 - 0.55 * np.hypot((canvas.y - y) / size + 0.4, (canvas.x - x) / wide + 0.4)
        rough = {"orange": 0.07, "lemon": 0.04, "lime": 0.04, "apple": 0.0}[name] * canvas.noise(110, 110)
        canvas.paint(canvas.ellipse(y, x, size, wide), fruit[name], np.clip(ball, -0.5, 0.35) + rough)
        if name == "apple":
            canvas.paint(canvas.box(y - 1.3 * size, x - 0.008, y - 0.8 * size, x + 0.008), (70, 50, 30))


_KINDS: Sequence[Callable[[Canvas], None]] = (_meadow, _beach, _village, _portrait, _table)
