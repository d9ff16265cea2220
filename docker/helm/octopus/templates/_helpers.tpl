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
{{- if or .Values.mssql.enabled (eq "Y" (index .Values "mssql-linux" "acceptEula" "value" | default "")) }}true{{ end -}}
{{- end -}}

{{- /* How many nodes there are, of both kinds. */ -}}
{{- define "octopus.nodeCount" -}}
{{- add .Values.octopus.replicaCount .Values.octopus.uiOnly.replicaCount -}}
{{- end -}}

{{- define "octopus.connectionString" -}}
{{- $password := .Values.mssql.SA_PASSWORD | default "" | replace "\"" "\"\"" -}}
{{- $beside := printf "Server=mssql,1433;Database=OctopusDeploy;User Id=sa;Password=\"%s\";TrustServerCertificate=True" $password -}}
{{- .Values.octopus.databaseConnectionString | default (ternary $beside "" (eq "true" (include "octopus.withMssql" .))) -}}
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
{{- if and .Values.octopus.createSecrets (not .Values.octopus.masterKey) }}true{{ end -}}
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
{{- $_ := set $names .Values.octopus.serverConfigurationDirectory "configuration" -}}
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

{{- /* How often a start is asked about: octo-node's own waits, with 300 s for the server's start, come first. */ -}}
{{- define "octopus.startupThreshold" -}}
{{- $octopus := .Values.octopus -}}
{{- $period := $octopus.probes.startup.periodSeconds | int -}}
{{- div (add $octopus.sqlWait $octopus.upgradeWait $octopus.commandsWait 300 $period -1) $period -}}
{{- end -}}

{{- define "octopus.check" -}}
{{- if and .Values.octopus.createSecrets (not (include "octopus.connectionString" .)) -}}
{{- fail "octopus.databaseConnectionString is empty: give the connection string of the Octopus database, or try it out with mssql.enabled=true." -}}
{{- end -}}
{{- if include "octopus.withMssql" . -}}
{{- if not (has "Y" (list .Values.mssql.ACCEPT_EULA (index .Values "mssql-linux" "acceptEula" "value"))) -}}
{{- fail "mssql.ACCEPT_EULA isn't Y: read SQL Server's licence at https://go.microsoft.com/fwlink/?linkid=857698, and set it to Y if you agree." -}}
{{- end -}}
{{- if not .Values.mssql.SA_PASSWORD -}}
{{- fail "mssql.SA_PASSWORD is empty: choose a password of at least 8 characters of three kinds for SQL Server's administrator." -}}
{{- end -}}
{{- end -}}
{{- $ingress := .Values.octopus.ingress -}}
{{- if and (or $ingress.enabled $ingress.pollingTentacles.enabled $ingress.grpc.enabled) (not $ingress.hosts) -}}
{{- fail "octopus.ingress.hosts is empty: name the host that the web portal has, or turn the Ingresses off." -}}
{{- end -}}
{{- if and .Values.dockerHub.login (not .Values.dockerHub.creds) -}}
{{- fail "dockerHub.creds is empty: give the base64 of a .dockerconfigjson, or set dockerHub.login=false." -}}
{{- end -}}
{{- $grace := include "octopus.gracePeriod" . | int -}}
{{- if lt (int .Values.octopus.upgradeWait) $grace -}}
{{- fail (printf "octopus.upgradeWait is %d s, but a node may take %d s to drain and stop: in an upgrade the new nodes wait for that, so set it to %d or more." (int .Values.octopus.upgradeWait) $grace $grace) -}}
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
