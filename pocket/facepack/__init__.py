"""The pocket face pack: detector, recognizer and attribute network in insightface's format."""
