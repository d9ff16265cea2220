"""What `run` starts: the node, its task queue and its HTTP API."""
