#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks compose.yaml without Docker: against the schema of the compose specification, then by additional rules.

    packaging/docker/check_compose.py SCHEMA    ends with exit code 1 if something is wrong

Ports must be on the loopback only, files and services must exist, programs must be confined, settings must exist, and keys must
be long enough. ctms-web must have a port for probes and metrics that is not published and that Prometheus reads.
"""

import json
import pathlib
import re
import sys

import jsonschema
import yaml

HERE = pathlib.Path(__file__).resolve().parent
CONFIGURATION = HERE.parents[1] / "docs" / "configuration.md"


def known_settings():
    return set(re.findall(r"^\| `([A-Z_0-9]+)` \|", CONFIGURATION.read_text(), re.M))


def refused_by_schema(compose, schema):
    schema["properties"].setdefault("name", {"type": "string"})  # newer than the schema
    errors = jsonschema.Draft7Validator(schema).iter_errors(compose)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in errors]


def problems_of_volumes(service, declared):
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            if not (HERE / source).exists():
                yield f"mounts {source}, which does not exist"
        elif source not in declared:
            yield f"uses the volume {source}, which is not declared"


def problems_of_program(service, configured):
    if not service.get("read_only") or service.get("cap_drop") != ["ALL"] or service.get("security_opt") != ["no-new-privileges:true"]:
        yield "is not confined"
    yield from (f"{name} is not a setting" for name in service.get("environment", {}) if name not in configured)


def default_of(value):
    """The value of `${NAME:-default}` if NAME is not set."""
    found = re.fullmatch(r"\$\{[A-Z_0-9]+:-(.*)\}", str(value))
    return found[1] if found else str(value)


def problems_of_web(service, scraped):
    settings = service.get("environment", {})
    key = default_of(settings.get("CTMS_SECRET_KEY", ""))
    if len(key.encode()) < 32:
        yield f"has a key of {len(key.encode())} bytes; ctms-web requires 32"
    port = settings.get("CTMS_OPS_PORT")
    if port is None:
        yield "has no CTMS_OPS_PORT for the health check and Prometheus"
        return
    if any(published.split(":")[-1] == str(port) for published in service.get("ports", [])):
        yield f"port {port} for probes and metrics is published"
    if f"web:{port}" not in scraped:
        yield f"Prometheus does not read web:{port}"


def scraped_targets():
    jobs = yaml.safe_load((HERE / "prometheus.yml").read_text())["scrape_configs"]
    return [target for job in jobs for config in job["static_configs"] for target in config["targets"]]


def problems_of(service, compose, configured):
    yield from (f"port {port} is not on the loopback" for port in service.get("ports", []) if not port.startswith("127.0.0.1:"))
    wanted = set(service.get("depends_on", {}))
    if service.get("network_mode", "").startswith("service:"):
        wanted.add(service["network_mode"].split(":")[1])
    yield from (f"depends on {other}, which does not exist" for other in wanted - set(compose["services"]))
    yield from problems_of_volumes(service, compose["volumes"])
    dockerfile = service.get("build", {}).get("dockerfile")
    if dockerfile:
        text = (HERE / service["build"]["context"] / dockerfile).read_text()
        if not re.search(rf"^FROM \S+ AS {service['build']['target']}$", text, re.M):
            yield f"uses the stage {service['build']['target']}, which the Dockerfile does not have"
    if "ctms" in service["image"]:
        yield from problems_of_program(service, configured)


def main():
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    failed = refused_by_schema(compose, json.loads(pathlib.Path(sys.argv[1]).read_text()))
    configured = known_settings()
    failed += [f"web: {what}" for what in problems_of_web(compose["services"]["web"], scraped_targets())]
    for name, service in compose["services"].items():
        failed += [f"{name}: {what}" for what in problems_of(service, compose, configured)]
    print("\n".join(failed) or f"The compose file is valid: {len(compose['services'])} services")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
