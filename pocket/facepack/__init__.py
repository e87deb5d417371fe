"""The pocket face detector and recogniser."""
