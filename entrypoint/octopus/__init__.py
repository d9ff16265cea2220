"""What is known about Octopus.Server: its files, command line, HTTP API and tables."""
