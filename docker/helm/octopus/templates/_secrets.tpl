{{- /* Whether the cluster can be asked: "true" or nothing. `helm template` and what is built on it, as Argo CD, get nothing from
  `lookup`; a namespace that isn't there yet has no ServiceAccount, but then the release's user may look at namespaces. */ -}}
{{- define "octopus.canLookUp" -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" }}true
{{- else if lookup "v1" "Namespace" "" "default" }}true{{ end -}}
{{- end -}}

{{- /* What the Secret `name` has under `key` in the cluster. */ -}}
{{- define "octopus.kept" -}}
{{- $data := (lookup "v1" "Secret" .root.Release.Namespace .name).data | default dict -}}
{{- get $data .key | b64dec -}}
{{- end -}}

{{- /* A Secret's type can't be changed: the one given, that of the Secret there is, or the official chart's. */ -}}
{{- define "octopus.secretType" -}}
{{- $present := (lookup "v1" "Secret" .root.Release.Namespace .name).type -}}
{{- $new := ternary "opaque" "Opaque" (eq "true" (include "octopus.official" .root)) -}}
{{- coalesce .root.Values.octopus.secretType $present $new -}}
{{- end -}}

{{- /* The password of SQL Server's administrator: the one given, else the release's, which the official chart keeps in one of
  two Secrets, else a new one. It is the same in all of a release. */ -}}
{{- define "octopus.saPassword" -}}
{{- $mssql := .Values.mssql -}}
{{- if not $mssql.SA_PASSWORD -}}
{{- $own := include "octopus.kept" (dict "root" . "name" (printf "%s-sapassword" .Release.Name) "key" "secret") -}}
{{- $official := include "octopus.kept" (dict "root" . "name" "mssql" "key" "sa_password") -}}
{{- $known := coalesce (index .Values "mssql-linux" "sapassword") $own $official -}}
{{- if not (or $known (include "octopus.canLookUp" .)) -}}
{{- fail "mssql.SA_PASSWORD is empty, and no cluster can be asked whether there is one already: each rendering would draw another. Set it, or name a Secret that has it in mssql.existingSecret.name (docs/kubernetes/gitops.md)." -}}
{{- end -}}
{{- $_ := set $mssql "SA_PASSWORD" ($known | default (printf "%s-aA1" (randAlphaNum 24))) -}}
{{- end -}}
{{- $mssql.SA_PASSWORD -}}
{{- end -}}

{{- define "octopus.connectionString" -}}
{{- if .Values.octopus.databaseConnectionString -}}
{{- .Values.octopus.databaseConnectionString -}}
{{- else if and .Values.octopus.createSecrets (include "octopus.withMssql" .) (not .Values.mssql.existingSecret.name) -}}
{{- $password := include "octopus.saPassword" . | replace "\"" "\"\"" -}}
{{- printf "Server=mssql,1433;Database=OctopusDeploy;User Id=sa;Password=\"%s\";TrustServerCertificate=True" $password -}}
{{- end -}}
{{- end -}}

{{- /* Variables that are set without the chart's Secrets, in extraEnv. */ -}}
{{- define "octopus.givenBeside" -}}
{{- $names := list -}}
{{- range .Values.octopus.extraEnv }}{{ $names = append $names (trimSuffix "_FILE" .name) }}{{ end -}}
{{- toYaml $names -}}
{{- end -}}

{{- /* Where the master key comes from: "given", "yours", "kept" in the release's Secret, "volume", "drawn", or "unknown".
  Without a cluster only a new release of one node may draw it: what a release had would neither be found nor kept. */ -}}
{{- define "octopus.findMasterKey" -}}
{{- $octopus := .Values.octopus -}}
{{- $kept := include "octopus.keptMasterKey" . -}}
{{- $yours := or $octopus.existingSecrets.masterkey.name (and (not $octopus.createSecrets) (has "masterkey" $octopus.secretNames)) -}}
{{- $beside := has "MASTER_KEY" (include "octopus.givenBeside" . | fromYamlArray) -}}
{{- $claim := $octopus.masterKeyVolume.existingClaim | default "master-key-claim" -}}
{{- if or $yours $beside }}yours
{{- else if and $octopus.masterKey $octopus.createSecrets }}given
{{- else if and $kept $octopus.createSecrets }}kept
{{- else if and (or .Release.IsUpgrade .Values.official) $octopus.createSecrets (not (include "octopus.canLookUp" .)) (not $octopus.masterKeyVolume.existingClaim) }}unknown
{{- else if le (include "octopus.nodeCount" . | int) 1 }}volume
{{- else if or (not $octopus.createSecrets) .Release.IsUpgrade (not (include "octopus.canLookUp" .)) }}unknown
{{- else if lookup "v1" "PersistentVolumeClaim" .Release.Namespace $claim }}unknown
{{- else }}drawn{{ end -}}
{{- end -}}

{{- define "octopus.keptMasterKey" -}}
{{- include "octopus.kept" (dict "root" . "name" (printf "%s-masterkey" .Release.Name) "key" "secret") -}}
{{- end -}}

{{- /* The size of a key that is drawn: what this version of Octopus.Server draws, 32 bytes since 2024.4. 16 are valid for all. */ -}}
{{- define "octopus.keyBytes" -}}
{{- $image := .Values.octopus.image -}}
{{- $version := regexFind "^[0-9]+[.][0-9]+" (toString ($image.tag | default .Chart.AppVersion)) -}}
{{- if and $version (not $image.digest) (semverCompare ">=2024.4.0" (printf "%s.0" $version)) }}32{{ else }}16{{ end -}}
{{- end -}}

{{- /* Notes where the master key comes from, and the key, so that both are the same in all of a release. */ -}}
{{- define "octopus.settleMasterKey" -}}
{{- $source := include "octopus.findMasterKey" . -}}
{{- $_ := set .Values "masterKeySource" $source -}}
{{- if eq $source "drawn" }}{{ $_ := set .Values.octopus "masterKey" (randBytes (include "octopus.keyBytes" . | int)) }}{{ end -}}
{{- if eq $source "kept" }}{{ $_ := set .Values.octopus "masterKey" (include "octopus.keptMasterKey" .) }}{{ end -}}
{{- end -}}

{{- /* Whether a single node may have to keep the master key that it draws: "true" or nothing. */ -}}
{{- define "octopus.drawsMasterKey" -}}
{{- if eq "volume" .Values.masterKeySource }}true{{ end -}}
{{- end -}}

{{- /* The secrets of a node: `name` is that of the file, `secret` and `key` say where it is, and `value` what the chart puts there. */ -}}
{{- define "octopus.secrets" -}}
{{- $octopus := .Values.octopus -}}
{{- $values := dict "connectionstring" (include "octopus.connectionString" .) "masterkey" $octopus.masterKey
  "adminusername" $octopus.username "adminpassword" $octopus.password "licensekey" $octopus.licenseKeyBase64 "apikey" $octopus.apiKey -}}
{{- $used := list -}}
{{- range $name := list "connectionstring" "masterkey" "adminusername" "adminpassword" "licensekey" "apikey" -}}
{{- $existing := index $octopus.existingSecrets $name -}}
{{- $value := get $values $name | default "" -}}
{{- if $existing.name -}}
{{- $used = append $used (dict "name" $name "secret" $existing.name "key" $existing.key "value" "") -}}
{{- else if ternary $value (has $name $octopus.secretNames) $octopus.createSecrets -}}
{{- $made := ternary $value "" $octopus.createSecrets -}}
{{- $used = append $used (dict "name" $name "secret" (printf "%s-%s" $.Release.Name $name) "key" "secret" "value" $made) -}}
{{- end -}}
{{- end -}}
{{- toYaml $used -}}
{{- end -}}

{{- /* The variable that a secret is read from. */ -}}
{{- define "octopus.secretVariable" -}}
{{- get (dict "connectionstring" "DB_CONNECTION_STRING" "masterkey" "MASTER_KEY" "adminusername" "ADMIN_USERNAME"
  "adminpassword" "ADMIN_PASSWORD" "licensekey" "OCTOPUS_SERVER_BASE64_LICENSE" "apikey" "OCTO_NODE_API_KEY") . -}}
{{- end -}}

{{- /* The value that a secret is given by. */ -}}
{{- define "octopus.secretValue" -}}
{{- get (dict "connectionstring" "databaseConnectionString" "masterkey" "masterKey" "adminusername" "username"
  "adminpassword" "password" "licensekey" "licenseKeyBase64" "apikey" "apiKey") . -}}
{{- end -}}
