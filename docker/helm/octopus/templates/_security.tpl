{{- /* Whether the cluster gives users and groups: "true" or nothing. */ -}}
{{- define "octopus.onOpenShift" -}}
{{- $found := .Capabilities.APIVersions.Has "security.openshift.io/v1" -}}
{{- if or (eq "true" .Values.openshift) (and (eq "auto" .Values.openshift) $found) }}true{{ end -}}
{{- end -}}

{{- /* A security context: `given` put over `default`, in which a null takes a part away and {} everything. On OpenShift the
  default leaves user and groups to the cluster. */ -}}
{{- define "octopus.context" -}}
{{- $default := .default -}}
{{- if include "octopus.onOpenShift" .root }}{{ $default = omit $default "runAsUser" "runAsGroup" "fsGroup" "fsGroupChangePolicy" }}{{ end -}}
{{- $result := $default -}}
{{- if and (kindIs "map" .given) (not .given) }}{{ $result = dict }}{{ end -}}
{{- range $key, $value := .given -}}
{{- if kindIs "invalid" $value }}{{ $result = omit $result $key -}}
{{- else if and (kindIs "map" $value) (hasKey $result $key) }}{{ $_ := set $result $key (merge (deepCopy $value) (get $result $key)) -}}
{{- else }}{{ $_ := set $result $key $value }}{{ end -}}
{{- end -}}
{{- toYaml $result -}}
{{- end -}}

{{- define "octopus.podContext" -}}
{{- $default := dict "fsGroup" 0 "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if .Values.octopus.enableDockerInDocker }}{{ $default = dict }}{{ end -}}
{{- include "octopus.context" (dict "root" . "default" $default "given" .Values.octopus.podSecurityContext) -}}
{{- end -}}

{{- define "octopus.plainUser" -}}
runAsNonRoot: true
runAsUser: 1001
runAsGroup: 0
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end -}}

{{- /* A container's `default` without what the pod's context, `given`, says for all containers: it would count before that. */ -}}
{{- define "octopus.underPod" -}}
{{- $default := .default -}}
{{- range $key, $value := .given }}{{ if not (kindIs "invalid" $value) }}{{ $default = omit $default $key }}{{ end }}{{ end -}}
{{- toYaml $default -}}
{{- end -}}

{{- define "octopus.containerContext" -}}
{{- $default := include "octopus.plainUser" . | fromYaml -}}
{{- $default = include "octopus.underPod" (dict "default" $default "given" .Values.octopus.podSecurityContext) | fromYaml -}}
{{- if .Values.octopus.enableDockerInDocker }}{{ $default = dict "privileged" true }}{{ end -}}
{{- $made := include "octopus.context" (dict "root" . "default" $default "given" .Values.octopus.containerSecurityContext) | fromYaml -}}
{{- if .Values.octopus.enableDockerInDocker }}{{ $_ := set $made "privileged" true }}{{ end -}}
{{- toYaml $made -}}
{{- end -}}

{{- /* Of containers beside the server's, which are the same user but never more than that. */ -}}
{{- define "octopus.installerContext" -}}
{{- $made := include "octopus.containerContext" . | fromYaml -}}
{{- if .Values.octopus.enableDockerInDocker -}}
{{- $made = merge (omit $made "privileged") (omit (include "octopus.plainUser" . | fromYaml) "runAsNonRoot" "runAsUser" "runAsGroup") -}}
{{- end -}}
{{- toYaml $made -}}
{{- end -}}

{{- define "octopus.mssqlPodContext" -}}
{{- $default := dict "fsGroup" 10001 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- include "octopus.context" (dict "root" . "default" $default "given" .Values.mssql.podSecurityContext) -}}
{{- end -}}

{{- define "octopus.mssqlContainerContext" -}}
{{- $capabilities := dict "drop" (list "ALL") "add" (list "NET_BIND_SERVICE") -}}
{{- $default := dict "runAsNonRoot" true "runAsUser" 10001 "allowPrivilegeEscalation" false "capabilities" $capabilities -}}
{{- $default = include "octopus.underPod" (dict "default" $default "given" .Values.mssql.podSecurityContext) | fromYaml -}}
{{- include "octopus.context" (dict "root" . "default" $default "given" .Values.mssql.containerSecurityContext) -}}
{{- end -}}
