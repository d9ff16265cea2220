{{- /* What octo-node listens on for metrics and probes: a variable of the node's container. */ -}}
{{- define "octopus.metricsVariable" -}}
- name: OCTO_NODE_HTTP
  value: {{ printf ":%d" (int .Values.metrics.port) | quote }}
{{- end -}}

{{- /* The question of a probe: by HTTP where octo-node listens, which costs no process, else by a command. `kind`, `timeoutSeconds`. */ -}}
{{- define "octopus.probeQuestion" -}}
{{- if .root.Values.metrics.enabled -}}
httpGet: {path: /{{ get (dict "startup" "startupz" "liveness" "livez" "readiness" "readyz") .kind }}, port: metrics}
{{- else -}}
exec:
  command: [{{ include "octopus.program" . }}, probe, {{ .kind }}, --timeout, {{ sub .timeoutSeconds 1 | quote }}]
{{- end -}}
{{- end -}}
