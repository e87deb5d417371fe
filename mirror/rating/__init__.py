"""Ratings of counseling sessions by a chat model or by fixed rules."""
