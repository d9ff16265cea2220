"""Which configure commands a start has to run, and running them."""
