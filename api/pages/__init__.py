"""The services' pages for people: one to try the service with, and the documentation; both work without a network."""
