"""Every network of the table, through the check list that all of them share."""

from __future__ import annotations

from collections.abc import Callable

import keras
import pytest

from colorize_tf.families import FAMILIES
from colorize_tf.models import MODELS, build, model_options

from .model_checks import BY_TURNS, COLORIZERS, TRANSLATORS, Case, gives_ab_for_luma

ADVERSARIAL = {"l1": ("generator",), "warmup": ("discriminator",), "gan": ("generator", "discriminator")}
CYCLE = {"gan": ("generator", "inverse", "discriminator_a", "discriminator_b")}
SIGGRAPH = {"classification": ("generator",), "regression": ("generator",)}
TINY_CYCLE = {"base_width": 4, "residual_blocks": 1, "pool": 8}
CYCLES_ALONE = {"base_width": 8, "residual_blocks": 1, "cycle_weight": 100.0, "identity_weight": 1.0}  # nearly
CYCLES_OF_ONE = {"base_width": 8, "residual_blocks": 1, "cycle_weight": 100.0, "class_weight": 0.0}
MULTIDOMAIN = {"gan": ("generator", "discriminator")}
CASES = {
    case.name: case
    for case in (
        Case("pix2pix-rgb", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("pix2pix-lab", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("autoencoder", {"base_width": 4, "global_features": True}, overfit={"base_width": 8}),
        Case("unet", {"encoder_width": 4, "decoder_width": 4, "base_width": 4}, ADVERSARIAL,
             overfit={"encoder_width": 8, "decoder_width": 8}, overfit_phase="l1"),
        Case("mobile", {"alpha": 0.25, "width": 16, "base_width": 4, "gan_loss": "vanilla"}, ADVERSARIAL, size=64,
             overfit={"width": 32, "average": 0.9}, overfit_phase="l1", overfit_rate=1e-2, overfit_steps=80),
        Case("dcgan", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("scgan", {"base_width": 4, "gan_loss": "lsgan"}, ADVERSARIAL,
             overfit={"base_width": 8}, overfit_phase="l1"),
        Case("cyclegan", TINY_CYCLE, CYCLE, overfit=CYCLES_ALONE, overfit_rate=3e-3, overfit_steps=340),
        Case("cyclegan-gray", TINY_CYCLE, CYCLE, overfit=CYCLES_ALONE, overfit_rate=3e-3, overfit_steps=340),
        Case("mcgan", {"base_width": 4, "residual_blocks": 1, "domains": 3, "looks": 2}, MULTIDOMAIN,
             overfit={**CYCLES_OF_ONE, "domains": 1, "looks": 0}, overfit_rate=1e-2, overfit_steps=150),
        Case("eccv16", {"base_width": 4}, overfit={"base_width": 8}),
        Case("siggraph17", {"base_width": 4}, SIGGRAPH, overfit={"base_width": 8}),
    )
}  # fmt: skip


CHECKS = {
    "cyclegan": TRANSLATORS,
    "cyclegan-gray": (gives_ab_for_luma, *TRANSLATORS),
    "mcgan": (gives_ab_for_luma, *TRANSLATORS),
}  # of those that learn without pairs
PAIRS = [
    pytest.param(
        case, check, id=f"{case.name}-{check.__name__}",
        marks=[pytest.mark.slow] if check in BY_TURNS else [],
    )
    for case in CASES.values() for check in CHECKS.get(case.name, COLORIZERS)
]  # fmt: skip


def test_no_network_goes_unchecked():
    assert CASES.keys() == MODELS.keys() == FAMILIES.keys()


@pytest.mark.parametrize(("case", "check"), PAIRS)
def test_check_list(case, check, tmp_path):
    check(case, tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_the_command_line_offers_the_options_of_the_class_with_its_defaults(name):
    given = FAMILIES[name](name=name).options()
    taken = model_options(name)
    assert given == {key: taken[key] for key in taken if key not in ("name", "dtype")}


@pytest.mark.parametrize("name", MODELS)
def test_the_small_options_make_a_network(name):
    family = FAMILIES[name]
    small = family(name=name, **family.SMALL)
    assert build(name, **small.options()).count_params() < 12e6


@pytest.mark.parametrize(
    ("name", "options", "drawn"),
    [
        ("scgan", {"gan_loss": "wgan-gp"}, lambda model: model.penalty_seed.state.numpy().tolist()),
        ("mcgan", {}, lambda model: model.noise_seed.state.numpy().tolist()),
        ("cyclegan", {}, lambda model: [model.pool_a.seed, model.pool_b.seed]),
    ],
)
def test_what_chance_decides_follows_the_seed(
    name: str, options: dict[str, str], drawn: Callable[[keras.Model], list[int]]
) -> None:
    first, again, other = (drawn(CASES[name].build(seed=seed, **options)) for seed in (1, 1, 2))
    assert first == again != other
