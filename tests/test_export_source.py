"""A run becomes a graph from L to ab, or is refused with the reason."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from colorize_tf.config import DataConfig
from colorize_tf.errors import InputError
from colorize_tf.export.finetune import fine_tune
from colorize_tf.export.recipes import CHROMA_TOLERANCE, RECIPES, Bounds, find_recipe
from colorize_tf.export.scenes import Intake, choose_photos, make_scenes
from colorize_tf.export.source import Source, open_source_graph, refuse_what_breaks
from colorize_tf.models import build
from colorize_tf.predict import Run


def untrained(name: str = "pix2pix-lab", **options: Any) -> Run:
    model = build(name, **{"size": 32, "base_width": 4, **options})
    config = SimpleNamespace(model=SimpleNamespace(name=name), data=DataConfig(data="synthetic:12"))
    return Run(Path(), Path(), config, model)  # type: ignore[arg-type]


def luma(height: int = 32, width: int = 32) -> dict[str, np.ndarray]:
    return {"luma": np.random.default_rng(2).uniform(0, 100, (1, height, width, 1)).astype(np.float32)}


# === Recipes ===


def test_recipes_have_the_bounds_that_were_agreed() -> None:
    assert {name: recipe.bounds for name, recipe in RECIPES.items()} == {
        "float32": Bounds(60, 50),
        "float16": Bounds(50, 44),
        "dynamic_wi8": Bounds(42, 36),
        "static_wi8_ai8": Bounds(38, 33),
        "static_wi8_ai16": Bounds(42, 36),
        "qat_wi8_ai8": Bounds(38, 33),
    }
    assert CHROMA_TOLERANCE == 0.02
    assert all(recipe.reason and recipe.hardware for recipe in RECIPES.values())


def test_an_unknown_recipe_names_the_valid_ones() -> None:
    with pytest.raises(InputError, match=r"int4.*float32.*static_wi8_ai8"):
        find_recipe("int4")


# === Graph ===


@pytest.mark.parametrize("name", ["pix2pix-lab", "pix2pix-rgb"])
def test_the_graph_answers_as_colorize_does(name: str) -> None:
    run = untrained(name)
    source = open_source_graph(run, None)
    assert source.intake == Intake((32, 32), 32, 32, ("luma",))
    answer = source(luma())
    assert answer.shape == (1, 32, 32, 2)
    assert np.allclose(answer, np.asarray(run.model.colorize(luma()["luma"])), atol=1e-4)


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
def test_a_graph_of_any_size_shares_the_weights_of_the_fixed_one(upsampling: str) -> None:
    fixed = open_source_graph(untrained(upsampling=upsampling), None)
    whole = fixed(luma())
    free = open_source_graph(fixed.run, None, free=True)
    assert free.intake.size is None
    assert np.allclose(free(luma()), whole, atol=1e-5)
    assert free(luma(64, 96)).shape == (1, 64, 96, 2)


def test_another_fixed_size_is_a_multiple_of_the_networks_steps() -> None:
    assert open_source_graph(untrained(), (64, 32))(luma(64, 32)).shape == (1, 64, 32, 2)
    with pytest.raises(InputError, match="multiples of 32"):
        open_source_graph(untrained(), (64, 48))


def test_noise_is_left_out_so_that_a_photo_always_gets_the_same_colours() -> None:
    run = untrained(noise="dropout")
    assert not np.array_equal(*(np.asarray(run.model.colorize(luma()["luma"])) for _ in range(2)))
    source = open_source_graph(run, None)
    assert np.array_equal(source(luma()), source(luma()))


def test_hints_and_vividness_become_inputs_of_the_file() -> None:
    run = untrained()
    run.model.colorize = lambda luma, hints, vivid: hints[..., :2] * vivid + luma  # type: ignore[method-assign]
    source = open_source_graph(run, None)
    assert source.intake.inputs == ("luma", "hints", "vivid")
    scenes = make_scenes(choose_photos(run.config.data, (0, 4), "synthetic:4")[1], source.intake)
    assert {name: value.shape for name, value in scenes[1].inputs.items()} == {
        "luma": (1, 32, 32, 1),
        "hints": (1, 32, 32, 3),
        "vivid": (1,),
    }
    assert [scene.inputs["hints"][..., 2].sum() > 20 for scene in scenes] == [False, True, False, True]  # discs
    assert [float(scene.inputs["vivid"][0]) for scene in scenes] == [0, 0, 1, 1]
    assert source(scenes[1].inputs).shape == (1, 32, 32, 2)


class Guided(keras.Model):
    """A network for any size that takes hints and vividness, or does without, and chooses among bins of colour."""

    size = 32
    multiple = 4
    bins = np.random.default_rng(8).uniform(-60, 60, (1, 1, 24, 2)).astype(np.float32)

    def __init__(self) -> None:
        super().__init__()
        keras.utils.set_random_seed(6)
        x = seen = keras.Input((None, None, 4))
        for stride in (2, 2, 1):
            x = keras.layers.Conv2D(16, 3, stride, "same", activation="relu")(x)
        x = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
        logits = keras.layers.Conv2D(24, 1, kernel_initializer=keras.initializers.RandomNormal(0, 4.0))(x)
        scores = keras.layers.Conv2D(1, 1, name="scores")(x)
        self.network = keras.Model(seen, [logits, scores])
        self.network.trainable = False  # as the average of another one's weights is
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {}

    def colorize(self, luma: Any, hints: Any = None, vivid: Any = None) -> Any:
        hints = keras.ops.repeat(keras.ops.zeros_like(luma), 3, axis=-1) if hints is None else hints
        temperature = 1.0 if vivid is None else 1.0 - 0.8 * vivid
        seen = keras.ops.concatenate([luma / 50.0 - 1.0, hints], axis=-1)
        logits, scores = self.network(seen, training=False)
        mean = keras.ops.conv(keras.ops.softmax(logits / temperature), keras.ops.convert_to_tensor(self.bins))
        return mean * keras.ops.sigmoid(scores)


@functools.cache
def guided_file(recipe: str) -> tuple[Source, bytes]:
    from colorize_tf.export.convert import convert

    source = open_source_graph(replace(untrained(), model=Guided()), None, free=True)
    calibration, _ = choose_photos(DataConfig(data="synthetic:20"), (12, 1))
    samples = [scene.inputs for scene in make_scenes(calibration, source.intake)]
    # Photos of another shape, too.
    samples += [
        {name: value[..., :32, :] if value.ndim > 1 else value for name, value in one.items()} for one in samples
    ]
    assert len({sample["luma"].shape for sample in samples}) == 2
    return source, convert(source, RECIPES[recipe], samples)


@pytest.mark.parametrize(("recipe", "most"), [("float32", 1e-3), ("float16", 0.1), ("static_wi8_ai8", 1.0)])
def test_a_file_for_any_size_is_guided_by_hints_and_vividness(recipe: str, most: float, tmp_path: Path) -> None:
    from colorize_tf.export.probe import Tflite

    source, content = guided_file(recipe)
    assert source.intake == Intake(None, 4, 32, ("luma", "hints", "vivid"))
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    file = Tflite("ai-edge-litert", str(path), 1)
    for height, width in ((32, 32), (40, 64)):
        plain = {**luma(height, width), "hints": np.zeros((1, height, width, 3), np.float32)}
        plain["vivid"] = np.zeros(1, np.float32)
        hinted = {**plain, "hints": plain["hints"].copy()}
        hinted["hints"][:, 8:15, 8:15] = (0.4, -0.3, 1.0)
        lively = {**plain, "vivid": np.ones(1, np.float32)}
        answer, *guided = (file.run(inputs) for inputs in (plain, hinted, lively))
        assert answer.shape == (1, height // 2, width // 2, 2)
        assert np.abs(answer - np.asarray(source.model.colorize(plain["luma"]))).mean() < most
        for inputs, other in zip((hinted, lively), guided, strict=True):
            assert np.abs(other - source(inputs)).mean() < most
            assert np.abs(other - answer).max() > 1


def test_the_head_of_a_guided_network_stays_float() -> None:
    from colorize_tf.export.flatbuffer import Graph

    graph = Graph(guided_file("static_wi8_ai8")[1])
    kinds = {(node.operator, graph.dtype(node.outputs[0])) for node in graph.nodes}
    assert {kind for name, kind in kinds if name in ("DIV", "SOFTMAX", "LOGISTIC")} == {"FLOAT32"}
    assert ("RESIZE_BILINEAR", "INT8") in kinds
    convolutions = [graph.dtype(node.inputs[1]) for node in graph.nodes if node.operator == "CONV_2D"]
    assert sorted(convolutions) == ["FLOAT32"] + ["INT8"] * 5  # the expectation; trunk, logits, scores
    assert {graph.dtype(index) for index in (*graph.inputs, *graph.outputs)} == {"FLOAT32"}


@pytest.mark.parametrize(("size", "free"), [(None, False), ((40, 40), False), (None, True)])
def test_a_guided_network_is_fine_tuned_with_its_inputs(size: tuple[int, int] | None, free: bool) -> None:
    source = open_source_graph(replace(untrained(), model=Guided()), size, free=free)
    calibration, _ = choose_photos(DataConfig(data="synthetic:8"), (6, 1))
    samples = [scene.inputs for scene in make_scenes(calibration, source.intake)]
    tuned = fine_tune(source, samples, steps=2, batch=2)
    before, after = source.model.network.get_weights(), tuned.model.network.get_weights()
    assert not any(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    assert np.abs(source(samples[1]) - tuned(samples[1])).mean() < 2


# === Refusals ===


@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "qat_wi8_ai8"])
def test_instance_norm_is_refused_under_8_bit_activations(recipe: str) -> None:
    source = open_source_graph(untrained(norm="instance"), None)
    with pytest.raises(InputError, match=r"instance normalisation.*down1_norm.*dynamic_wi8"):
        refuse_what_breaks(source, RECIPES[recipe])
    refuse_what_breaks(source, RECIPES["dynamic_wi8"])
    refuse_what_breaks(open_source_graph(untrained(), None), RECIPES[recipe])


def test_batch_norm_in_training_mode_is_refused() -> None:
    run = untrained()
    run.model.colorize = lambda luma: 110 * run.model.generator(luma / 50 - 1, training=True)  # type: ignore[method-assign]
    with pytest.raises(InputError, match=r"batch norm in training mode.*_norm"):
        open_source_graph(run, None)


def test_a_network_that_changes_as_it_runs_is_refused() -> None:
    run = untrained()
    calls = keras.Variable(0.0, name="calls")

    def counting(luma: Any) -> Any:
        calls.assign_add(1.0)
        return run.model.generator(luma / 50 - 1) + calls

    run.model.colorize = counting  # type: ignore[method-assign]
    with pytest.raises(InputError, match="must not change"):
        open_source_graph(run, None)


# === Photos ===


def test_files_are_judged_on_photos_the_network_has_not_learnt() -> None:
    data = DataConfig(data="synthetic:40", val_share=0.2, test_share=0.2)
    calibration, judged = choose_photos(data, (10, 10))
    from colorize_tf.splits import open_splits

    splits = {name: set(photos.names) for name, photos in open_splits(data).items()}
    chosen = {str(photos.names[index]) for photos, index, _ in judged}
    assert len(chosen) == 10 and chosen <= splits["val"] | splits["test"]
    assert {str(photos.names[index]) for photos, index, _ in calibration} <= splits["train"]
    assert not any(pick.learnt for pick in judged) and all(pick.learnt for pick in calibration)


def test_of_many_photos_it_is_not_the_first_that_judge() -> None:
    data = DataConfig(data="synthetic:40", val_share=0.5, test_share=0.0)  # folders would hold one kind of photo each
    few, all_of_them = choose_photos(data, (0, 2))[1], choose_photos(data, (0, 40))[1]
    unseen = [pick.index for pick in all_of_them if not pick.learnt]
    assert [pick.index for pick in few] == [unseen[0], unseen[-1]]


def test_ranges_are_not_measured_on_the_photos_that_judge() -> None:
    everything = DataConfig(data="synthetic:9", val_share=0.0, test_share=0.0)
    calibration, judged = choose_photos(everything, (100, 100))
    assert (len(calibration), len(judged)) == (5, 4)
    assert not {pick.index for pick in calibration} & {pick.index for pick in judged}
    assert all(pick.learnt for pick in judged)


def test_ranges_are_measured_on_the_runs_own_photos_whatever_judges() -> None:
    own = DataConfig(data="synthetic:40", val_share=0.2, test_share=0.2)
    calibration, judged = choose_photos(own, (5, 3), "synthetic:7,seed=3")
    assert [pick.index for pick in judged] == [0, 3, 6]  # of the whole source, not its first ones
    assert {photos.image(index).tobytes() for photos, index, _ in calibration} <= {
        photos.image(index).tobytes() for photos, index, _ in choose_photos(own, (100, 1))[0]
    }


@pytest.mark.parametrize(("back", "source"), [(False, "synthetic:8"), (True, "synthetic:9,seed=2")])
def test_a_translator_is_judged_on_the_set_that_goes_in(back: bool, source: str) -> None:
    measured, judged = choose_photos(DataConfig(data="unpaired:synthetic:8|synthetic:9,seed=2"), (2, 3), back=back)
    assert {pick.photos.source for pick in measured + judged} == {source} and len(judged) == 3


def test_photos_of_a_run_that_are_gone_are_not_missed_where_no_range_is_measured() -> None:
    gone = DataConfig(data="folder:no/such/place")
    calibration, judged = choose_photos(gone, (0, 3), "synthetic:3")
    assert (len(calibration), len(judged)) == (0, 3)
    with pytest.raises(InputError, match="no/such/place"):
        choose_photos(gone, (1, 3), "synthetic:3")


def test_a_file_of_any_size_sees_photos_in_their_proportions() -> None:
    _, picks = choose_photos(DataConfig(), (0, 2), "synthetic:2")  # 192x256 pixels each
    (first, _) = make_scenes(picks, Intake(None, 32, 96, ("luma",)))
    assert first.inputs["luma"].shape == (1, 96, 128, 1)


# === Fine-tuning ===


class Uneven(keras.Model):
    """Channels of very different size between ReLU6, where nothing can be equalized: what 8 bits hurt."""

    size = 32

    def __init__(self) -> None:
        super().__init__()
        keras.utils.set_random_seed(4)
        random = np.random.default_rng(2)

        def block(x: Any, layer: keras.Layer) -> Any:
            x, norm = layer(x), keras.layers.BatchNormalization()
            x = norm(x)
            norm.gamma.assign(random.lognormal(0, 2.5, norm.gamma.shape))
            norm.beta.assign(random.normal(0, 0.5, norm.beta.shape))
            return keras.layers.ReLU(6.0)(x)

        inputs = keras.Input((32, 32, 1))
        x = block(inputs, keras.layers.Conv2D(16, 3, 2, "same", use_bias=False))
        for _ in range(3):
            y = block(x, keras.layers.DepthwiseConv2D(3, 1, "same", use_bias=False))
            x = keras.layers.Add()([x, block(y, keras.layers.Conv2D(16, 1, use_bias=False))])
        x = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
        last = keras.layers.Conv2D(2, 3, padding="same", kernel_initializer=keras.initializers.RandomNormal(0, 0.02))
        self.network = keras.Model(inputs, keras.ops.tanh(last(x)))
        self.built = True

    def get_config(self) -> dict[str, Any]:
        return {}

    def colorize(self, luma: Any) -> Any:
        return 110.0 * self.network(luma / 50.0 - 1.0, training=False)


def test_fine_tuning_helps_a_network_that_8_bits_hurt(tmp_path: Path) -> None:
    from colorize_tf.export.convert import convert
    from colorize_tf.export.drift import measure_drift
    from colorize_tf.export.probe import Tflite

    source = open_source_graph(replace(untrained(), model=Uneven()), None)
    calibration, judged = choose_photos(DataConfig(data="synthetic:40", val_share=0.2, test_share=0.2), (24, 12))
    samples = [scene.inputs for scene in make_scenes(calibration, source.intake)]
    scenes = [scene.inputs for scene in make_scenes(judged, source.intake)]
    wanted = [source(scene) for scene in scenes]

    def drift_of(network: Source, recipe: str) -> float:
        path = tmp_path / "model.tflite"
        path.write_bytes(convert(network, RECIPES[recipe], samples))
        file = Tflite("ai-edge-litert", str(path), 1)
        drift = measure_drift([s["luma"] for s in scenes], wanted, [file.run(s) for s in scenes])
        assert drift.chroma > 5
        return drift.rgb_mean

    tuned = fine_tune(source, samples, steps=150)
    assert np.array_equal(source(scenes[0]), wanted[0])  # the source itself is left alone
    assert drift_of(tuned, "qat_wi8_ai8") > drift_of(source, "static_wi8_ai8") + 0.4
