{{- /* What can't be changed in the cluster is compared before anything is sent: else an upgrade ends half applied. */ -}}

{{- /* A quantity as a number: 1Gi is 1073741824. */ -}}
{{- define "octopus.bytes" -}}
{{- $units := dict "m" 0.001 "" 1.0 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- mulf (trimSuffix $unit . | float64) (get $units $unit | default 1.0) -}}
{{- end -}}

{{- /* Refuses what a claim that is there can't become: `present` and `wanted` are objects. */ -}}
{{- define "octopus.refuseClaim" -}}
{{- $present := .present.spec -}}
{{- $wanted := .wanted.spec -}}
{{- $name := .wanted.metadata.name -}}
{{- $mode := first $wanted.accessModes -}}
{{- if not (or (has $mode $present.accessModes) (has "ReadWriteMany" $present.accessModes)) -}}
{{- fail (printf "The volume of %s is %s, and can't become %s: nodes that share it need ReadWriteMany. Stay with octopus.replicaCount=1 and octopus.uiOnly.replicaCount=0, or copy what is in it to a claim that is ReadWriteMany, and name that in existingClaim (docs/kubernetes.md, High availability)." $name (join ", " $present.accessModes) $mode) -}}
{{- end -}}
{{- if lt (include "octopus.bytes" $wanted.resources.requests.storage | float64) (include "octopus.bytes" $present.resources.requests.storage | float64) -}}
{{- fail (printf "The volume of %s has %s, and can't be made smaller: say that size, instead of %s." $name $present.resources.requests.storage $wanted.resources.requests.storage) -}}
{{- end -}}
{{- if and (hasKey $wanted "storageClassName") (ne $wanted.storageClassName ($present.storageClassName | default "")) -}}
{{- fail (printf "The volume of %s is of the storage class %q, which can't be changed to %q: say the former." $name ($present.storageClassName | default "") $wanted.storageClassName) -}}
{{- end -}}
{{- end -}}

{{- /* A claim as it is to be sent: `made` is its text. Its access mode stays what it is, also with fewer nodes. */ -}}
{{- define "octopus.claimBeside" -}}
{{- $wanted := .made | fromYaml -}}
{{- $present := lookup "v1" "PersistentVolumeClaim" .root.Release.Namespace $wanted.metadata.name -}}
{{- if $present -}}
{{- include "octopus.refuseClaim" (dict "present" $present "wanted" $wanted) -}}
{{- $_ := set $wanted.spec "accessModes" $present.spec.accessModes -}}
{{- toYaml $wanted -}}
{{- else -}}
{{- .made -}}
{{- end -}}
{{- end -}}

{{- /* Which of these claims are there, in words. */ -}}
{{- define "octopus.present" -}}
{{- $present := list -}}
{{- range .names }}{{ if lookup "v1" "PersistentVolumeClaim" $.root.Release.Namespace . }}{{ $present = append $present . }}{{ end }}{{ end -}}
{{- join ", " $present -}}
{{- end -}}

{{- /* Refuses to give the nodes new volumes where their files are in others: one for all, or four. */ -}}
{{- define "octopus.refuseEmptyFolders" -}}
{{- $octopus := .Values.octopus -}}
{{- $own := list -}}
{{- range include "octopus.shared" . | fromYamlArray }}{{ if not (index $octopus .values).existingClaim }}{{ $own = append $own .claim }}{{ end }}{{ end -}}
{{- $four := include "octopus.present" (dict "root" . "names" $own) -}}
{{- $one := include "octopus.present" (dict "root" . "names" (list "shared-claim")) -}}
{{- $enabled := $octopus.sharedVolume.enabled -}}
{{- if and $enabled (not $octopus.sharedVolume.existingClaim) $four (not $one) -}}
{{- fail (printf "The nodes' files are in %s: with octopus.sharedVolume.enabled=true, in a new volume, they would seem gone. Leave it false, or copy them to a claim of yours, and name that in octopus.sharedVolume.existingClaim." $four) -}}
{{- end -}}
{{- if and (not $enabled) $own $one (not $four) -}}
{{- fail "The nodes' files are in shared-claim: with octopus.sharedVolume.enabled=false, in new volumes, they would seem gone. Leave it true, or copy them to claims of yours, and name those in existingClaim of each volume." -}}
{{- end -}}
{{- end -}}

{{- /* The parts of a StatefulSet that can't be changed, in words. */ -}}
{{- define "octopus.fixed" -}}
{{- $volumes := list -}}
{{- range .spec.volumeClaimTemplates -}}
{{- $class := ternary (printf "of class %q" (.spec.storageClassName | default "")) "of the default class" (hasKey .spec "storageClassName") -}}
{{- $volumes = append $volumes (printf "%s with %s %s" .metadata.name .spec.resources.requests.storage $class) -}}
{{- end -}}
podManagementPolicy: {{ .spec.podManagementPolicy | default "OrderedReady" }}
serviceName: {{ .spec.serviceName }}
selector: {{ .spec.selector.matchLabels | toJson | quote }}
volumes: {{ join ", " $volumes | default "none" | quote }}
{{- end -}}

{{- /* Refuses a StatefulSet whose `made` text differs from the one that is there in what can't be changed. */ -}}
{{- define "octopus.refuseStatefulSet" -}}
{{- $wanted := .made | fromYaml -}}
{{- $name := $wanted.metadata.name -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $present := lookup "apps/v1" "StatefulSet" $namespace $name -}}
{{- if $present -}}
{{- $old := include "octopus.fixed" $present | fromYaml -}}
{{- range $field, $new := include "octopus.fixed" $wanted | fromYaml -}}
{{- if ne (get $old $field) $new -}}
{{- fail (printf "The StatefulSet %s has %s %s, which can't be changed to %s in place. Take the StatefulSet away, but not its pods, which run on: kubectl --namespace %s delete statefulset %s --cascade=orphan. Then do this again. Its volumes stay as they are." $name $field (get $old $field) $new $namespace $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
