"""`executor up` and the other commands, as a user runs them."""
