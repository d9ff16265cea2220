"""What we know of Octopus.Server: its files, its command line, its HTTP API, its tables."""
