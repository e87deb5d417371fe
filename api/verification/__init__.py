"""The verification service: whether a painted face is safe, relevant, and of the same person."""
