# Stands for octopusdeploy/octopusdeploy: what is known of that image (ports, volumes, folders, users, entrypoint; it runs
# as root and as octopus, the makers' page on Compose says), and the stand-in for the server, with a Python and an ODBC
# driver of its own.
ARG BASE
FROM ${BASE} AS plain
RUN groupadd --gid 999 octopus && useradd --uid 999 --gid 999 --create-home octopus \
    && mkdir /import /repository /artifacts /taskLogs /cache /eventExports /diagnostics /etc/octopus \
    && chgrp octopus /import /repository /artifacts /taskLogs /cache /eventExports /diagnostics /etc/octopus \
    && chmod g+w /import /repository /artifacts /taskLogs /cache /eventExports /diagnostics /etc/octopus
COPY standin /standin/standin
COPY container/dockerfiles/sqlcmd.py /opt/mssql-tools18/bin/sqlcmd
RUN chmod 755 /opt/mssql-tools18/bin/sqlcmd && ln -s /usr/lib/*/odbc/libtdsodbc.so /standin \
    && PYTHONPATH=/standin python3 -c "from standin.octopus.install import install; install('/Octopus')" \
    && printf '#!/bin/bash\necho "the official entrypoint was started"; exit 99\n' >/Octopus/install.sh \
    && chmod 755 /Octopus/install.sh && python3 -m compileall -q /standin
ENV ACCEPT_EULA=N LANG=C.UTF-8 STANDIN_OCTOPUS_DRIVER=/standin/libtdsodbc.so OCTOPUS_INSTANCE=OctopusServer
WORKDIR /Octopus
EXPOSE 8080 443 10943 8443
HEALTHCHECK CMD ["/Octopus/healthcheck.sh"]
ENTRYPOINT ["./install.sh"]
CMD [""]

# what is changed below a volume is lost to an image that is made from it
FROM plain
VOLUME ["/import", "/repository", "/artifacts", "/taskLogs", "/cache", "/eventExports", "/diagnostics"]
