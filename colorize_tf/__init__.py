"""Believable colour for grayscale photographs: trains the networks, and runs them anywhere."""

__version__ = "0.1.0"
