"""Finds risk in what client and therapist say: self-harm, harm to others, abuse, psychosis, medical advice."""
