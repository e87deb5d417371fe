"""One module per family of models, each with its `FAMILIES`; a new family is a new module here."""
