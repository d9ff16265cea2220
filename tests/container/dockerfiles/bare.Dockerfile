# Nothing: no C library, no accounts, no program.
ARG BASE
FROM ${BASE} AS source
RUN mkdir -p /bare/tmp && chmod 1777 /bare/tmp

FROM scratch
COPY --from=source /bare /
ENV PATH=/usr/local/bin
