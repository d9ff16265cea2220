"""What can be seen of a node just now: for `status`, `nodes`, `diagnose`, and what is served over HTTP."""
