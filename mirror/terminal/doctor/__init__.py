"""`mirror doctor`: what this machine has and lacks for training and counseling, with the command that mends it."""
