"""How time and memory grow with the sessions of a run: `python -m mirror.benchmarks.scale`."""
