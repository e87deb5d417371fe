"""The client's face: description, painting, verification."""
