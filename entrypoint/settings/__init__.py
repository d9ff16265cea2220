"""What the operator sets: the variables, one reading of the environment, and what comes of it."""
