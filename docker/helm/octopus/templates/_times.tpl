{{- /* What a stop may take: the drain (its two waits, and the 30 s that it may last beyond them), the server, 25 s for what
  it and dockerd leave behind, and a margin. */ -}}
{{- define "octopus.gracePeriod" -}}
{{- $octopus := .Values.octopus -}}
{{- add $octopus.drain.wait $octopus.drain.cancelWait 30 $octopus.stopTimeout 25 35 -}}
{{- end -}}

{{- /* How often a start is asked about: octo-node's own waits come first, with what it gives all configure commands together,
  most of which is for a migration, and 300 s for the server's start. */ -}}
{{- define "octopus.startupThreshold" -}}
{{- $octopus := .Values.octopus -}}
{{- $period := $octopus.probes.startup.periodSeconds | int -}}
{{- div (add $octopus.sqlWait $octopus.upgradeWait 7920 300 $period -1) $period -}}
{{- end -}}

{{- /* A probe of this `kind`. */ -}}
{{- define "octopus.probe" -}}
{{- $probe := index .root.Values.octopus.probes .kind -}}
exec:
  command: [{{ include "octopus.program" . }}, probe, {{ .kind }}, --timeout, {{ sub $probe.timeoutSeconds 1 | quote }}]
periodSeconds: {{ $probe.periodSeconds }}
timeoutSeconds: {{ $probe.timeoutSeconds }}
failureThreshold: {{ .threshold }}
{{- end -}}
