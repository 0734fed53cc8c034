#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the Terraform files without Terraform: they must be HCL, name only what exists, and keep the rules below.

    packaging/terraform/check.py                checks; ends with exit code 1 if something is wrong
    packaging/terraform/check.py --self-test    tries the rules on the files with mistakes

Rules: everything is encrypted, with keys that rotate; the database is not public and is protected; nothing admits the whole internet; no
policy allows every action or, without a reason, every resource; a role for GitHub trusts exactly one environment; images are scanned and
immutable; each root has tags, and its state is encrypted and locked. CTMS_TOOLS names the folder that check_deployment.sh fills.
"""

import copy
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "dev"))
import checks  # noqa: E402

ROOTS = ("delivery", "production", "staging")
# Actions that have no resource.
WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken"}


def read():
    """The content of all files by folder, as hcl2json gives it."""
    files = sorted(str(file) for file in HERE.rglob("*.tf"))
    done = subprocess.run(["node", "hcl.mjs"], cwd=os.environ["CTMS_TOOLS"], input=json.dumps(files), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise SystemExit(f"check.py: {done.stderr}")
    folders = {}
    for path, content in json.loads(done.stdout).items():
        folder = folders.setdefault(str(pathlib.Path(path).parent.relative_to(HERE)), {})
        for kind, blocks in content.items():
            if isinstance(blocks, dict):
                for name, block in blocks.items():
                    known = folder.setdefault(kind, {})
                    if kind in ("resource", "data"):
                        known.setdefault(name, {}).update(block)
                    else:
                        known[name] = block
            else:
                folder.setdefault(kind, []).extend(blocks)
    return folders


def resources(folder, kind, what="resource"):
    for name, blocks in folder.get(what, {}).get(kind, {}).items():
        yield f"{kind}.{name}", blocks[0]


def expressions(value):
    """The text of all expressions in a value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from expressions(one)
    elif isinstance(value, list):
        for one in value:
            yield from expressions(one)
    elif isinstance(value, str):
        yield from re.findall(r"\$\{(.*)\}", value, re.S)


def problems_of_names(where, folder, folders):
    """Everything that an expression names must exist, and every variable must be used."""
    locals_of = {name for block in folder.get("locals", []) for name in block}
    used = set()
    for text in expressions({kind: blocks for kind, blocks in folder.items() if kind != "terraform"}):
        text = re.sub(r'"(?:[^"\\$]|\\.|\$(?!\{))*"', '""', text)
        for kind, name in re.findall(r"(?<![\w.])(aws_\w+)\.(\w+)", text):
            if name not in folder.get("resource", {}).get(kind, {}):
                yield f"{where}: {kind}.{name} does not exist"
        for kind, name in re.findall(r"(?<![\w.])data\.(\w+)\.(\w+)", text):
            if name not in folder.get("data", {}).get(kind, {}):
                yield f"{where}: data.{kind}.{name} does not exist"
        for name in re.findall(r"(?<![\w.])local\.(\w+)", text):
            if name not in locals_of:
                yield f"{where}: local.{name} does not exist"
        for name in re.findall(r"(?<![\w.])module\.(\w+)", text):
            if name not in folder.get("module", {}):
                yield f"{where}: module.{name} does not exist"
        used |= set(re.findall(r"(?<![\w.])var\.(\w+)", text))
    declared = set(folder.get("variable", {}))
    yield from (f"{where}: var.{name} does not exist" for name in sorted(used - declared))
    yield from (f"{where}: var.{name} is not used" for name in sorted(declared - used))
    for name, blocks in folder.get("module", {}).items():
        source = os.path.normpath(os.path.join(where, blocks[0]["source"]))
        if source not in folders:
            yield f"{where}: module.{name} has no source {source}"
            continue
        wanted = folders[source].get("variable", {})
        given = set(blocks[0]) - {"source"}
        yield from (f"{where}: module.{name} has no variable {one}" for one in sorted(given - set(wanted)))
        yield from (f"{where}: module.{name} lacks {one}" for one in sorted(set(wanted) - given) if "default" not in wanted[one][0])


def expect(where, name, block, **wanted):
    for key, value in wanted.items():
        if block.get(key) != value:
            yield f"{where}: {name}: {key} is {block.get(key)!r} instead of {value!r}"


def problems_of_resources(where, folder):
    for name, one in resources(folder, "aws_db_instance"):
        yield from expect(where, name, one, storage_encrypted=True, publicly_accessible=False, deletion_protection=True)
        if not one.get("kms_key_id"):
            yield f"{where}: {name} has no key"
        if "password" in one:
            yield f"{where}: {name} has its password in the state"
        if "replicate_source_db" not in one:
            if one.get("backup_retention_period", 0) < 7:
                yield f"{where}: {name} keeps backups for less than a week"
            yield from expect(where, name, one, skip_final_snapshot=False, manage_master_user_password=True)
    for name, one in resources(folder, "aws_db_parameter_group"):
        if {"name": "rds.force_ssl", "value": "1"} not in one["parameter"]:
            yield f"{where}: {name} allows connections without TLS"
    for name, one in resources(folder, "aws_kms_key"):
        yield from expect(where, name, one, enable_key_rotation=True)
    for name, one in resources(folder, "aws_eks_cluster"):
        if not one.get("encryption_config"):
            yield f"{where}: {name} does not encrypt its secrets"
        yield from expect(where, name, one["vpc_config"][0], public_access_cidrs="${var.kubernetes_api_cidrs}")
    for name, one in resources(folder, "aws_launch_template"):
        yield from expect(where, name, one["metadata_options"][0], http_tokens="required", http_put_response_hop_limit=1)
        for disk in one["block_device_mappings"]:
            yield from expect(where, name, disk["ebs"][0], encrypted=True)
    for kind, key in {"aws_secretsmanager_secret": "kms_key_id", "aws_sns_topic": "kms_master_key_id"}.items():
        yield from (f"{where}: {name} is not encrypted" for name, one in resources(folder, kind) if not one.get(key))
    for name, one in resources(folder, "aws_ecr_repository"):
        yield from expect(where, name, one, image_tag_mutability="IMMUTABLE")
        yield from expect(where, name, (one.get("image_scanning_configuration") or [{}])[0], scan_on_push=True)
        yield from expect(where, name, (one.get("encryption_configuration") or [{}])[0], encryption_type="KMS")
    for name, one in resources(folder, "aws_vpc_security_group_ingress_rule"):
        if "referenced_security_group_id" not in one:
            yield f"{where}: {name} admits addresses instead of a group"
    yield from (f"{where}: {name}: use aws_vpc_security_group_ingress_rule" for name, _ in resources(folder, "aws_security_group_rule"))
    for name, one in resources(folder, "aws_security_group"):
        if "ingress" in one:
            yield f"{where}: {name}: use aws_vpc_security_group_ingress_rule"


def problems_of_policies(where, folder):
    for name, one in resources(folder, "aws_iam_policy_document", "data"):
        of_key = name.endswith("_key")
        for statement in one["statement"]:
            actions, objects = statement["actions"], statement.get("resources", [])
            actions = [actions] if isinstance(actions, str) else actions
            if any("*" in action for action in actions) and not (of_key and statement.get("sid") == "Administration"):
                yield f"{where}: {name} allows more actions than it names"
            if "*" in objects and not of_key and not set(actions) <= WITHOUT_RESOURCE:
                yield f"{where}: {name} allows its actions on every resource"
            principals = [who for principal in statement.get("principals", []) for who in principal["identifiers"]]
            if "*" in principals:
                yield f"{where}: {name} trusts everybody"
            if "sts:AssumeRoleWithWebIdentity" in actions:
                yield from problems_of_trust(f"{where}: {name}", statement)


def problems_of_trust(where, statement):
    conditions = {one["variable"].split(":")[1]: (one["test"], one["values"]) for one in statement.get("condition", [])}
    if conditions.get("aud") != ("StringEquals", ["sts.amazonaws.com"]):
        yield f"{where} trusts tokens for others"
    test, values = conditions.get("sub", ("", []))
    if test != "StringEquals" or len(values) != 1 or "*" in values[0] or not re.fullmatch(r"repo:\S+:environment:\S+", values[0]):
        yield f"{where} does not trust exactly one environment"


def problems_of_root(where, folder):
    terraform = folder["terraform"][0]
    state = terraform.get("backend", {}).get("s3", [{}])[0]
    yield from expect(where, "backend", state, encrypt=True, use_lockfile=True, key=f"{where}/terraform.tfstate")
    for provider in folder["provider"]["aws"]:
        tags = (provider.get("default_tags") or [{}])[0].get("tags", {})
        missing = {"application", "environment", "managed-by"} - set(tags)
        if missing or tags.get("environment") != where:
            yield f"{where}: the tags of everything lack {', '.join(sorted(missing)) or 'the right environment'}"
        if not provider.get("allowed_account_ids"):
            yield f"{where}: may run in another account"


READ_IMAGES = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:ListImages"}


def problems_of_flux(folders):
    """Flux lists tags and reads charts: the registry must allow the accounts of the clusters, and each cluster its controllers."""
    for folder, name in ((DELIVERY, "pull"), (ENVIRONMENT, "read_registry")):
        allowed = {action for statement in folders[folder]["data"]["aws_iam_policy_document"][name][0]["statement"] for action in statement["actions"]}
        if missing := READ_IMAGES - allowed:
            yield f"{folder}: {name} does not allow Flux {', '.join(sorted(missing))}"
    identity = folders[ENVIRONMENT]["resource"]["aws_eks_pod_identity_association"].get("flux", [{}])[0]
    for controller in ("image-reflector-controller", "source-controller"):
        if controller not in str(identity.get("for_each")) or identity.get("namespace") != "flux-system":
            yield f"{ENVIRONMENT}: {controller} of Flux has no identity"


def problems_of_production(folders):
    database = folders["production"]["module"]["ctms"][0]["database"]
    if not (database["standby"] is True and database["replicas"] >= 1):
        yield "production: the database has no standby or no replica"


def problems_of(folders):
    out = []
    for where, folder in folders.items():
        out += [*problems_of_names(where, folder, folders), *problems_of_resources(where, folder), *problems_of_policies(where, folder)]
        terraform = folder.get("terraform", [{}])[0]
        if "required_version" not in terraform or "aws" not in terraform.get("required_providers", [{}])[0]:
            out.append(f"{where}: the versions of Terraform and its provider are not limited")
        if where in ROOTS:
            out += problems_of_root(where, folder)
    return [*out, *problems_of_flux(folders), *problems_of_production(folders)]


def resource(folders, folder, kind, name, what="resource"):
    return folders[folder][what][kind][name][0]


ENVIRONMENT, DELIVERY = "modules/environment", "modules/delivery"
MISTAKES = {
    "a public database": lambda all: resource(all, ENVIRONMENT, "aws_db_instance", "primary").update(publicly_accessible=True),
    "a database that is not encrypted": lambda all: resource(all, ENVIRONMENT, "aws_db_instance", "replica").pop("storage_encrypted"),
    "a password in the state": lambda all: resource(all, ENVIRONMENT, "aws_db_instance", "primary").update(password="${var.name}"),
    "no backups": lambda all: resource(all, ENVIRONMENT, "aws_db_instance", "primary").update(backup_retention_period=1),
    "connections without TLS": lambda all: resource(all, ENVIRONMENT, "aws_db_parameter_group", "this")["parameter"].pop(0),
    "a key that stays": lambda all: resource(all, ENVIRONMENT, "aws_kms_key", "this").pop("enable_key_rotation"),
    "plain secrets in the cluster": lambda all: resource(all, ENVIRONMENT, "aws_eks_cluster", "this").pop("encryption_config"),
    "an open API of Kubernetes": lambda all: resource(all, ENVIRONMENT, "aws_eks_cluster", "this")["vpc_config"][0].update(public_access_cidrs=["0.0.0.0/0"]),
    "credentials of the node for pods": lambda all: resource(all, ENVIRONMENT, "aws_launch_template", "nodes")["metadata_options"][0].update(http_tokens="optional"),
    "a database for the internet": lambda all: all[ENVIRONMENT]["resource"]["aws_vpc_security_group_ingress_rule"].update(
        database=[{"cidr_ipv4": "0.0.0.0/0"}]),
    "a plain topic": lambda all: resource(all, ENVIRONMENT, "aws_sns_topic", "alarms").pop("kms_master_key_id"),
    "tags that move": lambda all: resource(all, DELIVERY, "aws_ecr_repository", "this").update(image_tag_mutability="MUTABLE"),
    "images without a scan": lambda all: resource(all, DELIVERY, "aws_ecr_repository", "this").pop("image_scanning_configuration"),
    "every action": lambda all: resource(all, DELIVERY, "aws_iam_policy_document", "push", "data")["statement"][1].update(actions=["ecr:*"]),
    "every resource": lambda all: resource(all, DELIVERY, "aws_iam_policy_document", "push", "data")["statement"][1].update(resources=["*"]),
    "tags that Flux cannot list": lambda all: resource(all, DELIVERY, "aws_iam_policy_document", "pull", "data")["statement"][0]["actions"].remove("ecr:ListImages"),
    "Flux without an identity": lambda all: all[ENVIRONMENT]["resource"]["aws_eks_pod_identity_association"].pop("flux"),
    "trust in any branch": lambda all: resource(all, DELIVERY, "aws_iam_policy_document", "trust", "data")["statement"][0]["condition"][1].update(
        test="StringLike", values=["repo:${var.repository}:*"]),
    "trust in tokens for others": lambda all: resource(all, DELIVERY, "aws_iam_policy_document", "trust", "data")["statement"][0]["condition"].pop(0),
    "a state without a lock": lambda all: all["staging"]["terraform"][0]["backend"]["s3"][0].pop("use_lockfile"),
    "the state of another root": lambda all: all["staging"]["terraform"][0]["backend"]["s3"][0].update(key="production/terraform.tfstate"),
    "no tags": lambda all: all["staging"]["provider"]["aws"][0].pop("default_tags"),
    "any account": lambda all: all["staging"]["provider"]["aws"][0].pop("allowed_account_ids"),
    "any version": lambda all: all[DELIVERY]["terraform"][0].pop("required_version"),
    "production without a standby": lambda all: all["production"]["module"]["ctms"][0]["database"].update(standby=False),
    "a resource that does not exist": lambda all: resource(all, ENVIRONMENT, "aws_sns_topic", "alarms").update(kms_master_key_id="${aws_kms_key.that.id}"),
    "a variable that does not exist": lambda all: resource(all, ENVIRONMENT, "aws_sns_topic", "alarms").update(name="${var.nam}"),
    "a variable that is not used": lambda all: all[ENVIRONMENT]["variable"].update(unused=[{"default": ""}]),
    "a module without its variable": lambda all: all["staging"]["module"]["ctms"][0].pop("cidr"),
    "a module with a wrong variable": lambda all: all["staging"]["module"]["ctms"][0].update(cdir="10.0.0.0/16"),
}


def self_test():
    folders, wrong = read(), []
    for what, spoil in MISTAKES.items():
        spoiled = copy.deepcopy(folders)
        spoil(spoiled)
        if not problems_of(spoiled):
            wrong.append(f"does not notice {what}")
    return len(MISTAKES), wrong


def check():
    folders = read()
    count = sum(len(blocks) for folder in folders.values() for blocks in folder.get("resource", {}).values())
    return problems_of(folders), f"{len(folders)} folders, {count} resources"


if __name__ == "__main__":
    checks.run("Terraform", __doc__, check, self_test)
