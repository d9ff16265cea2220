# Stands for a `-hardened` image: no shell, no Python, no programs but the server's, user 1001 of group 0.
ARG OCTOPUS
FROM ${OCTOPUS}
ARG VERSION
COPY container/dockerfiles/harden.py /harden.py
RUN ["python3", "/harden.py"]
VOLUME ["/import", "/repository", "/artifacts", "/taskLogs", "/cache", "/eventExports", "/diagnostics", "/etc/octopus"]
VOLUME ["/Octopus/.octopus", "/Octopus/.octopus/OctopusServer/Server", "/tmp"]
USER 1001:0
