{{- define "octopus.configurationDirectory" -}}
{{- .Values.octopus.serverConfigurationDirectory | default "/home/octopus/.local" | trimSuffix "/" -}}
{{- end -}}

{{- /* What all nodes share: the volume's name, the folder, its values, its claim's name, its folder in a volume for all. */ -}}
{{- define "octopus.shared" -}}
{{- $paths := .Values.octopus.sharedVolume.subPaths -}}
{{- $theirs := not (empty .Values.octopus.sharedVolume.existingClaim) -}}
- {name: repository, path: /repository, values: packageRepositoryVolume, claim: package-repository-claim, folder: {{ $paths.repository }}}
- {name: artifacts, path: /artifacts, values: artifactVolume, claim: artifacts-claim, folder: {{ $paths.artifacts }}}
- {name: task-logs, path: /taskLogs, values: taskLogVolume, claim: task-log-claim, folder: {{ $paths.taskLogs | default (ternary "taskLogs" "task-logs" $theirs) }}}
- {name: event-exports, path: /eventExports, values: auditLogVolume, claim: audit-log-claim, folder: {{ $paths.eventExports | default (ternary "eventExports" "event-exports" $theirs) }}}
{{- end -}}

{{- /* The claims that the chart makes: the values they have, and their names. */ -}}
{{- define "octopus.claims" -}}
{{- $claims := include "octopus.shared" . | fromYamlArray -}}
{{- if .Values.octopus.sharedVolume.enabled }}{{ $claims = list (dict "values" "sharedVolume" "claim" "shared-claim") }}{{ end -}}
{{- if include "octopus.drawsMasterKey" . }}{{ $claims = append $claims (dict "values" "masterKeyVolume" "claim" "master-key-claim" "own" true) }}{{ end -}}
{{- $made := list -}}
{{- range $claims -}}
{{- if not (index $.Values.octopus .values).existingClaim }}{{ $made = append $made . }}{{ end -}}
{{- end -}}
{{- toYaml $made -}}
{{- end -}}

{{- /* Access mode of a volume: `values` are its own, `own` says that one node at most uses it. */ -}}
{{- define "octopus.accessMode" -}}
{{- $octopus := .root.Values.octopus -}}
{{- $many := and (not .own) (gt (include "octopus.nodeCount" .root | int) 1) -}}
{{- $said := .values.storageAccessMode -}}
{{- if not .own }}{{ $said = $octopus.storageAccessMode | default $said }}{{ end -}}
{{- ternary "ReadWriteMany" $said $many -}}
{{- end -}}

{{- /* What a claim asks for: its access mode, its size, and the storage class of the volume itself, of all, or none. */ -}}
{{- define "octopus.claimSpec" -}}
accessModes: [{{ .mode }}]
{{- with coalesce .values.storageClassName .root.Values.octopus.storageClassName .root.Values.global.storageClass }}
storageClassName: {{ ternary "" . (eq . "-") | quote }}
{{- end }}
resources:
  requests:
    storage: {{ include "octopus.text" (dict "value" .values.size) | quote }}
{{- end -}}

{{- /* A claim: its `name`, `mode`, and `values`. */ -}}
{{- define "octopus.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  labels:
    {{- include "octopus.labels" .root | nindent 4 }}
  annotations:
    # `helm uninstall` leaves the data
    helm.sh/resource-policy: keep
spec:
  {{- include "octopus.claimSpec" . | nindent 2 }}
{{- end -}}

{{- /* What a node writes to as long as its pod lives. A container that is restarted finds its configuration there. */ -}}
{{- define "octopus.scratch" -}}
{{- $names := dict "/tmp" "tmp" "/run/octo-node" "run" "/etc/octopus" "registry" "/home/octopus" "home" "/cache" "cache" "/diagnostics" "diagnostics"
  "/Octopus/Octopus/Logs" "program-logs" "/Octopus/.diagnostics" "program-diagnostics" -}}
{{- $configuration := include "octopus.configurationDirectory" . -}}
{{- $_ := set (unset $names (printf "%s/Logs" $configuration)) $configuration "configuration" -}}
{{- if .Values.octopus.enableDockerInDocker }}{{ $_ := set $names "/var/lib/docker" "docker" }}{{ end -}}
{{- if include "octopus.hasSidecar" . }}{{ $_ := set $names "/run/octo-engine" "engine" }}{{ end -}}
{{- range .Values.octopus.extraVolumes }}{{ $_ := unset $names .mountPath }}{{ end -}}
{{- range $path, $name := $names }}
- {name: {{ $name }}, path: {{ $path }}}
{{- end }}
{{- end -}}

{{- /* The folder of the certificates that are trusted besides the image's, and whether there are any. */ -}}
{{- define "octopus.certificates" -}}
{{- $trusted := .Values.octopus.trustedCertificates -}}
{{- if or $trusted.configMap $trusted.secret }}/run/octopus-certificates{{ end -}}
{{- end -}}

{{- /* Where the server's container mounts what. */ -}}
{{- define "octopus.mounts" -}}
{{- $octopus := .Values.octopus -}}
{{- range include "octopus.shared" . | fromYamlArray }}
{{- if $octopus.sharedVolume.enabled }}
- {name: shared, mountPath: {{ .path }}, subPath: {{ .folder }}}
{{- else }}
- {name: {{ .name }}, mountPath: {{ .path }}}
{{- end }}
{{- end }}
{{- range include "octopus.scratch" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: {{ .path }}}
{{- end }}
- {name: server-log-volume, mountPath: {{ include "octopus.configurationDirectory" . }}/Logs}
{{- if include "octopus.drawsMasterKey" . }}
- {name: master-key, mountPath: /masterKey}
{{- end }}
- {name: secrets, mountPath: /run/secrets/octopus, readOnly: true}
{{- with include "octopus.certificates" . }}
- {name: certificates, mountPath: {{ . }}, readOnly: true}
{{- end }}
{{- with include "octopus.programMount" . }}
{{ . }}
{{- end }}
{{- range $name, $values := $octopus.extraVolumes }}
- {{ dict "name" (printf "extra-%s" $name) | merge (pick $values "mountPath" "subPath" "readOnly") | toJson }}
{{- end }}
{{- end -}}

{{- /* The volumes of a node. */ -}}
{{- define "octopus.volumes" -}}
{{- $octopus := .Values.octopus -}}
{{- if $octopus.sharedVolume.enabled }}
- name: shared
  persistentVolumeClaim:
    claimName: {{ $octopus.sharedVolume.existingClaim | default "shared-claim" }}
{{- else }}
{{- range include "octopus.shared" . | fromYamlArray }}
- name: {{ .name }}
  persistentVolumeClaim:
    claimName: {{ (index $octopus .values).existingClaim | default .claim }}
{{- end }}
{{- end }}
{{- range include "octopus.scratch" . | fromYamlArray }}
- name: {{ .name }}
  {{- if eq .name "run" }}
  # in memory: a full disk doesn't concern it
  emptyDir: {medium: Memory, sizeLimit: 4Mi}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- if not $octopus.serverLogVolume.persistent }}
- name: server-log-volume
  emptyDir:
    {{- pick $octopus.serverLogVolume "sizeLimit" | include "octopus.filled" | nindent 4 }}
{{- end }}
{{- if include "octopus.drawsMasterKey" . }}
- name: master-key
  persistentVolumeClaim:
    claimName: {{ $octopus.masterKeyVolume.existingClaim | default "master-key-claim" }}
{{- end }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "octopus.secrets" . | fromYamlArray }}
      - secret:
          name: {{ .secret }}
          items:
            - {key: {{ .key }}, path: {{ .name }}}
      {{- end }}
{{- if include "octopus.certificates" . }}
- name: certificates
  {{- with $octopus.trustedCertificates }}
  {{- if .configMap }}
  configMap: {name: {{ .configMap }}, items: [{key: {{ .key }}, path: ca.crt}]}
  {{- else }}
  secret: {secretName: {{ .secret }}, items: [{key: {{ .key }}, path: ca.crt}]}
  {{- end }}
  {{- end }}
{{- end }}
{{- with include "octopus.programVolume" . }}
{{ . }}
{{- end }}
{{- if include "octopus.hasSidecar" . }}
{{ include "octopus.engineVolumes" . }}
{{- end }}
{{- range $name, $values := $octopus.extraVolumes }}
- name: extra-{{ $name }}
  {{- if $values.volume }}
  {{- toYaml $values.volume | nindent 2 }}
  {{- else if eq $values.type "emptyDir" }}
  emptyDir:
    {{- pick $values "sizeLimit" "medium" | include "octopus.filled" | nindent 4 }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ include "octopus.fullname" $ }}-{{ $name }}-pvc
  {{- end }}
{{- end }}
{{- end -}}

{{- /* A map without its empty parts, which the official chart leaves out as well. */ -}}
{{- define "octopus.filled" -}}
{{- $filled := dict -}}
{{- range $key, $value := . }}{{ if $value }}{{ $_ := set $filled $key (include "octopus.text" (dict "value" $value)) }}{{ end }}{{ end -}}
{{- toYaml $filled -}}
{{- end -}}
