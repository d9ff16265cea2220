"""Docker-in-Docker: prepares a container for dockerd, and finds out whether it works."""
