"""The conditional DCGAN against its paper."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from colorize_tf.errors import InputError
from colorize_tf.losses import AdversarialLoss, l1
from colorize_tf.models import build

from .model_checks import Case, batch


def test_the_widths_are_those_of_the_paper():
    generator = build("dcgan").generator
    shapes = {layer.name: layer.output.shape[1:] for layer in generator.layers}
    assert [shapes[f"down{i}"] for i in range(8)] == [
        (256, 256, 64), (128, 128, 64), (64, 64, 128), (32, 32, 256),
        (16, 16, 512), (8, 8, 512), (4, 4, 512), (2, 2, 512),
    ]  # fmt: skip
    assert [shapes[f"up{i}"][-1] for i in range(7)] == [512, 512, 512, 256, 128, 64, 64]
    assert generator.get_layer("ab").kernel.shape == (1, 1, 128, 2)


def test_norms_are_everywhere_but_at_the_ends():
    model = build("dcgan", size=64, base_width=1)
    made = [*model.generator.layers, *model.discriminator.layers]
    convolutions = {
        layer.name for layer in made if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)
    }
    normed = {layer.name.removesuffix("_norm") for layer in made if layer.name.endswith("_norm")}
    assert convolutions - normed == {"down0", "ab", "conv0", "logits"}


def test_real_labels_alone_are_smoothed():
    model = Case("dcgan", {"base_width": 4}).build(dropout=0.0)
    x, y = batch(model)
    painted = model(x)
    on_real, on_fake = (model.discriminator(np.concatenate([x, ab], axis=-1)) for ab in (y, painted))
    loss = AdversarialLoss("vanilla", 0.1)
    losses = model.test_step((x, y))
    assert float(losses["d_loss"]) == pytest.approx(0.5 * float(loss.real(on_real) + loss.fake(on_fake)), rel=1e-5)
    assert float(losses["g_loss"]) == pytest.approx(float(loss.generator(on_fake) + 100 * l1(painted, y)), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 48}, "size: must be a power of two, at least 32. Received: 48."),
        ({"base_width": 0}, "base_width: must be at least 1. Received: 0."),
        ({"label_smoothing": 0.5}, "label_smoothing: must be at least 0 and below 0.5"),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError) as caught:
        build("dcgan", **options)
    assert said in str(caught.value)
