"""Docker-in-Docker: what has to be put in order before dockerd runs in a container, and whether it answers."""
