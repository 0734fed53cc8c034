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

{{/* Environment variables from a Secret. The argument is a list of the Secret's name, the required keys, and the optional keys. */}}
{{- define "ctms.secretEnv" -}}
{{- $secret := index . 0 -}}
{{- range index . 1 }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}}
{{- end }}
{{- range index . 2 }}
- name: {{ . }}
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ . }}, optional: true}
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

{{/* The name of the API's port. */}}
{{- define "ctms.webPort" -}}
{{ ternary "https" "http" (ne .Values.web.tls.secretName "") }}
{{- end }}

{{/* "true" if the sync opens its metrics port, otherwise "". */}}
{{- define "ctms.syncMetricsPort" -}}
{{- if and .Values.sync.enabled (not .Values.sync.pushgatewayUrl) -}}true{{- end }}
{{- end }}
