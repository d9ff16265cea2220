#!/bin/sh
# an existing instance of 2026, whose key has 256 bits, on a host that is called by its whole name
docker run --detach --name octopus --privileged --hostname octo01.corp.example.com \
  --publish 80:8080 --publish 10943:10943 \
  -e ACCEPT_EULA=Y \
  -e "DB_CONNECTION_STRING=Data Source=sql01.corp.example.com,1433;Initial Catalog=Octopus;User ID=octopus;Password='p;w=1\"x'" \
  -e MASTER_KEY=BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY= \
  --env ADMIN_USERNAME=admin --env ADMIN_PASSWORD='Tr0ub4dor&3' \
  --env=DISABLE_DIND=Y \
  octopusdeploy/octopusdeploy:2026.2
