{{/* SPDX-License-Identifier: MPL-2.0 */}}

{{- define "ctms.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough to append the suffixes of the objects. */}}
{{- define "ctms.fullname" -}}
{{- $name := include "ctms.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The argument of these two is a list of the root and the component (web, background, migration). */}}
{{- define "ctms.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "ctms.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "ctms.labels" -}}
{{- $root := index . 0 -}}
{{ include "ctms.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "ctms.image" -}}
{{- $repository := required "image.repository is required: the repository of the CTMS image, without a tag" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default (printf "v%s" .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "ctms.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "ctms.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "ctms.secretName" -}}
{{ .Values.secrets.existingSecret | default (include "ctms.fullname" .) }}
{{- end }}

{{/* "true" if the chart makes the Secret from secrets.values, otherwise "". */}}
{{- define "ctms.makesSecret" -}}
{{- if not (or .Values.secrets.existingSecret .Values.secrets.externalSecret.enabled) -}}true{{- end }}
{{- end }}

{{/*
Environment variables for secrets: NAME_FILE for those of secrets.files, otherwise from a Secret. The argument is a list of the root,
the Secret's name, the required keys, and the optional keys.
*/}}
{{- define "ctms.secretEnv" -}}
{{- $root := index . 0 -}}
{{- $secret := index . 1 -}}
{{- $optional := index . 3 -}}
{{- range concat (index . 2) $optional }}
{{- $file := index $root.Values.secrets.files . }}
{{- if $file }}
- name: {{ . }}_FILE
  value: {{ $file | quote }}
{{- else }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}{{ if has . $optional }}, optional: true{{ end }}}
{{- end }}
{{- end }}
{{- end }}

{{/*
The volumes of a pod, or the mounts of its container: its own ones and those of the values. The argument is a list of the root, the
values of the component, the field (extraVolumes or extraVolumeMounts), and its own ones as YAML.
*/}}
{{- define "ctms.withExtra" -}}
{{- $root := index . 0 -}}
{{- $field := index . 2 -}}
{{- $own := fromYamlArray (index . 3 | default "[]") -}}
{{- with concat $own (index $root.Values $field) (index (index . 1) $field) -}}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The annotations of an object of the migration. The argument is a list of the weight (lower ones come first) and of more reasons to delete
the object.
*/}}
{{- define "ctms.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ index . 0 | quote }}
helm.sh/hook-delete-policy: {{ join "," (concat (list "before-hook-creation" "hook-succeeded") (index . 1)) }}
{{- end }}

{{/* The outgoing connections of a policy: name servers and these ports. The argument is a list of the policy's values and the ports. */}}
{{- define "ctms.egress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- ports:
    {{- range concat (index . 1) (index . 0).extraEgressPorts | uniq }}
    - port: {{ . }}
    {{- end }}
{{- end }}

{{/* Where the scheduler may put a pod. The argument is the values of the component. */}}
{{- define "ctms.scheduling" -}}
{{- range $field := list "nodeSelector" "tolerations" "affinity" }}
{{- with index $ $field }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* The part of the spec that all pods share. The argument is a list of the root and the name of the account. */}}
{{- define "ctms.podSpec" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ index . 1 }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml $root.Values.podSecurityContext | nindent 2 }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Restarts the pods when their settings change. */}}
{{- define "ctms.checksums" -}}
checksum/settings: {{ toJson .Values.settings | sha256sum }}
checksum/secrets: {{ toJson .Values.secrets | sha256sum }}
{{- end }}

{{- define "ctms.scrapeAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ . | quote }}
prometheus.io/path: /metrics
{{- end }}

{{- define "ctms.webMounts" -}}
{{- with .Values.web.tls }}
{{- if .secretName }}
- name: tls
  mountPath: /etc/ctms/tls
  readOnly: true
{{- if .clientCaSecretName }}
- name: client-ca
  mountPath: /etc/ctms/client-ca
  readOnly: true
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ctms.webVolumes" -}}
{{- with .Values.web.tls }}
{{- if .secretName }}
- name: tls
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
{{- if .clientCaSecretName }}
- name: client-ca
  secret:
    secretName: {{ .clientCaSecretName }}
    items: [{key: ca.crt, path: ca.crt}]
    defaultMode: 0440
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The name of the Service without pods, to which the paths lead that nobody outside the cluster may see. */}}
{{- define "ctms.hiddenName" -}}
{{ include "ctms.fullname" . }}-hidden
{{- end }}

{{/* The port in a URL, or the usual one of its scheme. */}}
{{- define "ctms.portOf" -}}
{{- $url := urlParse . -}}
{{- regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) -}}
{{- end }}

{{/* The name of the API's port. */}}
{{- define "ctms.webPort" -}}
{{ ternary "https" "http" (ne .Values.web.tls.secretName "") }}
{{- end }}

{{/* "true" if the sync opens its metrics port, otherwise "". */}}
{{- define "ctms.syncMetricsPort" -}}
{{- if and .Values.sync.enabled (not .Values.sync.pushgatewayUrl) -}}true{{- end }}
{{- end }}
