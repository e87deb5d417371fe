"""Networks with random weights at their published shapes, for benchmarks that need no download."""
