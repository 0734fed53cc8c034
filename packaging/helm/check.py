#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the Helm chart: runs helm lint and helm template with the values in ctms/ci, and checks the resulting objects.

    packaging/helm/check.py    ends with exit code 1 if something is wrong, and 77 if helm or PyYAML is missing

HELM names the program (default: helm). If CTMS_TOOLS names the folder that packaging/dev/check_deployment.sh fills, also checks
the objects against the schemas of Kubernetes. Installs nothing and contacts no cluster.
"""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

CHART = pathlib.Path(__file__).resolve().parent / "ctms"
ALERTS = CHART.parents[1] / "prometheus" / "alerts.yml"
CONFIGURATION = CHART.parents[2] / "docs" / "configuration.md"
HELM = os.environ.get("HELM", "helm")
TOOLS = os.environ.get("CTMS_TOOLS")

# Values that the chart must refuse: a part of the message, and the arguments.
LEAST = "existing-secret-values.yaml"
REFUSED = {
    "no image": ("image.repository is required", ["--set", "image.repository="]),
    "a tag in the repository": ("/image/repository", ["--set", "image.repository=example.com/ctms:v1"]),
    "no secrets": ("CTMS_DB_URL is missing", ["--set", "secrets.existingSecret=,sync.enabled=false"]),
    "a secret among the settings": ("'CTMS_SECRET_KEY'", ["--set-string", "settings.CTMS_SECRET_KEY=x"]),
    "a setting of the chart": ("'PORT'", ["--set-string", "settings.PORT=1"]),
    "the ops port among the settings": ("'CTMS_OPS_PORT'", ["--set-string", "settings.CTMS_OPS_PORT=8001"]),
    "the API's port as the ops port": ("/web/opsPort", ["--set", "web.opsPort=8000"]),
    "a proxy that is not an address": ("/web/trustedProxies", ["--set", "web.trustedProxies={proxy.example.com}"]),
    "client authorities without a certificate": ("requires secretName", ["--set", "web.tls.clientCaSecretName=ca"]),
    "a short key": (
        "at least 32 bytes",
        ["--set", "secrets.existingSecret=,sync.enabled=false", "--set-string", "secrets.values.CTMS_DB_URL=x,secrets.values.CTMS_SECRET_KEY=short"],
    ),
    "a short key that is not allowed": (
        "at least 32 bytes",
        ["--set", "secrets.existingSecret=,sync.enabled=false", "--set-string",
         "secrets.values.CTMS_DB_URL=x,secrets.values.CTMS_SECRET_KEY=short,settings.CTMS_ALLOW_WEAK_SECRET_KEY=false"],
    ),
    "a number without quotes": ("/settings/CTMS_WORKERS", ["--set", "settings.CTMS_WORKERS=1000000"]),
    "an unknown value": ("'enable'", ["--set", "sync.enable=true"]),
    "an unknown secret": ("'CTMS_DB_URI'", ["--set-string", "secrets.values.CTMS_DB_URI=x"]),
    "an ingress without a host": ("ingress.hosts", ["--set", "ingress.enabled=true"]),
    "a sync without its tables": ("CTMS_ACOUSTIC_MAIN_TABLE_ID is missing", ["--set", "settings.CTMS_ACOUSTIC_MAIN_TABLE_ID="]),
    "a sync without its account": (
        "CTMS_ACOUSTIC_CLIENT_ID is missing",
        ["--set", "secrets.existingSecret=", "--set-string", "secrets.values.CTMS_DB_URL=x,secrets.values.CTMS_SECRET_KEY=0123456789012345678901234567890123"],
    ),
    "a wait that leaves no time for requests": ("terminationGracePeriodSeconds: at least 65", ["--set", "web.preStopSeconds=30"]),
    "fewer pods at most than at least": ("minReplicas is above", ["--set", "web.autoscaling.maxReplicas=1"]),
    "a secret's file among the settings": ("'CTMS_DB_URL_FILE'", ["--set-string", "settings.CTMS_DB_URL_FILE=/x"]),
    "a secret's file without a full path": ("/secrets/files/CTMS_DB_URL", ["--set-string", "secrets.files.CTMS_DB_URL=x"]),
    "two sources of secrets": (
        "either existingSecret or externalSecret",
        ["--set", "secrets.externalSecret.enabled=true,secrets.externalSecret.store.name=x,secrets.externalSecret.key=x"],
    ),
    "an external secret without a store": (
        "store.name and key are required",
        ["--set", "secrets.existingSecret=,secrets.externalSecret.enabled=true,secrets.externalSecret.key=x"],
    ),
    "a route without a gateway": ("gateway.parentRefs", ["--set", "gateway.enabled=true,gateway.hostnames={x.example.com}"]),
    "a route without a name": ("gateway.hostnames", ["--set", "gateway.enabled=true,gateway.parentRefs[0].name=x"]),
    "a route to pods with TLS": (
        "BackendTLSPolicy",
        ["--set", "gateway.enabled=true,gateway.hostnames={x.example.com},gateway.parentRefs[0].name=x,web.tls.secretName=x"],
    ),
    "a rule file that does not exist": ("/metrics/prometheusRule/files", ["--set", "metrics.prometheusRule.files={x}"]),
}


# The setting that opens the port for metrics of each kind of pod, by component.
METRICS_PORT = {"web": "CTMS_OPS_PORT", "background": "CTMS_BACKGROUND_METRICS_PORT"}


def helm(*arguments):
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, timeout=60)


def known_settings():
    """The settings, and each as NAME_FILE."""
    names = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", CONFIGURATION.read_text(), re.M))
    return names | {f"{name}_FILE" for name in names}


def memory_alert():
    """The number of bytes above which CtmsMemoryHigh fires."""
    return int(re.search(r"alert: CtmsMemoryHigh\n +expr: .* > (\d+)\n", ALERTS.read_text())[1])


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi|)", quantity).groups()
    return int(number) * 1024 ** ["", "Ki", "Mi", "Gi"].index(unit)


def pods(objects):
    for item in objects:
        if item["kind"] in ("Deployment", "Job"):
            yield f"{item['kind']} {item['metadata']['name']}", item["spec"]["template"]


def own_limit(container):
    return container["resources"]["limits"]["memory"]


def problems_of_pod(where, template, configured):
    spec = template["spec"]
    pod, missing = spec["securityContext"], []
    if not (pod["runAsNonRoot"] and pod["runAsUser"] == 10001 and pod["seccompProfile"]["type"] == "RuntimeDefault"):
        missing.append("does not run as 10001 with seccomp")
    if spec["automountServiceAccountToken"]:
        missing.append("has the token of its service account")
    for container in spec["containers"]:
        own = container["securityContext"]
        if not own["readOnlyRootFilesystem"] or own["allowPrivilegeEscalation"] or own["capabilities"]["drop"] != ["ALL"]:
            missing.append("is not confined")
        if not container["resources"]["requests"]:
            missing.append("requests no resources")
        if where.startswith("Deployment") and bytes_of(own_limit(container)) < 1.5 * memory_alert():
            missing.append("reaches its limit of memory before CtmsMemoryHigh fires")
        names = [entry["name"] for entry in container["env"]]
        missing += [f"{name} is not a setting" for name in names if name not in configured]
        missing += [f"{name} is set twice" for name in set(names) if names.count(name) > 1]
        if where.startswith("Deployment"):
            missing += [f"has no {probe}" for probe in ("startupProbe", "livenessProbe") if probe not in container]
    return [f"{where}: {what}" for what in missing]


def component_of(labels):
    return labels.get("app.kubernetes.io/component")


def values_of(container):
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def metrics_port_of(template):
    """The number of the port with the metrics of a pod, or None if it opens none."""
    name = METRICS_PORT.get(component_of(template["metadata"]["labels"]))
    value = values_of(template["spec"]["containers"][0]).get(name)
    return int(value) if value else None


def number_of(port, template):
    """The number of a pod's port, given by number or name, or None if the pod has no such port."""
    ports = {entry["name"]: entry["containerPort"] for entry in template["spec"]["containers"][0].get("ports", [])}
    return ports.get(port, port if port in ports.values() else None)


def problems_of_ports(where, template):
    """HTTP probes, the scrape annotation and PORT must use the right ports, and these must be declared."""
    container = template["spec"]["containers"][0]
    metrics = metrics_port_of(template)
    values = values_of(container)
    if metrics and number_of(metrics, template) is None:
        yield f"{where}: the metrics port {metrics} is not declared"
    if component_of(template["metadata"]["labels"]) == "web" and (not metrics or metrics == int(values["PORT"])):
        yield f"{where}: has no separate port for probes and metrics"
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container.get(kind, {}).get("httpGet")
        if probe is None:
            continue
        if number_of(probe["port"], template) != metrics or probe.get("scheme", "HTTP") != "HTTP":
            yield f"{where}: {kind} does not use the ops port with plain HTTP"
        if probe["path"] != "/__lbheartbeat__":
            yield f"{where}: {kind} requests {probe['path']}, which may depend on the database"
    scraped = template["metadata"]["annotations"].get("prometheus.io/port") if where.startswith("Deployment") else None
    if scraped is not None and int(scraped) != metrics:
        yield f"{where}: Prometheus would read port {scraped}, but the metrics are on {metrics}"


def problems_of_files(where, template):
    """The TLS files must be below a mounted volume, and every mount must have a volume."""
    container = template["spec"]["containers"][0]
    mounts = container.get("volumeMounts", [])
    volumes = {entry["name"] for entry in template["spec"].get("volumes", [])}
    yield from (f"{where}: mounts {entry['name']}, which is not a volume" for entry in mounts if entry["name"] not in volumes)
    yield from (f"{where}: {entry['mountPath']} would not be updated with its Secret" for entry in mounts if "subPath" in entry)
    for name, value in values_of(container).items():
        if re.match("CTMS_TLS_|.*_FILE$", name) and not any(value.startswith(entry["mountPath"] + "/") for entry in mounts):
            yield f"{where}: {name} is not below a mounted folder"


def problems_of_stop(where, template):
    """The grace period must have room for preStop and for the requests in progress, which have 30 s."""
    spec = template["spec"]
    before = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    if where.startswith("Deployment") and int(before[1]) + 35 > spec["terminationGracePeriodSeconds"]:
        yield f"{where}: is killed before its requests are finished"


def problems_of_spread(where, template):
    for constraint in template["spec"].get("topologySpreadConstraints", []):
        wanted = constraint.get("labelSelector", {}).get("matchLabels", {})
        if not wanted or not wanted.items() <= template["metadata"]["labels"].items():
            yield f"{where}: is spread by labels that it does not have"


def problems_of_hooks(objects):
    """What a hook's pod needs must exist when it starts: hooks with a lower weight, or objects that are not the release's."""
    def hook(item):
        return item["metadata"].get("annotations", {}).get("helm.sh/hook")

    def weight(item):
        return int(item["metadata"]["annotations"]["helm.sh/hook-weight"])

    earlier = {"ConfigMap": "configMapRef", "Secret": "secretKeyRef"}
    for item in objects:
        if item["kind"] in ("ConfigMap", "Secret", "NetworkPolicy") and hook(item):
            if "hook-failed" not in item["metadata"]["annotations"]["helm.sh/hook-delete-policy"] or re.search(r"-\d+$", item["metadata"]["name"]):
                yield f"{item['kind']} {item['metadata']['name']} stays after a failed migration, and the next one does not replace it"
    for job in (item for item in objects if item["kind"] == "Job" and hook(item)):
        text = json.dumps(job["spec"])
        for item in objects:
            used = earlier.get(item["kind"])
            if used and re.search(rf'"{used}": {{[^}}]*"name": "{item["metadata"]["name"]}"', text):
                hooks = [one for one in objects if hook(one) and (one["kind"], one["metadata"]["name"]) == (item["kind"], item["metadata"]["name"])]
                if not hooks or weight(hooks[0]) >= weight(job):
                    yield f"Job {job['metadata']['name']}: {item['kind']} {item['metadata']['name']} does not exist yet when it starts"
        policies = [item for item in objects if item["kind"] == "NetworkPolicy"]
        chosen = [item for item in policies if item["spec"]["podSelector"]["matchLabels"].items() <= job["spec"]["template"]["metadata"]["labels"].items()]
        if policies and not any(hook(item) and weight(item) < weight(job) for item in chosen):
            yield f"Job {job['metadata']['name']}: no policy lets it reach the database"


def leads_to(name, objects):
    """The pods behind a service."""
    service = first("Service", name, objects)
    return selected_by(service["selector"], objects) if "selector" in service else []


def problems_of_way_in(item, objects):
    """Nobody outside the cluster may read the metrics, and everything else must lead to the API."""
    if item["kind"] == "Ingress":
        routes = {entry["path"]: entry["backend"]["service"]["name"] for rule in item["spec"]["rules"] for entry in rule["http"]["paths"]}
    else:
        routes = {match["path"]["value"]: rule["backendRefs"][0]["name"] for rule in item["spec"]["rules"] for match in rule["matches"]}
    if "/metrics" not in routes or leads_to(routes["/metrics"], objects):
        yield f"{item['kind']} {item['metadata']['name']}: shows the metrics"
    if "/" not in routes or not leads_to(routes["/"], objects):
        yield f"{item['kind']} {item['metadata']['name']}: does not lead to the API"


def problems_of_budget(objects):
    """A disruption must leave a pod, and must be possible."""
    for item in objects:
        if item["kind"] != "PodDisruptionBudget":
            continue
        scaler = [one["spec"]["minReplicas"] for one in objects if one["kind"] == "HorizontalPodAutoscaler"]
        least = scaler[0] if scaler else first("Deployment", item["metadata"]["name"], objects)["replicas"]
        if not 0 < item["spec"]["maxUnavailable"] < least:
            yield f"PodDisruptionBudget {item['metadata']['name']}: {item['spec']['maxUnavailable']} of {least} pods may be missing"


def selected_by(labels, objects):
    return [template for _, template in pods(objects) if labels.items() <= template["metadata"]["labels"].items()]


def problems_of_service(item, objects):
    """Every port must lead to a port of the pod, and the metrics port must stay inside the cluster."""
    where = f"Service {item['metadata']['name']}"
    for template in selected_by(item["spec"].get("selector", {"no": "pods"}), objects):
        for port in item["spec"]["ports"]:
            number = number_of(port["targetPort"], template)
            if number is None:
                yield f"{where}: its pods have no port {port['targetPort']}"
            elif number == metrics_port_of(template) and item["spec"].get("clusterIP") != "None":
                yield f"{where}: exposes the metrics to all clients of the API"


def problems_of_monitor(item, objects):
    """Every endpoint must be the metrics port of a service that the monitor selects."""
    wanted = item["spec"]["selector"]["matchLabels"].items()
    services = [each for each in objects if each["kind"] == "Service" and wanted <= each["metadata"]["labels"].items()]
    for endpoint in item["spec"]["endpoints"]:
        found = [
            number_of(port["targetPort"], template) == metrics_port_of(template)
            for service in services
            for port in service["spec"]["ports"]
            if port["name"] == endpoint["port"]
            for template in selected_by(service["spec"]["selector"], objects)
        ]
        if found != [True]:
            yield f"ServiceMonitor {item['metadata']['name']}: {endpoint['port']} is not the metrics port"


def problems_of_policy(item, objects):
    """The policy must allow exactly the ports on which the pod listens."""
    allowed = {port["port"] for rule in item["spec"].get("ingress", []) for port in rule["ports"]}
    for template in selected_by(item["spec"]["podSelector"]["matchLabels"], objects):
        declared = {entry["containerPort"] for entry in template["spec"]["containers"][0].get("ports", [])}
        if allowed != declared:
            yield f"NetworkPolicy {item['metadata']['name']}: allows {sorted(allowed)}, but the pod listens on {sorted(declared)}"
        yield from problems_of_file_server(item, template, objects)


def problems_of_file_server(item, template, objects):
    """A sync that uses bulk jobs must reach Acoustic's file server."""
    container = template["spec"]["containers"][0]
    if not any("ctms-sync" in word for word in container.get("command", [])):
        return
    settings = {}
    for source in container.get("envFrom", []):
        name = source.get("configMapRef", {}).get("name")
        for one in objects:
            if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", name):
                settings.update(one["data"] or {})
    settings.update({entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry})
    port = int(settings.get("CTMS_ACOUSTIC_SFTP_PORT", "22"))
    reached = {entry["port"] for rule in item["spec"].get("egress", []) for entry in rule.get("ports", [])}
    if "CTMS_ACOUSTIC_BULK_THRESHOLD" in settings and port not in reached:
        yield f"NetworkPolicy {item['metadata']['name']}: does not let the sync reach the port {port} of the file server"


def problems_of(objects):
    configured = known_settings()
    names = [(item["kind"], item["metadata"]["name"], item["metadata"].get("annotations", {}).get("helm.sh/hook")) for item in objects]
    out = [f"{name} is defined twice" for name in set(names) if names.count(name) > 1]
    for where, template in pods(objects):
        out += problems_of_pod(where, template, configured)
        out += [*problems_of_ports(where, template), *problems_of_files(where, template)]
        out += [*problems_of_stop(where, template), *problems_of_spread(where, template)]
    out += [*problems_of_hooks(objects), *problems_of_budget(objects)]
    rules = {"Service": problems_of_service, "ServiceMonitor": problems_of_monitor, "NetworkPolicy": problems_of_policy,
             "Ingress": problems_of_way_in, "HTTPRoute": problems_of_way_in}
    for item in objects:
        if item["kind"] in rules:
            out += rules[item["kind"]](item, objects)
        if item["kind"] == "ConfigMap" and component_of(item["metadata"]["labels"]) != "dashboards":
            out += [f"{name} is not a setting" for name in item["data"] or {} if name not in configured]
        if item["kind"] == "Deployment" or (item["kind"] == "Service" and "selector" in item["spec"]):
            wanted = item["spec"]["selector"].get("matchLabels", item["spec"]["selector"])
            if not any(wanted.items() <= template["metadata"]["labels"].items() for _, template in pods(objects)):
                out.append(f"{item['kind']} {item['metadata']['name']} selects no pod")
    return out


def web(objects):
    return next(item for item in objects if item["kind"] == "Deployment" and item["metadata"]["name"] == "ctms-web")["spec"]["template"]


def first(kind, name, objects):
    return next(item for item in objects if item["kind"] == kind and item["metadata"]["name"] == name)["spec"]


def container_of_web(objects):
    return web(objects)["spec"]["containers"][0]


# Mistakes that the rules above must find: changes to the objects made from a file of values.
MISTAKES = {
    "the liveness probe on the API's port": (
        "all",
        lambda objects: container_of_web(objects)["livenessProbe"]["httpGet"].update(port="http"),
    ),
    "the readiness probe on the API's port, as a number": (
        "all",
        lambda objects: container_of_web(objects)["readinessProbe"]["httpGet"].update(port=8000),
    ),
    "the startup probe on a port that does not exist": (
        "all",
        lambda objects: container_of_web(objects)["startupProbe"]["httpGet"].update(port="metrics"),
    ),
    "a probe with TLS": ("tls", lambda objects: container_of_web(objects)["livenessProbe"]["httpGet"].update(scheme="HTTPS")),
    "a probe for the database": (
        "all",
        lambda objects: container_of_web(objects)["livenessProbe"]["httpGet"].update(path="/__heartbeat__"),
    ),
    "no ops port": (
        "all",
        lambda objects: container_of_web(objects).update(
            env=[entry for entry in container_of_web(objects)["env"] if entry["name"] != "CTMS_OPS_PORT"]
        ),
    ),
    "the scrape annotation on the API's port": (
        "tls",
        lambda objects: web(objects)["metadata"]["annotations"].update({"prometheus.io/port": "8000"}),
    ),
    "the service monitor on the API's port": (
        "all",
        lambda objects: first("ServiceMonitor", "ctms-web", objects)["endpoints"][0].update(port="http"),
    ),
    "the ops port in the service of the API": (
        "tls",
        lambda objects: first("Service", "ctms-web", objects)["ports"].append({"name": "ops", "port": 8001, "targetPort": "ops"}),
    ),
    "a service to a port that does not exist": (
        "tls",
        lambda objects: first("Service", "ctms-web", objects)["ports"][0].update(targetPort="http"),
    ),
    "a policy without the ops port": ("all", lambda objects: first("NetworkPolicy", "ctms-web", objects)["ingress"].pop()),
    "a policy without the port of the file server": (
        "all",
        lambda objects: first("NetworkPolicy", "ctms-sync", objects)["egress"][1]["ports"].remove({"port": 2222}),
    ),
    "a certificate that is not mounted": ("tls", lambda objects: container_of_web(objects)["volumeMounts"].pop(0)),
    "a secret's file that is not mounted": ("files", lambda objects: container_of_web(objects)["volumeMounts"].pop(0)),
    "too little memory for the alert": (
        "all",
        lambda objects: first("Deployment", "ctms-sync", objects)["template"]["spec"]["containers"][0]["resources"]["limits"].update(memory="256Mi"),
    ),
    "too little time to stop": ("tls", lambda objects: web(objects)["spec"].update(terminationGracePeriodSeconds=45)),
    "a spread of other pods": (
        "tls",
        lambda objects: web(objects)["spec"]["topologySpreadConstraints"][0].update(labelSelector={"matchLabels": {"app": "web"}}),
    ),
    "a budget that allows no pod": ("all", lambda objects: first("PodDisruptionBudget", "ctms-web", objects).update(maxUnavailable=2)),
    "one pod only": ("tls", lambda objects: first("HorizontalPodAutoscaler", "ctms-web", objects).update(minReplicas=1)),
    "metrics behind the ingress": (
        "all",
        lambda objects: first("Ingress", "ctms-web", objects)["rules"][0]["http"]["paths"].pop(0),
    ),
    "metrics behind the gateway": (
        "files",
        lambda objects: first("HTTPRoute", "ctms-web", objects)["rules"][0]["backendRefs"][0].update(name="ctms-web"),
    ),
    "a migration with the settings of the release": (
        "all",
        lambda objects: first("Job", "ctms-migrate-1", objects)["template"]["spec"]["containers"][0].update(envFrom=[{"configMapRef": {"name": "ctms"}}]),
    ),
    "settings of a failed migration that stay": (
        "all",
        lambda objects: next(item for item in objects if item["kind"] == "ConfigMap" and "migrate" in item["metadata"]["name"])["metadata"]["annotations"].update(
            {"helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded"}),
    ),
    "a migration without a policy": (
        "all",
        lambda objects: objects.remove(next(item for item in objects if item["kind"] == "NetworkPolicy" and "migrate" in item["metadata"]["name"])),
    ),
    "a mount of a single file": ("tls", lambda objects: container_of_web(objects)["volumeMounts"][0].update(subPath="tls.crt")),
}


def mistakes_not_found(made):
    for what, (values, spoil) in MISTAKES.items():
        objects = copy.deepcopy(made[f"{values}-values.yaml"])
        spoil(objects)
        if not problems_of(objects):
            yield f"does not notice {what}"


def refused_by_kubernetes(objects):
    checked = subprocess.run(["node", "objects.mjs"], cwd=TOOLS, input=json.dumps(objects), capture_output=True, text=True, timeout=60)
    return checked.stdout.splitlines() + ([f"objects.mjs: {checked.stderr}"] if checked.returncode else [])


def main():
    try:
        import yaml
    except ImportError:
        print("check.py: python3-yaml is not installed")
        return 77
    if not shutil.which(HELM):
        print("check.py: helm is not installed")
        return 77
    failed, rendered = [], {}
    for values in sorted((CHART / "ci").glob("*-values.yaml")):
        lint = helm("lint", "--strict", CHART, "-f", values)
        made = helm("template", "ctms", CHART, "-n", "ctms", "-f", values)
        if lint.returncode or made.returncode:
            failed.append(f"{values.name}: {lint.stdout}{lint.stderr}{made.stderr}")
            continue
        objects = rendered[values.name] = [item for item in yaml.safe_load_all(made.stdout) if item]
        failed += [f"{values.name}: {what}" for what in problems_of(objects)]
        if TOOLS:
            failed += [f"{values.name}: {what}" for what in refused_by_kubernetes(objects)]
        print(f"{values.name}: {len(objects)} objects")
    if not failed:
        failed += mistakes_not_found(rendered)
    least = CHART / "ci" / LEAST
    if not least.exists():  # otherwise all of the values below would be refused
        failed.append(f"{least} is missing")
    for what, (message, arguments) in REFUSED.items():
        made = helm("template", "ctms", CHART, "-f", least, *arguments)
        if made.returncode == 0:
            failed.append(f"accepts {what}")
        elif message not in made.stderr:
            failed.append(f"refuses {what} for another reason: {made.stderr}")
    print("\n".join(failed) or f"{len(REFUSED)} wrong values refused, {len(MISTAKES)} mistakes noticed\nThe chart is valid")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
