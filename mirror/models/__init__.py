"""LLaVA, its weights in the published formats, LoRA adapters and checkpoints."""
