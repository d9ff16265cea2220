{{- /* A StatefulSet of nodes: `name`, `component`, `replicas`, `taskCap`. */ -}}
{{- define "octopus.statefulSet" -}}
{{- $octopus := .root.Values.octopus -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  labels:
    {{- include "octopus.labelled" (dict "own" (include "octopus.nodeLabels" .root) "given" $octopus.statefulSet.labels) | nindent 4 }}
  {{- with $octopus.statefulSet.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceName: {{ include "octopus.fullname" .root }}-headless
  replicas: {{ .replicas }}
  revisionHistoryLimit: {{ $octopus.revisionHistoryLimit }}
  # octo-node itself sees to it that one node at a time changes the schema, and that no two versions run:
  # nodes start together, and pods are replaced when they are deleted, all of them for another version
  podManagementPolicy: Parallel
  updateStrategy:
    type: OnDelete
  selector:
    matchLabels:
      {{- include "octopus.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
  template:
    metadata:
      labels:
        {{- $own := printf "%s\napp.kubernetes.io/component: %s" (include "octopus.nodeSelector" .root) .component }}
        {{- include "octopus.labelled" (dict "own" $own "given" $octopus.pods.labels) | nindent 8 }}
      {{- with $octopus.pods.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "octopus.pod" . | nindent 6 }}
  {{- if $octopus.serverLogVolume.persistent }}
  volumeClaimTemplates:
    - metadata:
        name: server-log-volume
      spec:
        {{- include "octopus.claimSpec" (dict "root" .root "values" $octopus.serverLogVolume "mode" "ReadWriteOnce") | nindent 8 }}
  {{- end }}
{{- end -}}
