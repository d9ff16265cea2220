{{- /* Helm deletes what a release had and its new manifest lacks. So the release's objects that values only name, as yours, and
  its shared claims stay in the manifest, as they are, and are never deleted. To annotate them instead would do for an upgrade,
  but `helm rollback` fails where an object isn't in the manifest that it leaves. */ -}}

{{- /* Those of `names` that aren't in `made`, each once. */ -}}
{{- define "octopus.others" -}}
{{- $others := list -}}
{{- range compact .names | uniq }}{{ if not (has . $.made) }}{{ $others = append $others . }}{{ end }}{{ end -}}
{{- toYaml $others -}}
{{- end -}}

{{- /* The Secrets that are used, or were, and that the chart doesn't make. */ -}}
{{- define "octopus.namedSecrets" -}}
{{- $octopus := .Values.octopus -}}
{{- $names := list (printf "%s-masterkey" .Release.Name) .Values.mssql.existingSecret.name $octopus.trustedCertificates.secret -}}
{{- if and (include "octopus.withMssql" .) (not $octopus.createSecrets) }}{{ $names = append $names (printf "%s-sapassword" .Release.Name) }}{{ end -}}
{{- $made := list -}}
{{- range include "octopus.secrets" . | fromYamlArray -}}
{{- if .value }}{{ $made = append $made .secret }}{{ else }}{{ $names = append $names .secret }}{{ end -}}
{{- end -}}
{{- if .Values.dockerHub.login }}{{ $made = append $made (include "octopus.registryName" .) }}{{ end -}}
{{- range include "octopus.pullNames" . | fromYamlArray }}{{ $names = append $names . }}{{ end -}}
{{- range $octopus.extraEnvFrom }}{{ $names = append $names (dig "secretRef" "name" "" .) }}{{ end -}}
{{- range $octopus.extraEnv }}{{ $names = append $names (dig "valueFrom" "secretKeyRef" "name" "" .) }}{{ end -}}
{{- range $octopus.extraVolumes }}{{ $names = append $names (dig "secret" "secretName" "" (.volume | default dict)) }}{{ end -}}
{{- include "octopus.others" (dict "names" $names "made" $made) -}}
{{- end -}}

{{- /* The claims that are used, or were, and that the chart doesn't make. */ -}}
{{- define "octopus.namedClaims" -}}
{{- $octopus := .Values.octopus -}}
{{- $names := list "shared-claim" $octopus.sharedVolume.existingClaim "master-key-claim" $octopus.masterKeyVolume.existingClaim -}}
{{- range include "octopus.shared" . | fromYamlArray }}{{ $names = append (append $names .claim) (index $octopus .values).existingClaim }}{{ end -}}
{{- $made := list -}}
{{- range include "octopus.claims" . | fromYamlArray }}{{ $made = append $made .claim }}{{ end -}}
{{- range $name, $values := $octopus.extraVolumes -}}
{{- $names = append $names (dig "persistentVolumeClaim" "claimName" "" ($values.volume | default dict)) -}}
{{- if eq "persistentVolumeClaim" ($values.type | default "") }}{{ $made = append $made (printf "%s-%s-pvc" (include "octopus.fullname" $) $name) }}{{ end -}}
{{- end -}}
{{- include "octopus.others" (dict "names" $names "made" $made) -}}
{{- end -}}

{{- /* The object `kind` `name` as it is in the cluster, if this chart or the official one made it for this release; else nothing. */ -}}
{{- define "octopus.releases" -}}
{{- $present := lookup "v1" .kind .root.Release.Namespace .name -}}
{{- $release := dig "metadata" "annotations" "meta.helm.sh/release-name" "" $present -}}
{{- $chart := dig "metadata" "labels" "helm.sh/chart" "" $present -}}
{{- /* another chart, which this one is part of, renders what is its own itself, and so do extraManifests */ -}}
{{- if and (eq $release .root.Release.Name) (or (eq .name (printf "%s-masterkey" $release)) (regexMatch "^(octopusdeploy-helm|mssql|octopus)-[0-9]" $chart)) -}}
{{- toYaml $present -}}
{{- end -}}
{{- end -}}
