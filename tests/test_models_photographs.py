"""Every network learns eight real photographs of 64² by heart; `test_models.py` has generated pictures for it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageOps

from .model_checks import finds_its_way_back_on_a_few_pictures, learns_a_few_pictures_by_heart
from .test_models import CASES, CHECKS


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("name", sorted(CASES))
def test_eight_photographs_are_learnt_by_heart(name, shared_data, tmp_path):
    files = sorted((shared_data / "eval" / "kodak24").glob("*.png"))

    def photograph(number: int, height: int, width: int) -> np.ndarray:
        image = Image.open(files[number % len(files)]).convert("RGB")
        return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC))

    case = dataclasses.replace(CASES[name], picture=photograph)
    if name in CHECKS:
        finds_its_way_back_on_a_few_pictures(dataclasses.replace(case, overfit_rate=3e-3, overfit_steps=450), tmp_path)
    else:
        learns_a_few_pictures_by_heart(case, tmp_path)
