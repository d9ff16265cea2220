# What OCTO_NODE_CONTAINERS=rootless needs, over an image that has octo-node and Docker: docs/containers.md.
# For Octopus's own image (octo-node in a volume) the same: --build-arg IMAGE=octopusdeploy/octopusdeploy:2026.2
ARG IMAGE=octo-node
FROM ${IMAGE}
ARG UID=1001
USER 0
RUN command -v rootlesskit slirp4netns newuidmap setcap >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends rootlesskit slirp4netns uidmap libcap2-bin \
         && rm -rf /var/lib/apt/lists/* /var/cache/apt/*; }
# In a container setuid root isn't enough for newuidmap, file capabilities are. Who copies the image has to keep them.
RUN chmod u-s "$(command -v newuidmap)" "$(command -v newgidmap)" \
    && setcap cap_setuid=ep "$(command -v newuidmap)" && setcap cap_setgid=ep "$(command -v newgidmap)"
# By name: newuidmap asks /etc/passwd who runs it. In a pod with `hostUsers: false` only 65536 ids exist:
# there octo-node is root of the pod's own user namespace, and needs no range.
RUN { getent passwd "${UID}" || useradd --uid "${UID}" --gid 0 --no-create-home --home-dir /home/octopus octo-node; } \
    && echo "$(getent passwd "${UID}" | cut -d: -f1):100000:65536" | tee /etc/subuid >/etc/subgid
# Volumes that are mounted here for the first time get this owner; the link serves scripts without DOCKER_HOST.
RUN mkdir -p /run/octo-engine /var/lib/docker && chown "${UID}:0" /run/octo-engine /var/lib/docker \
    && chmod 0770 /run/octo-engine && chmod 0710 /var/lib/docker && ln -sf /run/octo-engine/docker.sock /run/docker.sock
USER ${UID}:0
