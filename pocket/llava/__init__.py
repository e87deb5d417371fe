"""The pocket LLaVA: training, exam and model card."""
