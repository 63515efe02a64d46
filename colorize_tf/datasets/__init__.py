"""Sources of colour photographs by name, as encoded bytes that can be read in any order.

folder:PATH      a folder, recursively; if every photo lies in a subfolder, these are the classes
tar:GLOB         uncompressed tar archives of photos
tfrecord:GLOB    TFRecord shards, our own (`python -m colorize_tf.datasets pack`) or others with encoded images
tfds:NAME        a TensorFlow Datasets image set, all its splits or, as tfds:NAME@SPLIT, some
synthetic:COUNT  generated scenes
unpaired:A|B     two of these without correspondence (`open_unpaired`)
"""

from colorize_tf.datasets.cache import cache_root
from colorize_tf.datasets.photos import FRACTIONS, Photos, Rejected, Unpaired, split_counts
from colorize_tf.datasets.sources import MAX_BAD_SHARE, open_source, open_unpaired

__all__ = [
    "FRACTIONS",
    "MAX_BAD_SHARE",
    "Photos",
    "Rejected",
    "Unpaired",
    "cache_root",
    "open_source",
    "open_unpaired",
    "split_counts",
]
