"""The goldens hold here, in every runtime that is installed; and they would notice if something were wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorize_tf.colorspace as colorspace
import colorize_tf.edge as edge
import colorize_tf.edge.enlarge as enlarge
import colorize_tf.edge.fusion as fusion
import colorize_tf.edge.prepare as prepare_module
import colorize_tf.edge.space as space
import colorize_tf.edge.strip as strip
from colorize_tf.edge import Hint
from colorize_tf.edge.card import Card
from colorize_tf.edge.network import NetworkColorizer, Options
from colorize_tf.edge.runtime import RUNTIMES, find_runtime
from colorize_tf.edge.tflite import TfliteColorizer
from colorize_tf.errors import InputError

FOLDER = Path(__file__).parent / "golden"


def stored(name):
    return json.loads((FOLDER / name).read_text())


def pixels(name):
    with Image.open(FOLDER / name) as image:
        return np.asarray(image)


def close(found, expected, atol):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=0, atol=atol)


def hints(values):
    return [Hint(value["x"], value["y"], tuple(value["colour"]), value["radius"]) for value in values]


# --- the checks ---


def check_lab():
    golden = stored("lab.json")
    for rgb, lab in golden["published"]:
        close(colorspace.rgb_to_lab(np.array(rgb) / 255), lab, 0.02)
    for rgb, lab in golden["grid"]:
        close(colorspace.rgb_to_lab(np.array(rgb) / 255), lab, 1e-3)


def check_luma():
    for photo in ("gray.png", "colour.png"):
        image = pixels(photo)
        rgb = image if image.ndim == 3 else np.repeat(image[..., None], 3, -1)
        close(space.SRGB.luma(image), colorspace.rgb_to_lab(rgb / 255.0)[..., 0], 0.02)


def check_prepare():
    for case in stored("prepare.json").values():
        photo = pixels(case["photo"])
        card = Card("golden", "none", ab_scale=2, **case["card"])
        found = prepare_module.prepare(photo, *photo.shape[:2], card, space.SRGB.luma, case["levels"])
        assert [found.height, found.width] == case["covers"]
        close(found.luma, case["luma"], 2e-3)
        painted = prepare_module.paint_hints(hints(case["hints"]), *photo.shape[:2], found)
        expected = np.zeros_like(painted)
        for y, x, *value in case["painted"]:
            expected[y, x] = value
        close(painted, expected, 1e-4)


def check_enlarge():
    golden = stored("enlarge.json")
    ab = np.moveaxis(np.array(golden["ab"], np.float32), -1, 0)
    luma = np.array(golden["luma"], np.float32)
    found = enlarge.joint_bilateral(ab, luma, golden["factor"])
    close(np.moveaxis(found, 0, -1), golden["joint_bilateral"], 2e-3)
    line = np.array(golden["line"], np.float32)
    close(enlarge.widen(line, *enlarge.positions(0, 17, 6 / 17, 6)), golden["line_widened_to_17"], 1e-3)


def check_fusion():
    golden = stored("fusion.json")
    for name, case in golden["cases"].items():
        found = fusion.fuse(
            pixels(case["photo"]), np.array(golden["ab"], np.float32), edges=case["edges"], space=space.SRGB
        )
        close(found.astype(int), pixels(f"{name}.png").astype(int), 1)


def check_whole(runtime=None, golden="whole", folder=FOLDER / "models"):
    for name, case in stored(f"{golden}.json")["cases"].items():
        colorizer = TfliteColorizer(
            folder / f"{case['model']}.tflite", 1, Options(**case["options"]), runtime, twin=False
        )
        stale = "of another model; run: python tests/golden/make_bundled.py"
        assert case.get("sha256", colorizer.card.sha256) == colorizer.card.sha256, f"{golden}.json is {stale}"
        found = colorizer(pixels(case["photo"]), hints(case["hints"])).astype(int)
        off = np.abs(found - pixels(f"{golden}-{name}.png"))
        if colorizer.card.recipe == "float16":
            assert off.max() <= 1, (name, off.max())
        else:
            assert off.mean() <= 0.5, (name, off.mean())
            assert np.percentile(off, 99.9) <= 4
            assert off.max() <= 12


CHECKS = (check_lab, check_luma, check_prepare, check_enlarge, check_fusion)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_arithmetic(check):
    check()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_whole_pictures(runtime):
    try:
        find_runtime(runtime)
    except InputError:
        return  # `make test-edge` runs the one that does not go together with NumPy 2
    check_whole(runtime)
    check_whole(runtime, "bundled", Path(edge.__file__).parent)


def test_one_runtime_at_least_was_checked():
    check_whole(find_runtime().name)


def test_every_runtime_was_measured_within_the_limits():
    golden = stored("whole.json")
    names = {name.rsplit(" ", 1)[0] for name in golden["runtimes"]}
    assert names == set(RUNTIMES)
    for measured in golden["runtimes"].values():
        for name, distance in measured.items():
            int8 = golden["cases"][name]["model"].endswith("int8")
            assert distance["mean"] <= (0.5 if int8 else 1)
            assert distance["p99.9"] <= (4 if int8 else 1)
            assert distance["worst"] <= (12 if int8 else 1)


# --- that they can fail ---


def with_space(monkeypatch, gamma=None, matrix=None):
    curves = space.SRGB.curves
    if gamma:
        curves = (space.Curve(np.linspace(0, 1, 4096) ** gamma),) * 3
    wrong = space.RgbSpace("wrong", curves, space.SRGB.to_xyz if matrix is None else matrix)
    monkeypatch.setattr(space, "SRGB", wrong)


def gamma_instead_of_the_srgb_curve(patch):
    with_space(patch, gamma=2.2)


def weights_of_another_standard(patch):
    matrix = space.SRGB.to_xyz.copy()
    matrix[1] = (0.2989, 0.5870, 0.1141)
    with_space(patch, matrix=matrix)


def white_point_of_print(patch):
    to_d50 = np.diag([0.9642 / 0.95047, 1, 0.8249 / 1.08883])
    with_space(patch, matrix=to_d50 @ space.SRGB.to_xyz)


def no_straight_line_near_black(patch):
    def cube(root, knee, room):
        root **= 3

    patch.setattr(strip, "cube_of", cube)


def a_and_b_swapped(patch):
    real = fusion.widen
    patch.setattr(fusion, "widen", lambda planes, *where: real(planes[::-1], *where))


def half_a_pixel_off(patch):
    def positions(start, stop, scale, length):
        at = np.clip(np.arange(start, stop) * scale, 0, length - 1)
        left = at.astype(np.intp)
        return left, (at - left).astype(np.float32)

    patch.setattr(enlarge, "positions", positions)
    patch.setattr(fusion, "positions", positions)


def edges_half_as_strong(patch):
    patch.setattr(enlarge, "EDGE", 20.0)


def means_not_restored(patch):
    calls = []

    class Neighbours(enlarge._Neighbours):
        def __init__(self, samples):
            calls.append(samples)
            super().__init__(samples if len(calls) <= 2 else calls[1])

    patch.setattr(enlarge, "_Neighbours", Neighbours)


def colours_cut_off_instead_of_pulled_in(patch):
    patch.setattr(strip, "pull_in", lambda linear, _, top: np.clip(linear, 0, top))


def padding_that_repeats_the_border(patch):
    patch.setattr(prepare_module, "mirror", lambda index, length: np.minimum(index, length - 1))


def levels_at_other_points(patch):
    real = np.searchsorted
    patch.setattr(prepare_module.np, "searchsorted", lambda share, _: real(share, (0.05, 0.95)))


def nearest_instead_of_bicubic(patch):
    real = prepare_module.resize
    patch.setattr(prepare_module, "resize", lambda image, h, w, _: real(image, h, w, Image.Resampling.NEAREST))


def hints_by_another_scale(patch):
    patch.setattr(prepare_module, "encode_ab", lambda ab: ab / 128)


def vivid_ignored(patch):
    real = TfliteColorizer.predict
    patch.setattr(TfliteColorizer, "predict", lambda self, luma, hints, _: real(self, luma, hints, 0.0))


def saturation_ignored(patch):
    real = NetworkColorizer._finished

    def finished(self, ab, covered):
        return real(self, ab, covered) / np.float32(self.options.saturation)

    patch.setattr(NetworkColorizer, "_finished", finished)


def another_constant_in_lab(patch):
    patch.setattr(colorspace, "_TO_WHITE", colorspace._TO_WHITE * np.array([[1.01], [1.0], [1.0]]))


MUTATIONS = [
    (another_constant_in_lab, check_lab),
    (gamma_instead_of_the_srgb_curve, check_luma),
    (weights_of_another_standard, check_luma),
    (weights_of_another_standard, check_fusion),
    (white_point_of_print, check_fusion),
    (no_straight_line_near_black, check_fusion),
    (a_and_b_swapped, check_fusion),
    (half_a_pixel_off, check_enlarge),
    (half_a_pixel_off, check_fusion),
    (edges_half_as_strong, check_enlarge),
    (means_not_restored, check_enlarge),
    (colours_cut_off_instead_of_pulled_in, check_fusion),
    (padding_that_repeats_the_border, check_prepare),
    (levels_at_other_points, check_prepare),
    (nearest_instead_of_bicubic, check_prepare),
    (hints_by_another_scale, check_prepare),
    (vivid_ignored, check_whole),
    (saturation_ignored, check_whole),
    (a_and_b_swapped, check_whole),
]


@pytest.mark.parametrize(("mutate", "check"), MUTATIONS, ids=lambda function: function.__name__)
def test_a_mistake_is_noticed(mutate, check, monkeypatch):
    mutate(monkeypatch)
    with pytest.raises(AssertionError):
        check()
