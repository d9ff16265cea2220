{{- /* Refuses values of other charts, with what takes their place (successors.yaml). */ -}}
{{- define "octopus.refuseSuccessors" -}}
{{- if kindIs "string" (dig "octopus" "image" dict (dict "octopus" (.Values.octopus | default dict))) -}}
{{- fail (printf "octopus.image is %q, a name and a tag, as in the first chart: set octopus.image.repository and octopus.image.tag." .Values.octopus.image) -}}
{{- end -}}
{{- range $name, $found := .Files.Get "successors.yaml" | fromYaml -}}
{{- $value := include "octopus.valueAt" (dict "values" $.Values "name" $name) | fromYaml -}}
{{- $default := "" -}}
{{- $instead := $found -}}
{{- if kindIs "map" $found }}{{ $default = $found.default }}{{ $instead = $found.instead }}{{ end -}}
{{- if and $value.found (ne (toString $value.found) $default) -}}
{{- fail (printf "%s isn't a value of this chart: set %s instead. docs/kubernetes/move.md tells of moving from other charts." $name $instead) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The value with dots in its `name`, as `found`. */ -}}
{{- define "octopus.valueAt" -}}
{{- $here := .values -}}
{{- range splitList "." .name -}}
{{- if kindIs "map" $here }}{{ $here = get $here . }}{{ else }}{{ $here = "" }}{{ end -}}
{{- end -}}
{{- dict "found" $here | toYaml -}}
{{- end -}}
