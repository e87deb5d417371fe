"""Processes on several GPUs and machines that each hold an object; Ray starts them, and is known here alone."""
