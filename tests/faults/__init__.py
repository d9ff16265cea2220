"""The fault matrix: what may go wrong, in each phase of a node's life, and what is to come of it."""
