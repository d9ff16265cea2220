# Stands for Microsoft's image of SQL Server.
ARG OCTOPUS
FROM ${OCTOPUS}
COPY container/dockerfiles/sqlserver.py /sqlserver.py
ENV PYTHONPATH=/standin
VOLUME ["/var/opt/mssql"]
HEALTHCHECK NONE
ENTRYPOINT ["python3", "/sqlserver.py"]
CMD []
