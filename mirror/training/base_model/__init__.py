"""The base model of a training: whether it fits, and loading it."""
