{{- /* Puts .Values in order, once for all templates: each begins with this. Templates share .Values. */ -}}
{{- define "octopus.prepare" -}}
{{- if not (hasKey .Values "prepared") -}}
{{- $_ := set .Values "prepared" true -}}
{{- include "octopus.refuseSuccessors" . -}}
{{- /* `helm upgrade --reuse-values` from the first version, whose images all had octo-node built in */ -}}
{{- if not (hasKey .Values "octoNode") }}{{ $_ := set .Values "octoNode" (dict "builtIn" true) }}{{ end -}}
{{- include "octopus.fill" (dict "given" .Values "defaults" (.Files.Get "defaults.yaml" | fromYaml)) -}}
{{- include "octopus.translate" . -}}
{{- include "octopus.settleEngine" . -}}
{{- include "octopus.settleMasterKey" . -}}
{{- include "octopus.check" . -}}
{{- end -}}
{{- end -}}

{{- /* Gives each value in `given` the type of its default: people write "2" and 2026.2. What is missing gets its default, which
  `--reuse-values` and a null leave out. */ -}}
{{- define "octopus.fill" -}}
{{- $given := .given -}}
{{- range $key, $default := .defaults -}}
{{- $value := index $given $key -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := set $given $key $default -}}
{{- else if and (kindIs "map" $default) (kindIs "map" $value) -}}
{{- include "octopus.fill" (dict "given" $value "defaults" $default) -}}
{{- else if and (kindIs "bool" $default) (kindIs "string" $value) -}}
{{- $_ := set $given $key (eq "true" (lower $value)) -}}
{{- else if and (kindIs "float64" $default) (not (kindIs "string" $value)) -}}
{{- $_ := set $given $key (int64 $value) -}}
{{- else if and (kindIs "float64" $default) (regexMatch "^[0-9]+$" $value) -}}
{{- $_ := set $given $key (int64 $value) -}}
{{- else if and (kindIs "string" $default) (not (kindIs "string" $value)) (not (kindIs "map" $value)) -}}
{{- $_ := set $given $key (include "octopus.text" (dict "value" $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A number as people write it: 1073741824, not 1.073741824e+09. */ -}}
{{- define "octopus.text" -}}
{{- if not (kindIs "float64" .value) }}{{ toString .value }}
{{- else if eq .value (float64 (int64 .value)) }}{{ int64 .value }}
{{- else }}{{ .value }}{{ end -}}
{{- end -}}

{{- /* Other names of values, and other forms. */ -}}
{{- define "octopus.translate" -}}
{{- $octopus := .Values.octopus -}}
{{- include "octopus.settleNames" . -}}
{{- $_ := set .Values.mssql "storageClassName" (.Values.mssql.storageClassName | default .Values.mssql.storageClass) -}}
{{- $_ := set $octopus "extraEnv" (concat ($octopus.extraEnv | default list) ($octopus.containers.octopus.env | default list)) -}}
{{- $home := "/home/octopus" -}}
{{- range $variable := $octopus.extraEnv -}}
{{- if hasKey $variable "value" }}{{ $_ := set $variable "value" (include "octopus.text" (dict "value" (ternary "" $variable.value (kindIs "invalid" $variable.value)))) }}{{ end -}}
{{- /* of a HOME that is somewhere else nothing is known: then paths stay as they are given */ -}}
{{- if eq $variable.name "HOME" }}{{ $home = $variable.value | default "/root" }}{{ end -}}
{{- end -}}
{{- include "octopus.settleMaps" . -}}
{{- range $octopus.extraVolumes -}}
{{- /* the official chart's example for git working copies is for root's home folder */ -}}
{{- $path := regexReplaceAll "^/root/\\.octopus" .mountPath (printf "%s/.octopus" $home) -}}
{{- $_ := set . "mountPath" (regexReplaceAll "/+$" $path "" | default "/") -}}
{{- end -}}
{{- end -}}

{{- /* Labels, annotations and nodes' labels are text, also if people write 9464 or true. */ -}}
{{- define "octopus.settleMaps" -}}
{{- $octopus := .Values.octopus -}}
{{- $ingress := $octopus.ingress -}}
{{- $maps := list .Values.nodeSelector .Values.mssql.nodeSelector .Values.mssql.podAnnotations -}}
{{- range list $octopus.statefulSet $octopus.pods $octopus.service $octopus.service.nodes $ingress $ingress.pollingTentacles $ingress.grpc
  $octopus.httpRoute $octopus.serviceAccount .Values.mssql.serviceAccount .Values.metrics.podMonitor .Values.metrics.prometheusRule
  .Values.metrics.dashboard -}}
{{- $maps = append (append $maps (get . "annotations")) (get . "labels") -}}
{{- end -}}
{{- range $map := compact $maps -}}
{{- range $key, $value := $map -}}
{{- if kindIs "invalid" $value }}{{ $_ := unset $map $key }}{{ else }}{{ $_ := set $map $key (include "octopus.text" (dict "value" $value)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The labels of the release's claims, or of its first node's Service under the official chart's name; none in a new release. */ -}}
{{- define "octopus.presentLabels" -}}
{{- $found := dict -}}
{{- range $kind, $names := dict "Service" (list "octopus-deploy-node0") "PersistentVolumeClaim" (list "package-repository-claim" "shared-claim") -}}
{{- range $names -}}
{{- $labels := dig "metadata" "labels" dict (lookup "v1" $kind $.Release.Namespace .) -}}
{{- if eq $.Release.Name (get $labels "app.kubernetes.io/instance") }}{{ $_ := set $found $kind $labels }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* Notes the name in the labels, and whether objects are called as in the official chart: it made the release, or its name is set. */ -}}
{{- define "octopus.settleNames" -}}
{{- $present := include "octopus.presentLabels" . | fromYaml -}}
{{- $claim := get $present "PersistentVolumeClaim" | default dict -}}
{{- $name := .Values.nameOverride | default (get $claim "app.kubernetes.io/name") | default "octopus" -}}
{{- $theirs := hasPrefix "octopusdeploy-helm-" (get $claim "helm.sh/chart") -}}
{{- $_ := set .Values "nameOverride" $name -}}
{{- $_ := set .Values "official" (or (eq $name "octopus-deploy") $theirs (hasKey $present "Service")) -}}
{{- end -}}
