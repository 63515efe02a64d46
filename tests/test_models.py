"""Every network of the table, through the check list that all of them share."""

from __future__ import annotations

import pytest

from colorize_tf.families import FAMILIES
from colorize_tf.models import MODELS, build, model_options

from .model_checks import CHECKS, Case

ADVERSARIAL = {"l1": ("generator",), "warmup": ("discriminator",), "gan": ("generator", "discriminator")}
SIGGRAPH = {"classification": ("generator",), "regression": ("generator",)}
CASES = {
    case.name: case
    for case in (
        Case("pix2pix-rgb", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("pix2pix-lab", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("autoencoder", {"base_width": 4, "global_features": True}, overfit={"base_width": 8}),
        Case("unet", {"encoder_width": 4, "decoder_width": 4, "base_width": 4}, ADVERSARIAL,
             overfit={"encoder_width": 8, "decoder_width": 8}, overfit_phase="l1"),
        Case("mobile", {"alpha": 0.25, "width": 16, "base_width": 4}, ADVERSARIAL, size=64,
             overfit={"width": 32, "share": 0.0}, overfit_phase="l1"),
        Case("dcgan", {"base_width": 4}, ADVERSARIAL, overfit={"base_width": 8}, overfit_phase="l1"),
        Case("eccv16", {"base_width": 4}, overfit={"base_width": 8}),
        Case("siggraph17", {"base_width": 4}, SIGGRAPH, overfit={"base_width": 8}),
    )
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", MODELS)
def test_check_list(name, check, tmp_path):
    check(CASES[name], tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_the_command_line_offers_the_options_of_the_class_with_its_defaults(name):
    given = FAMILIES[name](name=name).options()
    taken = model_options(name)
    assert given == {key: taken[key] for key in taken if key not in ("name", "dtype")}


@pytest.mark.parametrize("name", MODELS)
def test_the_small_options_make_a_network(name):
    family = FAMILIES[name]
    small = family(name=name, **family.SMALL)
    assert build(name, **small.options()).count_params() < 10e6
