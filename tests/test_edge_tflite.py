"""A model file as a colorizer: same luma, honest errors, any number of threads, no TensorFlow."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import colorize_tf.edge.tflite as tflite_module
from colorize_tf.colorspace import rgb_to_lab
from colorize_tf.edge import Colorizer, Hint, TfliteColorizer
from colorize_tf.edge.card import Card, read_model, write_model
from colorize_tf.edge.fusion import fuse
from colorize_tf.edge.network import NetworkColorizer, Options
from colorize_tf.edge.prepare import level, prepare, sizes
from colorize_tf.edge.raster import ArrayRaster
from colorize_tf.edge.runtime import Runtime, find_runtime
from colorize_tf.edge.space import SRGB
from colorize_tf.errors import ColorizeError, InputError, RunError

MODELS = Path(__file__).parent / "golden" / "models"
EDGE = "colorize_tf.edge"  # where the bundled model lies
SLOW_ON_INT8 = Runtime("tflite-runtime", find_runtime().interpreter)


@pytest.fixture(scope="module")
def tiny():
    return TfliteColorizer(MODELS / "tiny.tflite", threads=1)


def gray(seed=0, height=90, width=120):
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def lab(rgb):
    return rgb_to_lab(rgb.astype(np.float64) / 255)


def changed(tmp_path, name="tiny", **changes):
    """A copy of a test model with another card."""
    content, card = read_model(MODELS / f"{name}.tflite")
    path = tmp_path / "changed.tflite"
    write_model(path, content, replace(card, **changes))
    return path


@pytest.mark.parametrize("model", ["tiny", "tiny-fixed", "tiny-fixed-int8"])
def test_it_colours_and_keeps_luma(model):
    colorizer = TfliteColorizer(MODELS / f"{model}.tflite", threads=1)
    assert isinstance(colorizer, Colorizer)
    image = gray()
    out = colorizer(image)
    assert (out.dtype, out.shape) == (np.uint8, (90, 120, 3))
    difference = np.abs(lab(out)[..., 0] - lab(np.repeat(image[..., None], 3, -1))[..., 0])
    assert difference.max() <= 0.26
    assert np.hypot(*np.moveaxis(lab(out)[..., 1:], -1, 0)).mean() > 3


def test_colour_in_the_photo_does_not_reach_the_network(tiny):
    image = gray()
    tinted = np.stack([image, image, image], -1)
    assert (tiny(tinted) == tiny(image)).mean() > 0.99


def test_without_tensorflow_in_another_process():
    code = f"""
import sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None
import numpy as np
from colorize_tf.edge import TfliteColorizer
out = TfliteColorizer({str(MODELS / "tiny.tflite")!r})(np.full((64, 80), 120, np.uint8))
print(out.shape, out.std(axis=2).mean() > 1)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "(64, 80, 3) True", result.stderr


def test_the_edge_package_itself_is_light():
    code = "import sys, colorize_tf.edge; print(*sorted(set(sys.modules) & {'numpy', 'PIL', 'ai_edge_litert'}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "", result.stderr


def test_threads_under_load_get_what_one_gets(tiny):
    images = [gray(seed, 40 + 7 * seed, 60 + 5 * seed) for seed in range(6)]
    expected = [tiny(image) for image in images]
    with ThreadPoolExecutor(8) as executor:
        for _ in range(3):
            work = [executor.submit(tiny, image) for image in images * 4]
            for number, future in enumerate(work):
                assert (future.result() == expected[number % 6]).all()


def test_a_hint_is_heard_where_it_lies(tiny):
    image = gray(1)
    plain, hinted = tiny(image), tiny(image, hints=[Hint(20, 60, (255, 0, 0))])
    moved = np.abs(hinted.astype(int) - plain).sum(-1)
    assert moved[55:66, 15:26].mean() > 10 * moved[:, 80:].mean()


@pytest.mark.parametrize("place", [(-1, 5), (5, -0.5), (120, 5), (5, 90), (1e8, 1e8)])
def test_a_hint_outside_the_photo_is_refused(tiny, place):
    with pytest.raises(InputError, match="must lie in the photo of 120×90"):
        tiny(gray(), hints=[Hint(*place, (255, 0, 0))])


def test_a_hint_in_the_last_pixel_of_a_huge_photo_still_counts(tiny):
    image = gray(0, 1000, 1400)
    assert (tiny(image, hints=[Hint(1399, 999, (255, 0, 0), radius=0.01)]) != tiny(image)).any()


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,red", "1,2,#12345", "a,2,#123456", "1,2,#12345g", "nan,2,#123456", "1,2,#123456,0"]
)
def test_hints_that_cannot_be_read(text):
    with pytest.raises(InputError, match="--hint"):
        Hint.parse(text)


def test_hints_are_read():
    assert Hint.parse("12, 3.5,#ff8000") == Hint(12, 3.5, (255, 128, 0))
    assert Hint.parse("1,2,#000000,9") == Hint(1, 2, (0, 0, 0), 9)


def test_vivid_acts_in_the_network_and_saturation_after_it():
    image = gray(2)

    def chroma(**options):
        out = TfliteColorizer(MODELS / "tiny.tflite", 1, Options(**options))(image)
        return np.hypot(*np.moveaxis(lab(out)[..., 1:], -1, 0)).mean()

    plain = chroma()
    assert 1.5 < chroma(vivid=1.0) / plain < 2.1
    assert 0.45 < chroma(saturation=0.5) / plain < 0.55
    assert chroma(saturation=0.0) < 0.5


class Constant(NetworkColorizer):
    """Answers with the ab it was made with, and remembers what it was shown."""

    def __init__(self, ab, **options):
        super().__init__(Card("fake", "none", 64, 64, 2, fit="squash"), Options(**options), threads=1)
        self.ab = np.asarray(ab, np.float32)

    def predict(self, luma, hints, vivid):
        self.luma, self.hints, self.vivid = luma, hints, vivid
        return self.ab


def test_chroma_is_capped_by_its_99th_percentile():
    ab = np.zeros((32, 32, 2), np.float32)
    ab[:16, :, 0] = 110
    ab[0, 0] = (120, 120)  # less than 1 % does not count
    found = Constant(ab, chroma_cap=55).chroma(ArrayRaster(gray()))
    assert np.allclose(found.ab[4, 4], (55, 0))
    assert np.allclose(Constant(ab / 4, chroma_cap=55).chroma(ArrayRaster(gray())).ab, ab / 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_an_error(bad):
    with pytest.raises(RunError, match="not finite"):
        Constant(np.full((32, 32, 2), bad))(gray())


def test_an_answer_of_another_size_is_an_error():
    with pytest.raises(InputError, match="as its card says"):
        Constant(np.zeros((16, 32, 2)))(gray())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_sepia_tint_is_removed_or_kept(tiny, dtype):
    photo = gray(31, 200, 260)
    sepia = fuse(photo, np.full((4, 4, 2), (6, 18), np.float32), edges=False)
    sepia = sepia.astype(dtype) * (1 if dtype == np.uint8 else 257)
    inside = (photo > 40) & (photo < 200)  # where there is room for the tint

    def ab(**options):
        colorizer = tiny.with_options(Options(**options))
        return rgb_to_lab(colorizer(sepia).astype(np.float64) / np.iinfo(dtype).max)[inside, 1:].mean(0)

    removed = ab()
    np.testing.assert_allclose(ab(keep_tint=1.0) - removed, (6, 18), atol=0.7)
    np.testing.assert_allclose(ab(keep_tint=0.5) - removed, (3, 9), atol=0.7)
    # It stays where the network gives no colour at all; a photo without a tint has none to keep.
    np.testing.assert_allclose(ab(keep_tint=1.0, saturation=0.0), (6, 18), atol=0.7)
    assert (tiny.with_options(Options(keep_tint=1.0))(photo) == tiny(photo)).all()


def test_a_faded_or_sepia_copy_looks_the_same_to_the_network():
    original = gray(3)
    faded = (60 + original.astype(np.float32) * 0.45).astype(np.uint8)
    curve = original.astype(np.float32) / 255
    sepia = (np.stack([curve**0.9, curve**1.05 * 0.92, curve**1.2 * 0.75], -1) * 255).astype(np.uint8)

    def seen(image, **options):
        fake = Constant(np.zeros((32, 32, 2)), **options)
        fake(image)
        return fake.luma

    reference = seen(original)
    assert np.abs(seen(faded) - reference).mean() < 0.3 * np.abs(seen(faded, levels=False) - reference).mean()
    assert np.abs(seen(sepia) - reference).mean() < 4


def test_levels_reach_the_ends_but_stretch_no_flat_picture_without_bound():
    assert np.ptp(level(np.linspace(30, 70, 10_000, dtype=np.float32).reshape(100, 100))) > 99
    flat = np.random.default_rng(0).normal(50, 1, (100, 100)).astype(np.float32)
    assert level(flat).std() < 3.1
    assert (level(np.full((9, 9), 37, np.float32)) == 37).all()
    assert level(np.array([[0.0, 100.0]], np.float32)).tolist() == [[0.0, 100.0]]


DYNAMIC = Card("any", "float16", None, None, 2)


@pytest.mark.parametrize(
    ("photo", "inner", "outer"),
    [
        ((3000, 4000), (256, 341), (256, 352)),
        ((4000, 3000), (341, 256), (352, 256)),
        ((100, 100), (256, 256), (256, 256)),
        ((500, 20_000), (26, 1024), (32, 1024)),
        ((1, 1), (256, 256), (256, 256)),
        ((1, 100_000), (1, 1024), (32, 1024)),
    ],
)
def test_the_size_that_a_dynamic_file_is_given(photo, inner, outer):
    assert sizes(*photo, DYNAMIC) == (inner, outer)


def test_squash_and_letterbox():
    square = replace(DYNAMIC, height=256, width=256, fit="squash")
    assert sizes(300, 900, square) == ((256, 256), (256, 256))
    assert sizes(300, 900, replace(square, fit="letterbox")) == ((85, 256), (256, 256))


def test_padding_mirrors_the_photo():
    image = gray(4, 200, 267)
    prepared = prepare(image, 200, 267, DYNAMIC, SRGB.luma, levels=False)
    assert prepared.luma.shape == (256, 352)
    assert (prepared.height, prepared.width) == (256, 342)
    assert (prepared.luma[:, 342:] == prepared.luma[:, 331:341][:, ::-1]).all()


def test_letterbox_and_dynamic_files_put_colour_in_the_right_place(tmp_path):
    image = gray(5, 60, 200)
    wide = TfliteColorizer(changed(tmp_path, "tiny-fixed", fit="letterbox"), 1)(image)
    assert wide.shape == (60, 200, 3)
    dynamic = TfliteColorizer(MODELS / "tiny.tflite", 1)
    left = dynamic(image)[:, :60].astype(int)
    mirrored = dynamic(image[:, ::-1])[:, ::-1][:, :60].astype(int)
    assert np.abs(left - mirrored).mean() < 25  # the network is not symmetric, but its colours stay where they belong


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny", {"hints": False}),
        ("tiny", {"vivid": False}),
        ("tiny", {"height": 64, "width": 64, "fit": "squash"}),
        ("tiny-fixed", {"height": 128, "width": 128}),
        ("tiny-fixed", {"height": None, "width": None, "fit": "pad"}),
    ],
)
def test_a_card_that_lies_is_found_out_when_loading(tmp_path, name, changes):
    with pytest.raises(InputError, match="its card states"):
        TfliteColorizer(changed(tmp_path, name, **changes))


def test_an_output_of_another_type_is_found_out_when_loading(monkeypatch):
    class Eight(find_runtime().interpreter):
        def get_output_details(self):
            return [{**detail, "dtype": np.int8} for detail in super().get_output_details()]

    monkeypatch.setattr(tflite_module, "find_runtime", lambda _: Runtime("ai-edge-litert", Eight))
    with pytest.raises(InputError, match="its card states output float32"):
        TfliteColorizer(MODELS / "tiny.tflite")


def test_a_card_that_lies_about_the_output_is_found_out_when_used(tmp_path):
    colorizer = TfliteColorizer(changed(tmp_path, ab_scale=1))
    with pytest.raises(InputError, match="as its card says"):
        colorizer(gray())
    with pytest.raises(InputError, match="as its card says"):  # before a folder of photos says it one by one
        colorizer.warm_up()


@pytest.mark.parametrize("changes", [{"short_side": 1025}, {"multiple": 8192}])
def test_a_card_does_not_decide_how_much_memory_is_taken(tmp_path, changes):
    with pytest.raises(InputError, match="must be made for a short side of at most 1024"):
        TfliteColorizer(changed(tmp_path, **changes))
    assert TfliteColorizer(changed(tmp_path, short_side=1024)).card.short_side == 1024
    assert Constant(np.zeros((32, 32, 2))).card.short_side == 256  # of a file of one size it says nothing


def test_translators_are_refused(tmp_path):
    with pytest.raises(InputError, match="must be a colorizer"):
        TfliteColorizer(changed(tmp_path, kind="translate"))


def test_what_the_model_lacks_is_refused():
    fake = Constant(np.zeros((32, 32, 2)))
    with pytest.raises(InputError, match="no such input"):
        fake(gray(), hints=[Hint(1, 1, (1, 2, 3))])
    with pytest.raises(InputError, match="Try saturation"):
        Constant(np.zeros((32, 32, 2)), vivid=0.5)


def test_whatever_a_model_is_called_an_error_is_one_line():
    fake = Constant(np.full((32, 32, 2), np.nan))
    fake.card = replace(fake.card, name="line\nand\x1b[31m" + "long" * 1000)
    for hints in ([Hint(1, 1, (1, 2, 3))], []):
        with pytest.raises(ColorizeError) as caught:
            fake(gray(), hints)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("options", [{"vivid": 1.1}, {"vivid": float("nan")}, {"saturation": -1}, {"chroma_cap": 0}])
def test_options_have_bounds(options):
    with pytest.raises(InputError):
        Options(**options)
