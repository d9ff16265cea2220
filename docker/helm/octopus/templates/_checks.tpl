{{- /* What the schema can't say: values that don't fit together are refused, with the next step. */ -}}
{{- define "octopus.check" -}}
{{- include "octopus.checkNames" . -}}
{{- include "octopus.checkLicences" . -}}
{{- include "octopus.checkSecrets" . -}}
{{- include "octopus.checkMasterKey" . -}}
{{- include "octopus.checkIngress" . -}}
{{- include "octopus.checkPorts" . -}}
{{- include "octopus.checkVolumes" . -}}
{{- include "octopus.checkEngine" . -}}
{{- include "octopus.checkVariables" . -}}
{{- include "octopus.checkSpecifications" . -}}
{{- $grace := include "octopus.gracePeriod" . | int -}}
{{- if lt (int .Values.octopus.upgradeWait) $grace -}}
{{- fail (printf "octopus.upgradeWait is %d s, but a node may take %d s to drain and stop: in an upgrade the new nodes wait for that, so set it to %d or more." (int .Values.octopus.upgradeWait) $grace $grace) -}}
{{- end -}}
{{- end -}}

{{- /* A StatefulSet's name stands in a label of its pods, with a hash of ten characters behind it. */ -}}
{{- define "octopus.checkNames" -}}
{{- $name := include "octopus.fullname" . -}}
{{- $most := ternary 49 52 (gt (int .Values.octopus.uiOnly.replicaCount) 0) -}}
{{- if gt (len $name) $most -}}
{{- fail (printf "%s, the name of the StatefulSet, has %d characters; %d are possible, because its pods' labels have more behind it. Set fullnameOverride." $name (len $name) $most) -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkLicences" -}}
{{- $alias := index .Values "mssql-linux" "acceptEula" "value" -}}
{{- $accepted := or (include "octopus.accepted" (upper .Values.mssql.ACCEPT_EULA)) (eq "true" (lower .Values.mssql.ACCEPT_EULA)) (include "octopus.accepted" $alias) -}}
{{- if and (include "octopus.withMssql" .) (not $accepted) -}}
{{- fail "mssql.ACCEPT_EULA isn't Y: read SQL Server's licence at https://go.microsoft.com/fwlink/?linkid=857698, and set it to Y if you agree. The official chart accepts it for you." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkSecrets" -}}
{{- $octopus := .Values.octopus -}}
{{- if and $octopus.createSecrets (not $octopus.existingSecrets.connectionstring.name) (not (include "octopus.connectionString" .)) -}}
{{- fail "octopus.databaseConnectionString is empty: give the connection string of the Octopus database, name a Secret that has it in octopus.existingSecrets.connectionstring.name, or try it out with mssql.enabled=true." -}}
{{- end -}}
{{- if and (include "octopus.withMssql" .) .Values.mssql.SA_PASSWORD .Values.mssql.existingSecret.name -}}
{{- fail "mssql.SA_PASSWORD and mssql.existingSecret.name are both set: leave one of them out." -}}
{{- end -}}
{{- range $name, $existing := $octopus.existingSecrets -}}
{{- $value := include "octopus.secretValue" $name -}}
{{- if and $existing.name (get $octopus $value) -}}
{{- fail (printf "octopus.%s and octopus.existingSecrets.%s.name are both set: leave one of them out." $value $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.dockerHub.login (not .Values.dockerHub.creds) -}}
{{- fail "dockerHub.creds is empty: give the base64 of a .dockerconfigjson, or set dockerHub.login=false." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkMasterKey" -}}
{{- $octopus := .Values.octopus -}}
{{- $name := printf "%s-masterkey" .Release.Name -}}
{{- if eq "unknown" .Values.masterKeySource -}}
{{- $why := ternary "octopus.masterKey is empty, and more than one node needs the same master key." "octopus.masterKey is empty, and the release may have a master key already." (gt (include "octopus.nodeCount" . | int) 1) -}}
{{- $looked := printf "No Secret %s was found." $name -}}
{{- if not (include "octopus.canLookUp" .) }}{{ $looked = printf "No cluster could be asked for the Secret %s, which an upgrade finds and keeps: `helm template` and --dry-run ask none, --dry-run=server does (Helm 3.13 or later). A key that is on the volume of master-key-claim stays there if you name that in octopus.masterKeyVolume.existingClaim." $name }}{{ end -}}
{{- fail (printf "%s If the database has one, set it: `kubectl exec NODE -- /Octopus/Octopus.Server show-master-key --console --instance OctopusServer` prints it. For a new database set what `openssl rand -base64 32` prints (16 before Octopus 2024.4). Or put it into a Secret of yours, and name that in octopus.existingSecrets.masterkey.name. %s" $why $looked) -}}
{{- end -}}
{{- $kept := include "octopus.keptMasterKey" . | nospace -}}
{{- if and (eq "given" .Values.masterKeySource) $kept (ne $kept (nospace $octopus.masterKey)) -}}
{{- fail (printf "octopus.masterKey isn't the master key that the Secret %s has, which may be the only copy of it. Leave octopus.masterKey empty to go on with that one. If the database has another key now, save the Secret, and delete it first: kubectl --namespace %s delete secret %s." $name .Release.Namespace $name) -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkIngress" -}}
{{- $ingress := .Values.octopus.ingress -}}
{{- if and (or $ingress.enabled $ingress.pollingTentacles.enabled $ingress.grpc.enabled) (not $ingress.hosts) -}}
{{- fail "octopus.ingress.hosts is empty: name the host that the web portal has, or turn the Ingresses off." -}}
{{- end -}}
{{- if and $ingress.grpc.enabled $ingress.grpc.tls.enabled (not $ingress.grpc.tls.secretName) -}}
{{- fail "octopus.ingress.grpc.tls.secretName is empty: name the Secret with the certificate, or set octopus.ingress.grpc.tls.enabled=false." -}}
{{- end -}}
{{- if and .Values.octopus.httpRoute.enabled (not .Values.octopus.httpRoute.parentRefs) -}}
{{- fail "octopus.httpRoute.parentRefs is empty: name the Gateway that the HTTPRoute belongs to, or set octopus.httpRoute.enabled=false." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkPorts" -}}
{{- $octopus := .Values.octopus -}}
{{- $ports := list (int $octopus.webPort) (int $octopus.tentaclePort) (int $octopus.grpcPort) -}}
{{- if gt (max (index $ports 0) (index $ports 1) (index $ports 2)) 65535 -}}
{{- fail "octopus.webPort, octopus.tentaclePort and octopus.grpcPort are ports: 65535 is the last one." -}}
{{- end -}}
{{- if or (ne 3 (len (uniq $ports))) (has 8080 (rest $ports)) (eq 10943 (int $octopus.grpcPort)) -}}
{{- fail "octopus.webPort, octopus.tentaclePort and octopus.grpcPort have to differ, and the latter two from 8080, where a node serves the web portal, as octopus.grpcPort from 10943: choose others." -}}
{{- end -}}
{{- end -}}

{{- define "octopus.checkVolumes" -}}
{{- $taken := list "/masterKey" "/run/secrets/octopus" "/opt/octo-node" (printf "%s/Logs" (include "octopus.configurationDirectory" .)) -}}
{{- with include "octopus.certificates" . }}{{ $taken = append $taken . }}{{ end -}}
{{- range include "octopus.shared" . | fromYamlArray }}{{ $taken = append $taken .path }}{{ end -}}
{{- range $name, $values := .Values.octopus.extraVolumes -}}
{{- if not (or $values.type $values.volume) -}}
{{- fail (printf "octopus.extraVolumes.%s says only where it is mounted: set its type to emptyDir or persistentVolumeClaim, or give a volume of Kubernetes in octopus.extraVolumes.%s.volume." $name $name) -}}
{{- end -}}
{{- if has $values.mountPath $taken -}}
{{- fail (printf "octopus.extraVolumes.%s is for %s, where another volume is mounted: choose another folder, or give the chart's own volume your claim with existingClaim." $name $values.mountPath) -}}
{{- end -}}
{{- $taken = append $taken $values.mountPath -}}
{{- $shared := and (eq "persistentVolumeClaim" ($values.type | default "")) (gt (include "octopus.nodeCount" $ | int) 1) -}}
{{- if and $shared $.Values.octopus.enableDockerInDocker (eq $values.mountPath "/var/lib/docker") -}}
{{- fail (printf "octopus.extraVolumes.%s would be shared by the Docker engines of all nodes, which destroys it: leave it out, and each has a folder as long as its pod lives." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The variables that the chart makes of values, and these. */ -}}
{{- define "octopus.variables" -}}
ACCEPT_EULA: octopus.acceptEula
OCTOPUS_SERVER_NODE_NAME: fullnameOverride
ADMIN_EMAIL: octopus.email
TASK_CAP: octopus.taskCap
DISABLE_DIND: octopus.containers.mode
OCTO_NODE_CONTAINERS: octopus.containers.mode
DOCKER_HOST: octopus.containers.host
OCTOPUS_GRPC_SERVICES_PORT: octopus.grpcPort
OCTOPUS_SERVER_CONFIGURATION_DIRECTORY: octopus.serverConfigurationDirectory
OCTO_NODE_SQL_WAIT: octopus.sqlWait
OCTO_NODE_UPGRADE_WAIT: octopus.upgradeWait
OCTO_NODE_STOP_TIMEOUT: octopus.stopTimeout
OCTO_NODE_DRAIN_ON_STOP: octopus.drain.wait
OCTO_NODE_HTTP: metrics.port
HTTP_PROXY: octopus.proxy.http
HTTPS_PROXY: octopus.proxy.https
ALL_PROXY: octopus.proxy.all
NO_PROXY: octopus.proxy.excludedHostnames
{{- end -}}

{{- /* What is computed from values would be wrong if the variables were set otherwise, and a secret given twice is refused by octo-node. */ -}}
{{- define "octopus.checkVariables" -}}
{{- $values := include "octopus.variables" . | fromYaml -}}
{{- $_ := set $values "OCTO_NODE_VALUES" "the chart itself" -}}
{{- if include "octopus.certificates" . }}{{ $_ := set $values "SSL_CERT_FILE" "octopus.trustedCertificates" }}{{ end -}}
{{- range include "octopus.secrets" . | fromYamlArray -}}
{{- $given := printf "octopus.%s" (include "octopus.secretValue" .name) -}}
{{- $_ := set $values (include "octopus.secretVariable" .name) (ternary $given (printf "the Secret %s" .secret) (ne "" .value)) -}}
{{- end -}}
{{- range $variable := .Values.octopus.extraEnv -}}
{{- with get $values ($variable.name | trimSuffix "_FILE") | default (get $values $variable.name) -}}
{{- fail (printf "octopus.extraEnv sets %s, which %s is for: set that instead." $variable.name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What a value is for isn't said in a specification as well. */ -}}
{{- define "octopus.checkSpecifications" -}}
{{- $octopus := .Values.octopus -}}
{{- $pod := dict "serviceAccountName" "octopus.serviceAccount.name" "automountServiceAccountToken" "octopus.serviceAccount.automountServiceAccountToken"
  "terminationGracePeriodSeconds" "octopus.drain.wait" "securityContext" "octopus.podSecurityContext" "imagePullSecrets" "octopus.imagePullSecrets"
  "nodeSelector" "nodeSelector" "tolerations" "octopus.tolerations" "topologySpreadConstraints" "octopus.topologySpreadConstraints"
  "affinity" "affinity" "priorityClassName" "octopus.priorityClassName" "hostAliases" "octopus.hostAliases" "dnsConfig" "octopus.dnsConfig"
  "initContainers" "octopus.extraInitContainers" "containers" "octopus.extraContainers" "volumes" "octopus.extraVolumes" -}}
{{- $container := dict "name" "octopus.extraContainers, for a container of yours" "image" "octopus.image" "imagePullPolicy" "octopus.image.pullPolicy" "command" "octopus.extraContainers, for a container of yours" "args" "octopus.extraContainers, for a container of yours"
  "securityContext" "octopus.containerSecurityContext" "ports" "octopus.service" "env" "octopus.extraEnv" "envFrom" "octopus.extraEnvFrom"
  "startupProbe" "octopus.probes" "livenessProbe" "octopus.probes" "readinessProbe" "octopus.probes" "lifecycle" "octopus.drain and octopus.postStart"
  "resources" "octopus.resources" "volumeMounts" "octopus.extraVolumes" -}}
{{- range $where, $parts := dict "octopus.spec" $pod "octopus.containers.octopus.spec" $container -}}
{{- $given := ternary $octopus.spec $octopus.containers.octopus.spec (eq $where "octopus.spec") -}}
{{- range $key := keys ($given | default dict) | sortAlpha -}}
{{- with get $parts $key -}}
{{- fail (printf "%s.%s isn't taken, because the chart has it already: set %s instead." $where $key .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
