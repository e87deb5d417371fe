"""The speed of counseling on several GPUs: `python -m mirror.benchmarks.workers --workers 1 2 4`."""
