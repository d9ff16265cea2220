{{- /* A StatefulSet of nodes: `name`, `component`, `replicas`, `taskCap`. */ -}}
{{- define "octopus.statefulSet" -}}
{{- $octopus := .root.Values.octopus -}}
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  labels:
    {{- include "octopus.nodeLabels" .root | nindent 4 }}
    {{- with $octopus.statefulSet.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
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
        {{- include "octopus.nodeSelector" .root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
        {{- with $octopus.pods.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
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
