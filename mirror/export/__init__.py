"""Runs in the formats of other tools: chat messages as JSON Lines, and logs for Inspect. `python -m mirror.export`."""
