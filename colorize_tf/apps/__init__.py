"""What `colorize` does: one module for each of its commands."""
