"""The families of models that can be the counselor: what is known of each, and what is the same for all."""
