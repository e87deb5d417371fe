"""Portraits: who is in them, their gender and age, and which client gets which."""
