{{- define "octopus.image" -}}
{{- $image := .image -}}
{{- $image.repository }}{{ if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- define "octopus.program" -}}
/opt/octo-node/bin/octo-node
{{- end -}}

{{- /* The names of the Secrets with which images are pulled. */ -}}
{{- define "octopus.pullNames" -}}
{{- $names := list -}}
{{- if .Values.dockerHub.login }}{{ $names = append $names (include "octopus.registryName" .) }}{{ end -}}
{{- range .Values.octopus.imagePullSecrets -}}
{{- if kindIs "map" . }}{{ $names = append $names .name }}{{ else }}{{ $names = append $names . }}{{ end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{- define "octopus.pullSecrets" -}}
{{- with include "octopus.pullNames" . | fromYamlArray -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- /* How octo-node comes into a pod of the makers' image: "built in", "image volume", or "init container". */ -}}
{{- define "octopus.delivery" -}}
{{- if .Values.octoNode.builtIn }}built in{{ else if .Values.octoNode.imageVolume }}image volume{{ else }}init container{{ end -}}
{{- end -}}

{{- /* The container that puts octo-node into an empty volume: it copies itself, and checks the copy. */ -}}
{{- define "octopus.installer" -}}
- name: octo-node
  image: {{ include "octopus.image" (dict "root" . "image" .Values.octoNode.image) }}
  imagePullPolicy: {{ .Values.octoNode.image.pullPolicy }}
  command: [{{ include "octopus.program" . }}, install, /target]
  {{- with include "octopus.installerContext" . | fromYaml }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.octoNode.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - {name: octo-node, mountPath: /target}
{{- end -}}

{{- define "octopus.programMount" -}}
{{- if not .Values.octoNode.builtIn -}}
- {name: octo-node, mountPath: /opt/octo-node, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "octopus.programVolume" -}}
{{- $delivery := include "octopus.delivery" . -}}
{{- if eq $delivery "init container" -}}
- name: octo-node
  emptyDir: {}
{{- else if eq $delivery "image volume" -}}
- name: octo-node
  image:
    reference: {{ include "octopus.image" (dict "root" . "image" .Values.octoNode.image) }}
    pullPolicy: {{ .Values.octoNode.image.pullPolicy }}
{{- end -}}
{{- end -}}
