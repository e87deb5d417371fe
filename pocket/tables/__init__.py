"""Tables and pictures that the pocket training set is built from, in the forms that users bring."""
