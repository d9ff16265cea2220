# Stands for a `-hardened` image: no shell, no programs but the server's, user 1001 of group 0.
ARG OCTOPUS
FROM ${OCTOPUS}
COPY container/dockerfiles/harden.py /harden.py
RUN ["python3", "/harden.py"]
USER 1001:0
