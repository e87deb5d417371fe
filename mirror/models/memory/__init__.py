"""Memory of models: what they will need, before they load, and models that take turns on a GPU."""
