# octo-node as the ENTRYPOINT of Octopus Server's image: docs/image.md.
# Plain syntax, for engines without buildx. A hardened Octopus image has no shell: the last stage only copies.
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

FROM ${OCTOPUS_IMAGE}
ARG OCTOPUS_IMAGE
ARG VERSION
LABEL org.opencontainers.image.title="octo-node" \
      org.opencontainers.image.description="Octopus Server with octo-node as its entrypoint and node supervisor" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${OCTOPUS_IMAGE}" \
      io.octo-node.version="${VERSION}"
COPY --from=build /opt/octo-node /opt/octo-node
COPY --from=build /opt/octo-node/bin/octo-node /usr/local/bin/octo-node
STOPSIGNAL SIGTERM
# A probe costs milliseconds. Within the start period a failure doesn't count: a node may have to wait for SQL Server
# or for a migration, and says itself, by ending, when it waited too long.
HEALTHCHECK --interval=10s --timeout=5s --retries=3 --start-period=30m CMD ["octo-node", "probe", "liveness"]
ENTRYPOINT ["octo-node"]
CMD ["run"]
