"""The speed of fine-tuning: ways to do it, numbers of GPUs, rules of forming batches."""
