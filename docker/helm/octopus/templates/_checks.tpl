{{- /* What the schema can't say: values that don't fit together are refused, with the next step. */ -}}
{{- define "octopus.check" -}}
{{- if and .Values.octopus.createSecrets (not (include "octopus.connectionString" .)) -}}
{{- fail "octopus.databaseConnectionString is empty: give the connection string of the Octopus database, or try it out with mssql.enabled=true." -}}
{{- end -}}
{{- $accepted := or (include "octopus.accepted" .Values.mssql.ACCEPT_EULA) (include "octopus.accepted" (index .Values "mssql-linux" "acceptEula" "value")) -}}
{{- if and (include "octopus.withMssql" .) (not $accepted) -}}
{{- fail "mssql.ACCEPT_EULA isn't Y: read SQL Server's licence at https://go.microsoft.com/fwlink/?linkid=857698, and set it to Y if you agree." -}}
{{- end -}}
{{- $ingress := .Values.octopus.ingress -}}
{{- if and (or $ingress.enabled $ingress.pollingTentacles.enabled $ingress.grpc.enabled) (not $ingress.hosts) -}}
{{- fail "octopus.ingress.hosts is empty: name the host that the web portal has, or turn the Ingresses off." -}}
{{- end -}}
{{- if and $ingress.grpc.enabled $ingress.grpc.tls.enabled (not $ingress.grpc.tls.secretName) -}}
{{- fail "octopus.ingress.grpc.tls.secretName is empty: name the Secret with the certificate, or set octopus.ingress.grpc.tls.enabled=false." -}}
{{- end -}}
{{- if and .Values.dockerHub.login (not .Values.dockerHub.creds) -}}
{{- fail "dockerHub.creds is empty: give the base64 of a .dockerconfigjson, or set dockerHub.login=false." -}}
{{- end -}}
{{- $grace := include "octopus.gracePeriod" . | int -}}
{{- if lt (int .Values.octopus.upgradeWait) $grace -}}
{{- fail (printf "octopus.upgradeWait is %d s, but a node may take %d s to drain and stop: in an upgrade the new nodes wait for that, so set it to %d or more." (int .Values.octopus.upgradeWait) $grace $grace) -}}
{{- end -}}
{{- include "octopus.checkPorts" . -}}
{{- include "octopus.checkVolumes" . -}}
{{- include "octopus.checkVariables" . -}}
{{- end -}}

{{- define "octopus.checkPorts" -}}
{{- $octopus := .Values.octopus -}}
{{- $ports := list (int $octopus.webPort) (int $octopus.tentaclePort) (int $octopus.grpcPort) -}}
{{- if or (ne 3 (len (uniq $ports))) (has 8080 (rest $ports)) (eq 10943 (int $octopus.grpcPort)) -}}
{{- fail "octopus.webPort, octopus.tentaclePort and octopus.grpcPort have to differ, and the latter two from 8080, where a node serves the web portal, as octopus.grpcPort from 10943: choose others." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkVolumes" -}}
{{- $taken := list "/masterKey" "/run/secrets/octopus" (printf "%s/Logs" (include "octopus.configurationDirectory" .)) -}}
{{- range include "octopus.shared" . | fromYamlArray }}{{ $taken = append $taken .path }}{{ end -}}
{{- range $name, $values := .Values.octopus.extraVolumes -}}
{{- if has $values.mountPath $taken -}}
{{- fail (printf "octopus.extraVolumes.%s is for %s, where another volume is mounted: choose another folder, or give the chart's own volume your claim with existingClaim." $name $values.mountPath) -}}
{{- end -}}
{{- $taken = append $taken $values.mountPath -}}
{{- $shared := and (eq $values.type "persistentVolumeClaim") (gt (include "octopus.nodeCount" $ | int) 1) -}}
{{- if and $shared $.Values.octopus.enableDockerInDocker (eq $values.mountPath "/var/lib/docker") -}}
{{- fail (printf "octopus.extraVolumes.%s would be shared by the Docker engines of all nodes, which destroys it: leave it out, and each has a folder as long as its pod lives." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Variables that the chart makes of values: what is computed from these would be wrong if they were set otherwise. */ -}}
{{- define "octopus.checkVariables" -}}
{{- $values := dict "ACCEPT_EULA" "octopus.acceptEula" "OCTOPUS_SERVER_NODE_NAME" "fullnameOverride" "ADMIN_EMAIL" "octopus.email"
  "TASK_CAP" "octopus.taskCap" "DISABLE_DIND" "octopus.enableDockerInDocker" "OCTOPUS_GRPC_SERVICES_PORT" "octopus.grpcPort"
  "OCTOPUS_SERVER_CONFIGURATION_DIRECTORY" "octopus.serverConfigurationDirectory" "OCTO_NODE_SQL_WAIT" "octopus.sqlWait"
  "OCTO_NODE_UPGRADE_WAIT" "octopus.upgradeWait" "OCTO_NODE_STOP_TIMEOUT" "octopus.stopTimeout" "HTTP_PROXY" "octopus.proxy.http"
  "HTTPS_PROXY" "octopus.proxy.https" "ALL_PROXY" "octopus.proxy.all" "NO_PROXY" "octopus.proxy.excludedHostnames" -}}
{{- range $variable := .Values.octopus.extraEnv -}}
{{- with get $values (trimSuffix "_FILE" $variable.name) -}}
{{- fail (printf "octopus.extraEnv sets %s, which %s is for: set that instead." $variable.name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
