{{- define "octopus.fullname" -}}
{{- $name := .Values.nameOverride -}}
{{- .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name)) -}}
{{- end -}}

{{- /* What is chosen by, which can't be changed. */ -}}
{{- define "octopus.selector" -}}
app.kubernetes.io/name: {{ .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* Of all nodes. A StatefulSet selects its own by their component, as the official chart's does: it takes those over. */ -}}
{{- define "octopus.nodeSelector" -}}
{{ include "octopus.selector" . }}
app.kubernetes.io/part-of: octopus-server
{{- end -}}

{{- define "octopus.mssqlSelector" -}}
{{ include "octopus.selector" . }}
app.kubernetes.io/component: mssql
{{- end -}}

{{- /* The pod of `helm test`, which no Service chooses. */ -}}
{{- define "octopus.testSelector" -}}
{{ include "octopus.selector" . }}
app.kubernetes.io/component: test
{{- end -}}

{{- /* What every object says of where it comes from. */ -}}
{{- define "octopus.origin" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "octopus.labels" -}}
{{ include "octopus.selector" . }}
{{ include "octopus.origin" . }}
{{- end -}}

{{- define "octopus.nodeLabels" -}}
{{ include "octopus.nodeSelector" . }}
{{ include "octopus.origin" . }}
{{- end -}}

{{- define "octopus.mssqlLabels" -}}
{{ include "octopus.mssqlSelector" . }}
{{ include "octopus.origin" . }}
{{- end -}}

{{- /* Labels of a text and those `given`: the chart's own, by which things are chosen, count. */ -}}
{{- define "octopus.labelled" -}}
{{- $own := .own | fromYaml -}}
{{- $more := dict -}}
{{- range $name, $value := .given }}{{ if not (hasKey $own $name) }}{{ $_ := set $more $name $value }}{{ end }}{{ end -}}
{{ .own }}
{{- with $more }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Whether objects are called as in the official chart: "true" or nothing. */ -}}
{{- define "octopus.official" -}}
{{- if .Values.official }}true{{ end -}}
{{- end -}}

{{- define "octopus.serviceAccountName" -}}
{{- $account := .Values.octopus.serviceAccount -}}
{{- $account.name | default (ternary (include "octopus.fullname" .) "default" $account.create) -}}
{{- end -}}

{{- define "octopus.mssqlServiceAccountName" -}}
{{- $account := .Values.mssql.serviceAccount -}}
{{- $account.name | default (ternary (printf "%s-mssql" (include "octopus.fullname" .)) "default" $account.create) -}}
{{- end -}}

{{- define "octopus.registryName" -}}
{{- ternary "dockerhubcreds" (printf "%s-registry" (include "octopus.fullname" .)) (eq "true" (include "octopus.official" .)) -}}
{{- end -}}

{{- /* Type of the web Service. */ -}}
{{- define "octopus.serviceType" -}}
{{- .Values.octopus.service.type | default (ternary "NodePort" "ClusterIP" (eq "true" (include "octopus.official" .))) -}}
{{- end -}}

{{- /* Type of the Services of single nodes. */ -}}
{{- define "octopus.nodeServiceType" -}}
{{- $single := eq 1 (include "octopus.nodeCount" . | int) -}}
{{- .Values.octopus.service.nodes.type | default (ternary "ClusterIP" (include "octopus.serviceType" .) $single) -}}
{{- end -}}

{{- /* What the Services of single nodes are called, without the node's number. */ -}}
{{- define "octopus.nodePrefix" -}}
{{- $own := printf "%s-" (include "octopus.fullname" .) -}}
{{- .Values.octopus.service.nodes.namePrefix | default (ternary "octopus-deploy-node" $own (eq "true" (include "octopus.official" .))) -}}
{{- end -}}

{{- /* What the Ingresses of single nodes are called, without the node's number. */ -}}
{{- define "octopus.pollingPrefix" -}}
{{- $own := printf "%s-polling-" (include "octopus.fullname" .) -}}
{{- $official := eq "true" (include "octopus.official" .) -}}
{{- .Values.octopus.ingress.pollingTentacles.namePrefix | default (ternary "octopus-deploy-polling-node" $own $official) -}}
{{- end -}}

{{- /* How many nodes there are, of both kinds. */ -}}
{{- define "octopus.nodeCount" -}}
{{- add .Values.octopus.replicaCount .Values.octopus.uiOnly.replicaCount -}}
{{- end -}}

{{- /* Whether a licence is accepted, by `Y` or by what YAML makes of it: "true" or nothing. */ -}}
{{- define "octopus.accepted" -}}
{{- if has (toString .) (list "Y" "true") }}true{{ end -}}
{{- end -}}

{{- /* Whether SQL Server is to be installed: "true" or nothing. */ -}}
{{- define "octopus.withMssql" -}}
{{- $alias := index .Values "mssql-linux" -}}
{{- if or .Values.mssql.enabled (and $alias.enabled (include "octopus.accepted" $alias.acceptEula.value)) }}true{{ end -}}
{{- end -}}
