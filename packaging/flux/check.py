#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the files for Flux without a cluster: against the schemas of the custom resources, by evaluating the policies on lists of tags, by
rendering the chart with the values of each environment, and by rules for what must fit together.

    packaging/flux/check.py                checks; ends with exit code 1 if something is wrong
    packaging/flux/check.py --self-test    tries the rules on objects with mistakes

HELM names the program helm; CTMS_TOOLS names the folder that packaging/dev/check_deployment.sh fills.
"""

import copy
import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent
PACKAGING = HERE.parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(PACKAGING / "dev"))
import checks  # noqa: E402

spec = importlib.util.spec_from_file_location("chart", PACKAGING / "helm" / "check.py")
chart = importlib.util.module_from_spec(spec)
spec.loader.exec_module(chart)

# Tags as tags.sh makes them, and others that somebody may push, and what each environment must take of them.
TAGS = ["0123456", "stg-0123456", "stg-9-0123456", "stg-10-abcdef0", "stg-100-fffffff", "stg-99-0000000", "v0.1.0", "v0.9.0", "v0.10.0", "v0.11.0-rc.1",
        "latest", "v1", "stg-1000-main", "stg-1000-0123456-x", "xstg-2000-0123456", "v99.0.0.0", "0.12.0"]
CHOICES = {
    "staging": [(TAGS, "stg-100-fffffff"), (["stg-9-0123456", "stg-10-0000000"], "stg-10-0000000"), (["stg-0123456", "v9.9.9", "0123456"], None)],
    "production": [(TAGS, "v0.10.0"), (["v0.1.0", "v1.0.0-rc.1"], "v0.1.0"), (["v0.9.9", "v0.10.0", "v0.2.11"], "v0.10.0"),
                   (["stg-100-fffffff", "0.12.0", "v0.0.9"], None)],
}


def version(text):
    """A semantic version without pre-release, as numbers; None for others."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else None


def choose(policy, tags):
    """The tag that a policy takes, by the rules of Flux's image reflector; only the kinds of policies that are used here."""
    found = {}
    for tag in tags:
        match = re.search(policy["filterTags"]["pattern"], tag)
        if match:
            found[match.expand(re.sub(r"\$(\w+)", r"\\g<\1>", policy["filterTags"]["extract"]))] = tag
    ordered = policy["policy"]
    if "numerical" in ordered:
        numbers = sorted(found, key=float)
        best = (numbers[-1] if ordered["numerical"]["order"] == "asc" else numbers[0]) if numbers else None
    else:
        least = version(re.fullmatch(r">=(\S+)", ordered["semver"]["range"])[1])
        best = max((one for one in found if version(one) and version(one) >= least), key=version, default=None)
    return found.get(best)


def first(kind, objects):
    return next(item for item in objects if item["kind"] == kind)


def problems_of_policies(environment, objects):
    policy = first("ImagePolicy", objects)["spec"]
    for tags, wanted in CHOICES[environment]:
        chosen = choose(policy, tags)
        if chosen != wanted:
            yield f"{environment}: takes {chosen} instead of {wanted} from {', '.join(tags)}"


def seconds(duration):
    number, unit = re.fullmatch(r"(\d+)([smh])", duration).groups()
    return int(number) * {"s": 1, "m": 60, "h": 3600}[unit]


def problems_of_release(environment, objects, rendered, text):
    """What names another object must name one that exists, and Helm must wait longer than the migration may take."""
    release, policy = first("HelmRelease", objects), first("ImagePolicy", objects)
    values = release["spec"]["values"]
    if (release["spec"]["chartRef"]["name"], release["metadata"]["namespace"]) != tuple(first("OCIRepository", objects)["metadata"][key] for key in ("name", "namespace")):
        yield f"{environment}: the chart of the release does not exist"
    marker = f'# {{"$imagepolicy": "{policy["metadata"]["namespace"]}:{policy["metadata"]["name"]}:tag"}}'
    if not re.search(rf"^ +tag: \S+ {re.escape(marker)}$", text, re.M):
        yield f"{environment}: no line with the tag and {marker}"
    if policy["spec"]["imageRepositoryRef"]["name"] != first("ImageRepository", objects)["metadata"]["name"]:
        yield f"{environment}: the policy has no repository of images"
    if values["image"]["repository"] != first("ImageRepository", objects)["spec"]["image"]:
        yield f"{environment}: the policy looks at another repository than the release"
    if choose(policy["spec"], [values["image"]["tag"]]) != values["image"]["tag"]:
        yield f"{environment}: the policy would not take the tag {values['image']['tag']}"
    if values["secrets"]["externalSecret"]["store"]["name"] != first("ClusterSecretStore", objects)["metadata"]["name"]:
        yield f"{environment}: the store of secrets does not exist"
    if values["secrets"]["externalSecret"]["key"] != f"ctms/{environment}":
        yield f"{environment}: the secrets of another environment"
    if first("ImageUpdateAutomation", objects)["spec"]["update"]["path"] != f"./{environment}":
        yield f"{environment}: updates another folder"
    deadline = first("Job", rendered)["spec"]["activeDeadlineSeconds"]
    if seconds(release["spec"]["timeout"]) <= deadline:
        yield f"{environment}: Helm gives up before the migration's deadline of {deadline} s"


def load(environment):
    objects, text = [], ""
    resources = yaml.safe_load((HERE / environment / "kustomization.yaml").read_text())["resources"]
    unused = {file.name for file in (HERE / environment).glob("*.yaml")} - {"kustomization.yaml", *resources}
    if unused:
        raise SystemExit(f"check.py: {environment}: {', '.join(sorted(unused))} is not in kustomization.yaml")
    for name in resources:
        content = (HERE / environment / name).read_text()
        text += content
        objects += [item for item in yaml.safe_load_all(content) if item]
    return objects, text


def render(objects):
    """The objects of the chart with the values of the release."""
    release = first("HelmRelease", objects)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as values:
        json.dump(release["spec"]["values"], values)
        values.flush()
        made = chart.helm("template", release["metadata"]["name"], chart.CHART, "-n", release["metadata"]["namespace"], "-f", values.name)
    if made.returncode:
        raise SystemExit(f"check.py: {made.stderr}")
    return [item for item in yaml.safe_load_all(made.stdout) if item]


def refused_by_schema(objects):
    checked = subprocess.run(["node", "objects.mjs"], cwd=os.environ["CTMS_TOOLS"], input=json.dumps(objects), capture_output=True, text=True, timeout=60)
    return checked.stdout.splitlines() + ([f"objects.mjs: {checked.stderr}"] if checked.returncode else [])


def check():
    wrong, count = [], 0
    for environment in CHOICES:
        objects, text = load(environment)
        rendered = render(objects)
        count += len(objects)
        wrong += [f"{environment}: {what}" for what in refused_by_schema(objects) + chart.problems_of(rendered) + refused_by_schema(rendered)]
        wrong += [*problems_of_policies(environment, objects), *problems_of_release(environment, objects, rendered, text)]
    return wrong, f"{count} objects, {sum(map(len, CHOICES.values()))} lists of tags"


def spec_of(kind, objects):
    return first(kind, objects)["spec"]


MISTAKES = {
    "images of branches": ("staging", lambda all: spec_of("ImagePolicy", all)["filterTags"].update(pattern="^(?P<number>[0-9]+)$")),
    "a pattern without an end": ("staging", lambda all: spec_of("ImagePolicy", all)["filterTags"].update(pattern="^stg-(?P<number>[0-9]+)-[0-9a-f]{4}")),
    "the oldest image": ("staging", lambda all: spec_of("ImagePolicy", all)["policy"]["numerical"].update(order="desc")),
    "every version from another on": ("production", lambda all: spec_of("ImagePolicy", all)["policy"]["semver"].update(range=">=0.10.1")),
    "tags of staging": ("production", lambda all: spec_of("ImagePolicy", all).update(
        filterTags={"pattern": "^stg-(?P<number>[0-9]+)-", "extract": "$number"}, policy={"numerical": {"order": "asc"}})),
    "another chart": ("production", lambda all: spec_of("HelmRelease", all)["chartRef"].update(name="x")),
    "another repository": ("production", lambda all: spec_of("HelmRelease", all)["values"]["image"].update(repository="x")),
    "a tag that the policy would not take": ("production", lambda all: spec_of("HelmRelease", all)["values"]["image"].update(tag="stg-1-0123456")),
    "another store": ("production", lambda all: spec_of("HelmRelease", all)["values"]["secrets"]["externalSecret"]["store"].update(name="x")),
    "secrets of staging": ("production", lambda all: spec_of("HelmRelease", all)["values"]["secrets"]["externalSecret"].update(key="ctms/staging")),
    "updates of the other folder": ("production", lambda all: spec_of("ImageUpdateAutomation", all)["update"].update(path="./staging")),
    "Helm's default patience": ("production", lambda all: spec_of("HelmRelease", all).update(timeout="5m")),
}


def self_test():
    wrong = []
    loaded = {environment: load(environment) for environment in CHOICES}
    rendered = {environment: render(objects) for environment, (objects, _) in loaded.items()}
    for what, (environment, spoil) in MISTAKES.items():
        objects, text = copy.deepcopy(loaded[environment])
        spoil(objects)
        if not [*problems_of_policies(environment, objects), *problems_of_release(environment, objects, rendered[environment], text)]:
            wrong.append(f"does not notice {what}")
    objects, text = loaded["staging"]
    if not [*problems_of_release("staging", objects, rendered["staging"], text.replace("$imagepolicy", "$policy"))]:
        wrong.append("does not notice a tag without a marker")
    spoiled = copy.deepcopy(objects)
    spec_of("ImageRepository", spoiled).pop("interval")
    if not refused_by_schema(spoiled):
        wrong.append("does not notice what the schema refuses")
    return len(MISTAKES) + 2, wrong


if __name__ == "__main__":
    checks.run("Flux", __doc__, check, self_test)
