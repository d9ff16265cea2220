{{- define "octopus.fullname" -}}
{{- $name := .Values.nameOverride | default "octopus" -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- /* short enough for a Service named after a pod, and for the hash that a StatefulSet appends */ -}}
{{- .Values.fullnameOverride | default $full | trunc 49 | trimSuffix "-" -}}
{{- end -}}

{{- define "octopus.labels" -}}
app.kubernetes.io/name: {{ .Values.nameOverride | default "octopus" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Of all nodes. A StatefulSet selects its own by their component, as the official chart's does: it takes those over. */ -}}
{{- define "octopus.nodeLabels" -}}
{{ include "octopus.labels" . }}
app.kubernetes.io/part-of: octopus-server
{{- end -}}

{{- define "octopus.mssqlLabels" -}}
{{ include "octopus.labels" . }}
app.kubernetes.io/component: mssql
{{- end -}}

{{- define "octopus.serviceAccountName" -}}
{{- $account := .Values.octopus.serviceAccount -}}
{{- $account.name | default (ternary (include "octopus.fullname" .) "default" $account.create) -}}
{{- end -}}

{{- /* Whether SQL Server is to be installed: "true" or nothing. */ -}}
{{- define "octopus.withMssql" -}}
{{- $alias := index .Values "mssql-linux" -}}
{{- if or .Values.mssql.enabled (and $alias.enabled (include "octopus.accepted" $alias.acceptEula.value)) }}true{{ end -}}
{{- end -}}

{{- /* Whether a licence is accepted, by `Y` or by what YAML makes of it: "true" or nothing. */ -}}
{{- define "octopus.accepted" -}}
{{- if has (toString .) (list "Y" "true") }}true{{ end -}}
{{- end -}}

{{- /* The password of SQL Server's administrator: the one given, else the release's, else a new one, the same in all of a release. */ -}}
{{- define "octopus.saPassword" -}}
{{- $mssql := .Values.mssql -}}
{{- if not $mssql.SA_PASSWORD -}}
{{- $kept := (lookup "v1" "Secret" .Release.Namespace (printf "%s-sapassword" .Release.Name)).data | default dict -}}
{{- $drawn := printf "%s-aA1" (randAlphaNum 24) -}}
{{- $_ := set $mssql "SA_PASSWORD" (coalesce (index .Values "mssql-linux" "sapassword") (b64dec ($kept.secret | default "")) $drawn) -}}
{{- end -}}
{{- $mssql.SA_PASSWORD -}}
{{- end -}}

{{- /* A Secret's type can't be changed: that of the Secret there is, which the official chart calls otherwise. */ -}}
{{- define "octopus.secretType" -}}
{{- (lookup "v1" "Secret" .root.Release.Namespace .name).type | default "Opaque" -}}
{{- end -}}

{{- define "octopus.configurationDirectory" -}}
{{- .Values.octopus.serverConfigurationDirectory | default "/home/octopus/.local" -}}
{{- end -}}

{{- /* How many nodes there are, of both kinds. */ -}}
{{- define "octopus.nodeCount" -}}
{{- add .Values.octopus.replicaCount .Values.octopus.uiOnly.replicaCount -}}
{{- end -}}

{{- define "octopus.connectionString" -}}
{{- if .Values.octopus.databaseConnectionString -}}
{{- .Values.octopus.databaseConnectionString -}}
{{- else if include "octopus.withMssql" . -}}
{{- $password := include "octopus.saPassword" . | replace "\"" "\"\"" -}}
{{- printf "Server=mssql,1433;Database=OctopusDeploy;User Id=sa;Password=\"%s\";TrustServerCertificate=True" $password -}}
{{- end -}}
{{- end -}}

{{- /* The secrets: the end of the Secret's name, which is the file's name too, the variable, the value. */ -}}
{{- define "octopus.secrets" -}}
{{- $octopus := .Values.octopus -}}
{{- $all := list
  (dict "name" "connectionstring" "variable" "DB_CONNECTION_STRING" "value" (include "octopus.connectionString" .))
  (dict "name" "masterkey" "variable" "MASTER_KEY" "value" $octopus.masterKey)
  (dict "name" "adminusername" "variable" "ADMIN_USERNAME" "value" $octopus.username)
  (dict "name" "adminpassword" "variable" "ADMIN_PASSWORD" "value" $octopus.password)
  (dict "name" "licensekey" "variable" "OCTOPUS_SERVER_BASE64_LICENSE" "value" $octopus.licenseKeyBase64)
  (dict "name" "apikey" "variable" "OCTO_NODE_API_KEY" "value" $octopus.apiKey) -}}
{{- $used := list -}}
{{- range $all -}}
{{- if ternary .value (has .name $octopus.secretNames) $octopus.createSecrets -}}
{{- $used = append $used . -}}
{{- end -}}
{{- end -}}
{{- toYaml $used -}}
{{- end -}}

{{- /* Whether a single node may have to keep the master key that it draws: "true" or nothing. */ -}}
{{- define "octopus.drawsMasterKey" -}}
{{- $octopus := .Values.octopus -}}
{{- if ternary (not $octopus.masterKey) (not (has "masterkey" $octopus.secretNames)) $octopus.createSecrets }}true{{ end -}}
{{- end -}}

{{- /* What all nodes share: the volume's name, the folder, its values, its claim's name. */ -}}
{{- define "octopus.shared" -}}
- {name: repository, path: /repository, values: packageRepositoryVolume, claim: package-repository-claim}
- {name: artifacts, path: /artifacts, values: artifactVolume, claim: artifacts-claim}
- {name: task-logs, path: /taskLogs, values: taskLogVolume, claim: task-log-claim}
- {name: event-exports, path: /eventExports, values: auditLogVolume, claim: audit-log-claim}
{{- end -}}

{{- /* What a node writes to as long as its pod lives. A container that is restarted finds its configuration there. */ -}}
{{- define "octopus.scratch" -}}
{{- $names := dict "/tmp" "tmp" "/etc/octopus" "registry" "/home/octopus" "home" "/cache" "cache" "/diagnostics" "diagnostics"
  "/Octopus/Octopus/Logs" "program-logs" "/Octopus/.diagnostics" "program-diagnostics" -}}
{{- $configuration := include "octopus.configurationDirectory" . -}}
{{- $_ := set (unset $names (printf "%s/Logs" $configuration)) $configuration "configuration" -}}
{{- if .Values.octopus.enableDockerInDocker }}{{ $_ := set $names "/var/lib/docker" "docker" }}{{ end -}}
{{- range .Values.octopus.extraVolumes }}{{ $_ := unset $names .mountPath }}{{ end -}}
{{- range $path, $name := $names }}
- {name: {{ $name }}, path: {{ $path }}}
{{- end }}
{{- end -}}

{{- /* What a claim asks for: its access mode, its size, and the storage class of the volume itself, of all, or none. */ -}}
{{- define "octopus.claimSpec" -}}
accessModes: [{{ .mode }}]
{{- with coalesce .values.storageClassName .root.Values.octopus.storageClassName .root.Values.global.storageClass }}
storageClassName: {{ ternary "" . (eq . "-") | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .values.size }}
{{- end -}}

{{- /* What a stop may take: the drain (where the server's command line cancels, it waits itself, before octo-node does),
  the server, 25 s for what it and dockerd leave behind, and a margin. */ -}}
{{- define "octopus.gracePeriod" -}}
{{- $octopus := .Values.octopus -}}
{{- add $octopus.drain.wait $octopus.drain.cancelWait $octopus.drain.cancelWait $octopus.stopTimeout 25 35 -}}
{{- end -}}

{{- /* The same for a server that doesn't answer: a drain sets the flag, and gives up 30 s later. */ -}}
{{- define "octopus.livenessGracePeriod" -}}
{{- add 45 .Values.octopus.stopTimeout 25 -}}
{{- end -}}

{{- /* How often a start is asked about: octo-node's own waits come first, with what it gives all configure commands together,
  most of which is for a migration, and 300 s for the server's start. */ -}}
{{- define "octopus.startupThreshold" -}}
{{- $octopus := .Values.octopus -}}
{{- $period := $octopus.probes.startup.periodSeconds | int -}}
{{- div (add $octopus.sqlWait $octopus.upgradeWait 7920 300 $period -1) $period -}}
{{- end -}}

{{- define "octopus.check" -}}
{{- if and .Values.octopus.createSecrets (not (include "octopus.connectionString" .)) -}}
{{- fail "octopus.databaseConnectionString is empty: give the connection string of the Octopus database, or try it out with mssql.enabled=true." -}}
{{- end -}}
{{- if include "octopus.withMssql" . -}}
{{- if not (or (include "octopus.accepted" .Values.mssql.ACCEPT_EULA) (include "octopus.accepted" (index .Values "mssql-linux" "acceptEula" "value"))) -}}
{{- fail "mssql.ACCEPT_EULA isn't Y: read SQL Server's licence at https://go.microsoft.com/fwlink/?linkid=857698, and set it to Y if you agree." -}}
{{- end -}}
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
{{- range .Values.octopus.extraEnv -}}
{{- with get $values (trimSuffix "_FILE" .name) -}}
{{- fail (printf "octopus.extraEnv has a variable that %s is for: set that instead." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* One Ingress: `name`, `hosts`, `path`, the `service` and its `port`, `tls`, and what is said of it in `values`. */ -}}
{{- define "octopus.ingress" }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels:
    {{- include "octopus.labels" .root | nindent 4 }}
    {{- with .values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .values.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .root.Values.octopus.ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- $one := . }}
    {{- range .hosts }}
    - host: {{ . | quote }}
      http:
        paths:
          - path: {{ $one.path | default "/" }}
            pathType: Prefix
            backend:
              service:
                name: {{ $one.service }}
                port:
                  name: {{ $one.port }}
    {{- end }}
{{- end -}}

{{- /* The name of each host with `prefix` in front, as a YAML list. */ -}}
{{- define "octopus.hosts" -}}
{{- range .hosts }}
- {{ printf "%s.%s" $.prefix . }}
{{- end }}
{{- end -}}

{{- /* What the Services of single nodes are called, without the node's number. */ -}}
{{- define "octopus.nodePrefix" -}}
{{- .Values.octopus.service.nodes.namePrefix | default (printf "%s-" (include "octopus.fullname" .)) -}}
{{- end -}}
