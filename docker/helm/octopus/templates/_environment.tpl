{{- /* The environment of a node's container. Secrets are files. */ -}}
{{- define "octopus.environment" -}}
{{- $octopus := .root.Values.octopus -}}
{{- $given := list -}}
{{- range $octopus.extraEnv }}{{ $given = append $given .name }}{{ end -}}
- name: ACCEPT_EULA
  value: {{ ternary "Y" "N" (eq "true" (include "octopus.accepted" $octopus.acceptEula)) | quote }}
- name: OCTOPUS_SERVER_NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- range include "octopus.secrets" .root | fromYamlArray }}
- name: {{ include "octopus.secretVariable" .name }}_FILE
  value: /run/secrets/octopus/{{ .name }}
{{- end }}
{{- with $octopus.email }}
- name: ADMIN_EMAIL
  value: {{ . | quote }}
{{- end }}
{{- if not (has .taskCap (list nil "")) }}
- name: TASK_CAP
  value: {{ .taskCap | quote }}
{{- end }}
{{- with .engine | default (include "octopus.engineVariables" .root) | trim }}
{{ . }}
{{- end }}
- name: OCTOPUS_GRPC_SERVICES_PORT
  value: {{ $octopus.grpcPort | quote }}
- name: OCTOPUS_SERVER_CONFIGURATION_DIRECTORY
  value: {{ include "octopus.configurationDirectory" .root }}
# so that messages name the values to change
- name: OCTO_NODE_VALUES
  value: {{ include "octopus.valueNames" . | quote }}
- name: OCTO_NODE_SQL_WAIT
  value: {{ $octopus.sqlWait | quote }}
- name: OCTO_NODE_UPGRADE_WAIT
  value: {{ $octopus.upgradeWait | quote }}
- name: OCTO_NODE_STOP_TIMEOUT
  value: {{ $octopus.stopTimeout | quote }}
{{- if .root.Values.metrics.enabled }}
{{ include "octopus.metricsVariable" .root }}
{{- end }}
{{- with include "octopus.certificates" .root }}
# OpenSSL's own name for it, which .NET and Python know too
- name: SSL_CERT_FILE
  value: {{ . }}/ca.crt
{{- end }}
# the user may have no entry in the image's /etc/passwd, and .NET needs folders that can be written; everybody may
# write to the volume /run/octo-node, so octo-node makes a folder of its own there
{{- range $variable, $value := dict "USER" "octopus" "HOME" "/home/octopus" "OCTO_NODE_RUN_DIR" "/run/octo-node/state"
  "DOTNET_BUNDLE_EXTRACT_BASE_DIR" "/tmp/dotnet-bundle" "OTEL_DOTNET_AUTO_LOG_DIRECTORY" "/tmp/otel" }}
{{- if not (has $variable $given) }}
- name: {{ $variable }}
  value: {{ $value }}
{{- end }}
{{- end }}
{{- range $variable, $value := dict "HTTP_PROXY" $octopus.proxy.http "HTTPS_PROXY" $octopus.proxy.https "ALL_PROXY" $octopus.proxy.all
  "NO_PROXY" (join "," $octopus.proxy.excludedHostnames) }}
{{- with $value }}
- name: {{ $variable }}
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- with $octopus.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Which values the variables come from, for octo-node's messages. */ -}}
{{- define "octopus.valueNames" -}}
{{- $names := list -}}
{{- range $name := list "connectionstring" "masterkey" "adminusername" "adminpassword" "licensekey" "apikey" -}}
{{- $names = append $names (printf "%s=octopus.%s" (include "octopus.secretVariable" $name) (include "octopus.secretValue" $name)) -}}
{{- end -}}
{{- range $variable, $value := include "octopus.variables" . | fromYaml }}{{ $names = append $names (printf "%s=%s" $variable $value) }}{{ end -}}
{{- join "," $names -}}
{{- end -}}
