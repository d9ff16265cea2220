"""What is asked of a node that runs: settle, drain, undrain, status, check."""
