"""Simulated clients, and a lexicon that reads the expressions in their cues."""
