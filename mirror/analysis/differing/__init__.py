"""What differs between arms beyond what they are compared for: the prompts, the training of their checkpoints."""
