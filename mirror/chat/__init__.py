"""Chat models: OpenAI-compatible endpoints and local ones."""
