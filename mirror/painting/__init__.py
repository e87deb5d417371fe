"""Compares painters: which is fast enough, and still paints the person? The stage of `notebooks/paint.ipynb`."""
