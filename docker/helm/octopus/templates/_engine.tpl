{{- /* Which engine runs execution containers: privileged is enableDockerInDocker, everything else comes after it. */ -}}
{{- define "octopus.settleEngine" -}}
{{- $octopus := .Values.octopus -}}
{{- $mode := $octopus.containers.mode | default (ternary "privileged" "none" $octopus.enableDockerInDocker) -}}
{{- if and $octopus.enableDockerInDocker (ne $mode "privileged") -}}
{{- fail (printf "octopus.enableDockerInDocker is true, and octopus.containers.mode is %s: set one of them." $mode) -}}
{{- end -}}
{{- $_ := set $octopus.containers "mode" $mode -}}
{{- $_ := set $octopus "enableDockerInDocker" (eq $mode "privileged") -}}
{{- end -}}

{{- define "octopus.checkEngine" -}}
{{- $containers := .Values.octopus.containers -}}
{{- if and (eq $containers.mode "external") (not $containers.host) -}}
{{- fail "octopus.containers.host is empty: say where the engine listens, such as tcp://engine:2375, or take another octopus.containers.mode." -}}
{{- end -}}
{{- if and $containers.host (ne $containers.mode "external") -}}
{{- fail (printf "octopus.containers.host is for octopus.containers.mode=external, but that is %s: leave one of them out." $containers.mode) -}}
{{- end -}}
{{- if and (eq $containers.mode "sidecar") (not $containers.engine.image.repository) -}}
{{- fail "octopus.containers.engine.image.repository is empty: build the image of the engine (docker/rootless.Dockerfile), and name it." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.hasSidecar" -}}
{{- if eq "sidecar" .Values.octopus.containers.mode }}true{{ end -}}
{{- end -}}

{{- /* Since 1.29 a sidecar is an init container that stays: it ends after the others. */ -}}
{{- define "octopus.hasNativeSidecar" -}}
{{- if and (include "octopus.hasSidecar" .) (semverCompare ">=1.29-0" .Capabilities.KubeVersion.Version) }}true{{ end -}}
{{- end -}}

{{- define "octopus.engineContext" -}}
{{- $default := omit (include "octopus.plainUser" . | fromYaml) "allowPrivilegeEscalation" "capabilities" -}}
{{- $default = merge $default (dict "privileged" true "seccompProfile" (dict "type" "Unconfined")) -}}
{{- include "octopus.context" (dict "root" . "default" $default "given" .Values.octopus.containers.engine.securityContext) -}}
{{- end -}}

{{- /* The engine. Of the node's volumes it has those that steps see, at the same paths, and none with a secret. */ -}}
{{- define "octopus.engine" -}}
{{- $engine := .Values.octopus.containers.engine -}}
- name: engine
  image: {{ include "octopus.image" (dict "root" . "image" $engine.image) | quote }}
  imagePullPolicy: {{ $engine.image.pullPolicy }}
  command: [{{ include "octopus.program" . }}, init, --, {{ include "octopus.program" . }}, start-dockerd]
  {{- if include "octopus.hasNativeSidecar" . }}
  restartPolicy: Always
  {{- else }}
  lifecycle:
    preStop:
      exec:
        # until Octopus.Server is gone: all containers of a pod are asked to stop at once
        command: [bash, -c, "while (: </dev/tcp/127.0.0.1/8080) 2>/dev/null; do sleep 1; done"]
  {{- end }}
  {{- with include "octopus.engineContext" . | fromYaml }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  env:
    - {name: OCTO_NODE_CONTAINERS, value: rootless}
    - {name: HOME, value: /tmp}
  {{- with $engine.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - {name: engine, mountPath: /run/octo-engine}
    - {name: engine-data, mountPath: /var/lib/docker}
    - {name: engine-tmp, mountPath: /tmp}
    {{- with include "octopus.programMount" . }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- range include "octopus.scratch" . | fromYamlArray }}
    {{- if has .name (list "home" "configuration") }}
    - {name: {{ .name }}, mountPath: {{ .path }}}
    {{- end }}
    {{- end }}
{{- end -}}

{{- define "octopus.engineVolumes" -}}
- name: engine-data
  emptyDir:
    {{- pick .Values.octopus.containers.engine "sizeLimit" | include "octopus.filled" | nindent 4 }}
- name: engine-tmp
  emptyDir: {}
{{- end -}}

{{- /* What tells a node of its engine. */ -}}
{{- define "octopus.engineVariables" -}}
{{- $containers := .Values.octopus.containers -}}
{{- if has $containers.mode (list "sidecar" "external") }}
- name: OCTO_NODE_CONTAINERS
  value: external
- name: DOCKER_HOST
  value: {{ ternary $containers.host "unix:///run/octo-engine/docker.sock" (eq $containers.mode "external") | quote }}
{{- else if eq $containers.mode "none" }}
- name: DISABLE_DIND
  value: "Y"
{{- end }}
{{- end -}}
