"""Simulated clients, and what their cues show."""
