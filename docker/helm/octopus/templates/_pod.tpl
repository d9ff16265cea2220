{{- /* The pod of a node. */ -}}
{{- define "octopus.pod" -}}
{{- $octopus := .root.Values.octopus -}}
{{- $account := $octopus.serviceAccount -}}
serviceAccountName: {{ include "octopus.serviceAccountName" .root }}
{{- /* a ServiceAccount of the user's says itself whether its token is mounted */}}
{{- if or $account.create (not $account.name) $account.automountServiceAccountToken }}
automountServiceAccountToken: {{ $account.automountServiceAccountToken }}
{{- end }}
{{- if not (hasKey ($octopus.spec | default dict) "enableServiceLinks") }}
# else each Service of the namespace is a few variables in the server's environment
enableServiceLinks: false
{{- end }}
terminationGracePeriodSeconds: {{ include "octopus.gracePeriod" .root }}
{{- with include "octopus.podContext" .root | fromYaml }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "octopus.pullSecrets" .root }}
{{ . }}
{{- end }}
{{- with include "octopus.surroundings" .root | trim }}
{{ . }}
{{- end }}
{{- with $octopus.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
  {{- if .root.Values.affinity }}
  {{- toYaml .root.Values.affinity | nindent 2 }}
  {{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "octopus.nodeSelector" .root | nindent 14 }}
  {{- end }}
{{- with $octopus.spec }}
{{ toYaml . }}
{{- end }}
{{- $installs := eq "init container" (include "octopus.delivery" .root) }}
{{- $native := include "octopus.hasNativeSidecar" .root }}
{{- if or $installs $native $octopus.extraInitContainers }}
initContainers:
  {{- if $installs }}
  {{- include "octopus.installer" .root | nindent 2 }}
  {{- end }}
  {{- if $native }}
  {{- include "octopus.engine" .root | nindent 2 }}
  {{- end }}
  {{- with $octopus.extraInitContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
containers:
  - name: octopus
    {{- include "octopus.container" . | nindent 4 }}
  {{- if and (include "octopus.hasSidecar" .root) (not $native) }}
  {{- include "octopus.engine" .root | nindent 2 }}
  {{- end }}
  {{- with $octopus.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "octopus.volumes" .root | trim | nindent 2 }}
{{- end -}}

{{- /* Where pods of the release may run, and what they find by name: of the nodes and of `helm test`. */ -}}
{{- define "octopus.surroundings" -}}
{{- $octopus := .Values.octopus -}}
{{- with $octopus.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $field := list "hostAliases" "dnsConfig" "tolerations" }}
{{- with get $octopus $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The container of Octopus.Server, with octo-node as process 1. */ -}}
{{- define "octopus.container" -}}
{{- $octopus := .root.Values.octopus -}}
image: {{ include "octopus.image" (dict "root" .root "image" $octopus.image) | quote }}
imagePullPolicy: {{ $octopus.image.pullPolicy }}
command: [{{ include "octopus.program" .root }}, run]
{{- with include "octopus.containerContext" .root | fromYaml }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: web, containerPort: 8080}
  - {name: tentacle, containerPort: 10943}
  - {name: grpcs, containerPort: {{ $octopus.grpcPort }}}
  {{- if .root.Values.metrics.enabled }}
  - {name: metrics, containerPort: {{ .root.Values.metrics.port }}}
  {{- end }}
env:
  {{- include "octopus.environment" . | nindent 2 }}
{{- with $octopus.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
# not killed while it waits or migrates: octo-node ends by itself, with its reason, when it waited too long
startupProbe:
  {{- include "octopus.probe" (dict "root" .root "kind" "startup" "threshold" (include "octopus.startupThreshold" .root)) | nindent 2 }}
livenessProbe:
  {{- include "octopus.probe" (dict "root" .root "kind" "liveness" "threshold" $octopus.probes.liveness.failureThreshold) | nindent 2 }}
readinessProbe:
  {{- include "octopus.probe" (dict "root" .root "kind" "readiness" "threshold" $octopus.probes.readiness.failureThreshold) | nindent 2 }}
lifecycle:
  {{- with $octopus.postStart }}
  postStart:
    exec:
      command:
        {{- toYaml . | nindent 8 }}
  {{- end }}
  preStop:
    exec:
      command:
        - {{ include "octopus.program" .root }}
        - drain
        - --wait
        - {{ $octopus.drain.wait | quote }}
        {{- if $octopus.drain.cancelTasks }}
        - --cancel-tasks
        - --cancel-wait
        - {{ $octopus.drain.cancelWait | quote }}
        {{- end }}
{{- with $octopus.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  {{- include "octopus.mounts" .root | trim | nindent 2 }}
{{- with $octopus.containers.octopus.spec }}
{{ toYaml . }}
{{- end }}
{{- end -}}
