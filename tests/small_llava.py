"""Shapes of a LLaVA that a test can count by hand."""

HIDDEN, INNER, LAYERS, RANK, POSITIONS = 64, 128, 2, 8, 700
