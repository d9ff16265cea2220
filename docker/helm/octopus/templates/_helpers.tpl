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
{{- $names := dict "/tmp" "tmp" "/run/octo-node" "run" "/etc/octopus" "registry" "/home/octopus" "home" "/cache" "cache" "/diagnostics" "diagnostics"
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

{{- /* What a stop may take: the drain (its two waits, and the 30 s that it may last beyond them), the server, 25 s for what
  it and dockerd leave behind, and a margin. */ -}}
{{- define "octopus.gracePeriod" -}}
{{- $octopus := .Values.octopus -}}
{{- add $octopus.drain.wait $octopus.drain.cancelWait 30 $octopus.stopTimeout 25 35 -}}
{{- end -}}

{{- /* How often a start is asked about: octo-node's own waits come first, with what it gives all configure commands together,
  most of which is for a migration, and 300 s for the server's start. */ -}}
{{- define "octopus.startupThreshold" -}}
{{- $octopus := .Values.octopus -}}
{{- $period := $octopus.probes.startup.periodSeconds | int -}}
{{- div (add $octopus.sqlWait $octopus.upgradeWait 7920 300 $period -1) $period -}}
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
