"""What `mirror.benchmarks.batches` compares: rules that make batches, and what a batch holds."""
