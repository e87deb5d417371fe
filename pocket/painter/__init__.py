"""The pocket painter and its filters: training, evaluation and model cards."""
