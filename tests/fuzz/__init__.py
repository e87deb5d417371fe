"""A fuzzer of every reader of outside files and texts: `python -m tests.fuzz --minutes 60 --seed 1`."""
