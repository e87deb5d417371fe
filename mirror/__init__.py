"""Fine-tuning, simulated counseling sessions and analysis of MIRROR, a therapist that reads the client's face."""
