{{- /* One Ingress: `name`, `hosts`, `path`, the `service` and its `port`, `tls`, and what is said of it in `values`. */ -}}
{{- define "octopus.ingress" }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  labels:
    {{- include "octopus.labelled" (dict "own" (include "octopus.labels" .root) "given" .values.labels) | nindent 4 }}
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
            pathType: {{ $one.root.Values.octopus.ingress.pathType }}
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
