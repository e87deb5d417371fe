"""The pocket painter and its filters: training, exam and model cards."""
