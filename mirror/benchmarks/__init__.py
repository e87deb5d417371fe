"""Speed and memory of each stage."""
