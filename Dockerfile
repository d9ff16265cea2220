# octo-node for Octopus Server's image: docs/image.md. Two targets: `octo-node` is an image with nothing but octo-node,
# for volumes; the last one is Octopus's image with octo-node built in.
# Plain syntax, for engines without buildx. A hardened Octopus image has no shell: these stages only copy.
ARG OCTOPUS_IMAGE=octopusdeploy/octopusdeploy:2026.2
ARG BUILD_IMAGE=debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
# freetds, or msodbcsql18: Microsoft's, under its licence
ARG ODBC_DRIVER=freetds
RUN python3 -m pip --version && dpkg -s libodbc2 tdsodbc patchelf >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends \
         $(command -v python3 >/dev/null || echo python3) \
         $(python3 -m pip --version >/dev/null 2>&1 || echo python3-pip) \
         libodbc2 tdsodbc patchelf; }
COPY . /source
RUN python3 /source/docker/assemble.py --driver "${ODBC_DRIVER}" /opt/octo-node
# An image volume has the root of its image, and is mounted at /opt/octo-node. Scanners look for Debian's packages at
# the root, and follow no link.
RUN mkdir /links && for each in $(ls /opt/octo-node); do ln -s "opt/octo-node/$each" "/links/$each"; done \
    && rm /links/var && cp -r /opt/octo-node/var /links/var

FROM scratch AS octo-node
ARG VERSION
ARG BUILD_IMAGE
LABEL org.opencontainers.image.title="octo-node" \
      org.opencontainers.image.description="octo-node for Octopus Server's own image: copies itself into a volume" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      io.octo-node.build-image="${BUILD_IMAGE}" \
      io.octo-node.version="${VERSION}"
COPY --from=build /opt/octo-node /opt/octo-node
COPY --from=build /links /
USER 1001:0
ENTRYPOINT ["/opt/octo-node/bin/octo-node"]
CMD ["--help"]

FROM ${OCTOPUS_IMAGE}
ARG OCTOPUS_IMAGE
ARG BUILD_IMAGE
ARG VERSION
LABEL org.opencontainers.image.title="octo-node" \
      org.opencontainers.image.description="Octopus Server with octo-node as its entrypoint and node supervisor" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${OCTOPUS_IMAGE}" \
      io.octo-node.build-image="${BUILD_IMAGE}" \
      io.octo-node.version="${VERSION}"
COPY --from=build /opt/octo-node /opt/octo-node
COPY --from=build /opt/octo-node/bin/octo-node /usr/local/bin/octo-node
STOPSIGNAL SIGTERM
# A probe costs milliseconds. Within the start period a failure doesn't count: a node may have to wait for SQL Server
# or for a migration, and says itself, by ending, when it waited too long.
HEALTHCHECK --interval=10s --timeout=5s --retries=3 --start-period=30m CMD ["octo-node", "probe", "liveness"]
ENTRYPOINT ["octo-node"]
CMD ["run"]
