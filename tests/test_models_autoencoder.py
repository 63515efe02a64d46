"""The autoencoder: what it is made of, and what its second path is for."""

from __future__ import annotations

import numpy as np
import pytest

from colorize_tf.errors import InputError
from colorize_tf.losses import l1, l2
from colorize_tf.models import build

from .model_checks import Case, batch

CASE = Case("autoencoder", {"base_width": 4})


def test_the_widths_are_those_of_let_there_be_color():
    # Iizuka et al. 2016, table 1; the colour network ends at half of the size.
    kernels = {layer.name: layer.kernel.shape for layer in build("autoencoder").generator.layers if layer.weights
               and hasattr(layer, "kernel")}  # fmt: skip
    outputs = {name: shape[-1] for name, shape in kernels.items()}
    assert [outputs[f"down{i}"] for i in range(6)] == [64, 128, 128, 256, 256, 512]
    assert [outputs[name] for name in ("middle0", "middle1", "up0", "up1", "up2", "ab")] == [512, 256, 128, 64, 32, 2]


def test_each_pixel_is_told_of_the_whole_picture_by_the_second_path_alone():
    for told in (False, True):
        model = CASE.build(size=128, global_features=told)
        generator = model.generator
        generator.set_weights([10 * value if value.ndim > 1 else value for value in generator.get_weights()])
        x, _ = batch(model, count=1)
        other = x.copy()
        other[:, -8:, -8:] += 1.0
        far = (np.asarray(generator(x)) - np.asarray(generator(other)))[0, 0, 0]
        assert (np.abs(far).max() > 0) == told


def test_a_larger_picture_than_it_learns_on_is_coloured():
    luma = np.full((1, 40, 64, 1), 50, np.float32)
    assert CASE.build(size=32, global_features=True).colorize(luma).shape == (1, 40, 64, 2)


@pytest.mark.parametrize(("distance", "loss"), [("l1", l1), ("l2", l2)])
def test_it_lowers_the_distance_that_is_chosen(distance, loss):
    model = CASE.build(distance=distance)
    x, y = batch(model)
    assert float(model.test_step((x, y))["g_loss"]) == pytest.approx(float(loss(model(x), y)), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 20}, "size: must be a multiple of 8. Received: 20."),
        ({"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ({"distance": "l3"}, "distance: must be one of l2, l1. Received: l3."),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError) as caught:
        build("autoencoder", **options)
    assert said in str(caught.value)
