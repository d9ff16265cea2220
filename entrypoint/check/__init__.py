"""Check: everything that can be known about a start, and about the node's surroundings, without changing anything."""
