"""Fine-tuning: records, batches, steps, checkpoints."""
