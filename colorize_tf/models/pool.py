"""Pictures that a generator made earlier, shown to the discriminator among the newest (Shrivastava et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras

from colorize_tf.errors import InputError

__all__ = ["ImagePool"]

Tensor = Any


class ImagePool:
    """Keeps `capacity` pictures [S,S,C]. Half of those that come in are swapped for one that came before.

    No layer, for its pictures are no weights; checkpoints keep its `variables`. Which picture is swapped depends on
    `seed` and on how often the pool was asked, so a training that goes on swaps as it would have.
    """

    def __init__(self, capacity: int, shape: tuple[int, int, int], seed: int) -> None:
        self.capacity, self.seed = capacity, seed
        self.pictures = _variable((capacity, *shape), "float32", "pictures")
        self.asked = _variable((), "int32", "asked")

    @property
    def variables(self) -> list[keras.Variable]:
        return [self.pictures, self.asked]

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures [B,S,S,C], no more than the pool can keep -> as many, new or old; TensorFlow alone."""
        import tensorflow as tf

        if self.capacity == 0:
            return pictures
        batch = pictures.shape[0]
        if batch is None or batch > self.capacity:
            raise InputError("--batch", f"must not exceed the pool of {self.capacity} pictures", batch)
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise InputError("--strategy", "must be one device where a pool keeps pictures", "several", "Try --pool 0.")
        asked = tf.convert_to_tensor(self.asked.value)
        seen, number = asked * batch, tf.range(batch)
        filling = seen < self.capacity
        key = tf.stack([self.seed, asked])
        draw = tf.random.stateless_uniform([self.capacity + batch], key, alg="philox")
        # Distinct places: the first of a random order.
        places = tf.where(filling, (seen + number) % self.capacity, tf.argsort(draw[batch:])[:batch])
        old = tf.gather(self.pictures.value, places)
        swapped = (draw[:batch] < 0.5)[:, None, None, None]
        self.pictures.value.scatter_nd_update(places[:, None], tf.where(filling | swapped, pictures, old))
        self.asked.assign(asked + 1)
        return tf.where(~filling & swapped, old, pictures)


def _variable(shape: tuple[int, ...], dtype: str, name: str) -> keras.Variable:
    return keras.Variable(keras.ops.zeros(shape, dtype), dtype=dtype, trainable=False, autocast=False, name=name)
