"""The pocket LLaVA: training, evaluation and model card."""
