#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the workflows of GitHub Actions by reading them, and runs every `run:` step of them that can run here.

    packaging/dev/check_workflows.py                checks and runs; ends with exit code 1 if something is wrong
    packaging/dev/check_workflows.py --self-test    tries the rules on workflows with mistakes

The steps run in a copy of the checkout, as the workflow has them, with programs in place of those that change the world (docker,
skopeo, aws, gh and others). Each step must be in the table CASES or, with a reason, in ELSEWHERE. actionlint checks the syntax.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

sys.dont_write_bytecode = True
import checks  # noqa: E402

WORKFLOWS = checks.ROOT / ".github" / "workflows"
BASES = set(re.findall(r"^FROM (\S+@sha256:[0-9a-f]{64}) ", (checks.ROOT / "packaging" / "docker" / "Dockerfile").read_text(), re.M))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHORT = COMMIT[:7]
VERSION = re.search(r"^project\(ctms VERSION ([0-9.]+)", (checks.ROOT / "CMakeLists.txt").read_text(), re.M)[1]


# ---- rules ----

def steps_of(workflow):
    for name, job in workflow["jobs"].items():
        for step in job.get("steps", []):
            yield name, job, step


def problems_of(file, text):
    workflow = yaml.safe_load(text)
    triggers = workflow[True]  # YAML 1.1 reads `on` as true
    if workflow.get("permissions") != {"contents": "read"}:
        yield f"{file}: the workflow itself may do more than read contents"
    if "pull_request_target" in triggers or "workflow_run" in triggers:
        yield f"{file}: runs with the repository's rights for code of others"
    for name, job in workflow["jobs"].items():
        if "uses" not in job and "timeout-minutes" not in job:
            yield f"{file}: {name} has no timeout"
        writes = {right for right, level in job.get("permissions", {}).items() if level == "write"}
        if "id-token" in writes and "uses" not in job and "environment" not in job:
            yield f"{file}: {name} gets an identity outside of an environment"
        if writes - {"security-events"} and "pull_request" in triggers and "github.event_name == 'push'" not in str(job.get("if")):
            yield f"{file}: {name} may write ({', '.join(sorted(writes))}) for a pull request"
        builds = [step for step in job.get("steps", []) if step.get("uses", "").startswith("docker/build-push-action@")]
        if "id-token" in writes and builds:
            yield f"{file}: {name} runs code of the branch with credentials"
    for name, _, step in steps_of(workflow):
        action = step.get("uses", "")
        if action.startswith("actions/checkout@") and step.get("with", {}).get("persist-credentials") is not False:
            yield f"{file}: {name} leaves its token in the checkout"
        if re.search(r"\$\{\{[^}]*github\.(event|head_ref|ref_name)", step.get("run", "")):
            yield f"{file}: {name}: {step.get('name')} puts text of others into a script"
        if "container" in workflow["jobs"][name] and "github.workspace" in str(step):
            yield f"{file}: {name} uses the host's path in a container"
    for action in re.findall(r"uses: (\S+.*)$", text, re.M):
        if not action.startswith("./") and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[0-9.]+", action):
            yield f"{file}: {action} is not pinned by its commit, with its version as a comment"
    for name, job in workflow["jobs"].items():
        container = job.get("container", {})
        image = container if isinstance(container, str) else container.get("image")
        if image and image not in BASES:
            yield f"{file}: {name}: the container's image {image} is not a base image of the Dockerfile, which Dependabot updates"


GOOD = """
on: {pull_request: , push: }
permissions: {contents: read}
jobs:
  build:
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@0123456789abcdef0123456789abcdef01234567 # v4.2.2
        with: {persist-credentials: false}
      - run: make
  push:
    if: github.event_name == 'push'
    timeout-minutes: 5
    environment: staging
    permissions: {contents: read, id-token: write}
    steps: [{run: push}]
"""
MISTAKES = [
    ("permissions: {contents: read}\njobs", "permissions: write-all\njobs"),
    ("pull_request: ,", "pull_request: , pull_request_target: ,"),
    ("build:\n    timeout-minutes: 5\n", "build:\n"),
    ("    environment: staging\n", ""),
    ("    if: github.event_name == 'push'\n", ""),
    ("[{run: push}]", "\n      - uses: docker/build-push-action@0123456789abcdef0123456789abcdef01234567 # v6.18.0"),
    ("        with: {persist-credentials: false}\n", ""),
    ("run: make", "run: echo ${{ github.event.pull_request.title }}"),
    ("- run: make", "- run: ls ${{ github.workspace }}\n    container: " + min(BASES)),
    ("timeout-minutes: 5\n    environment", "timeout-minutes: 5\n    container: debian:12\n    environment"),
    ("@0123456789abcdef0123456789abcdef01234567 # v4.2.2", "@v4"),
]


def self_test():
    wrong = list(problems_of("good", GOOD))
    for before, after in MISTAKES:
        assert GOOD.count(before) == 1, before
        if len(list(problems_of("x", GOOD.replace(before, after)))) != 1:
            wrong.append(f"does not notice exactly one mistake: {after}")
    return len(MISTAKES) + 1, wrong


# ---- steps ----

# Programs in place of real ones. Each writes its arguments to the file `calls`. skopeo's registry is a folder.
FAKES = {
    "apt-get": "",
    "docker": 'case "$*" in *" id -u") echo "${FAKE_UID:-10001}" ;; esac',
    "curl": 'case "$*" in *__version__) echo "{\\"commit\\":\\"$FAKE_COMMIT\\"}" ;; esac',
    "aws": 'case "$*" in *describe*) echo "$FAKE_CRITICAL" ;; esac',
    "gh": "",
    "helm": 'case $1 in package) mkdir -p "${@: -1}"; touch "${@: -1}/ctms.tgz" ;; esac',
    "skopeo": """
place() { printf '%s/registry/%s' "$FAKES" "$(sed 's#^docker://##; s#.*[:@]##' <<<"$1")"; }
mkdir -p "$FAKES/registry"
case $1 in
inspect) cat "$(place "${@: -1}")" 2>/dev/null || { echo "manifest unknown" >&2; exit 1; } ;;
copy)
    to=${@: -1}
    [[ $to == docker://* ]] || exit 0
    from=${@: -2:1}
    case $from in
    oci-archive:*) from=${from#oci-archive:} ;;
    *) from=$(place "$from") ;;
    esac
    cp "$from" "$FAKES/copied"
    cp "$FAKES/copied" "$(place "$to")"
    cp "$FAKES/copied" "$(place "sha256:$(sha256sum <"$FAKES/copied" | cut -d ' ' -f 1)")" ;;
esac""",
}

TAG = {"GITHUB_REF": f"refs/tags/v{VERSION}", "GITHUB_REF_NAME": f"v{VERSION}", "TAG": f"v{VERSION}"}
BETA = {"GITHUB_REF": f"refs/tags/v{VERSION}-rc.1", "GITHUB_REF_NAME": f"v{VERSION}-rc.1", "TAG": f"v{VERSION}-rc.1"}
ECR = {"FROM": f"stg-{SHORT}", "REPOSITORY": "ctms", "NAME": "registry.example.com/ctms"}
BUILT = f"mkdir -p built && echo image >built/image.tar && printf '%s\\n' {SHORT} stg-7-{SHORT} stg-{SHORT} >built/tags"
# An index of one platform, and of attestations, in the registry.
INDEXED = ("""echo '{"manifests": [{"digest": "sha256:11", "platform": {"os": "linux", "architecture": "amd64"}},"""
           """ {"digest": "sha256:22", "platform": {"os": "unknown", "architecture": "unknown"}}]}' >index.json"""
           f" && skopeo copy oci-archive:index.json docker://x:stg-{SHORT}")
ON_MAIN = "git update-ref refs/remotes/origin/main HEAD"
NOT_ON_MAIN = "git update-ref refs/remotes/origin/main HEAD && git checkout -q -B feature && git commit -q --allow-empty -m more"
DIGEST = "sha256:" + __import__("hashlib").sha256(b"image\n").hexdigest()
RELEASED = f"sed -i 's/^## .Unreleased./## [{VERSION}] - 2026-01-01/' CHANGELOG.md"

# Step, variables, commands before it, whether it must succeed, and text that a file must contain afterwards.
CASES = [
    ("ci: Install git, so that the checkout is a repository", {}, "", True, ("calls", "apt-get install -y --no-install-recommends git")),
    ("ci: Place for ccache", {"GITHUB_WORKSPACE": "/__w/ctms/ctms"}, "", True, ("env", "CCACHE_DIR=/__w/ctms/ctms/.cache/ccache\nCCACHE_MAXSIZE=500M\n")),
    ("ci: Dockerfile", {}, "ls packaging/docker/Dockerfile", True, ("calls", "docker build --check -f packaging/docker/Dockerfile .")),
    ("ci: Compose file", {}, "ls packaging/docker/compose.yaml", True, ("calls", "docker compose -f packaging/docker/compose.yaml --profile sync config")),
    ("ci: Tags", {}, "", True, None),
    ("image: Choose tags", {"REF": "refs/heads/main"}, "", True, ("tags", "\nstg-1-")),
    ("image: Choose tags", {"REF": "refs/heads/feature"}, "", True, ("output", "version=")),
    ("image: Choose tags", {"REF": "refs/pull/1/merge"}, "", True, ("tags", "")),
    ("image: Try it", {"COMMIT": COMMIT, "FAKE_COMMIT": COMMIT}, "", True, ("calls", "skopeo copy oci-archive:image.tar docker-daemon:ctms:local")),
    ("image: Try it", {"COMMIT": COMMIT, "FAKE_COMMIT": "another"}, "", False, None),
    ("image: Try it", {"COMMIT": COMMIT, "FAKE_COMMIT": COMMIT, "FAKE_UID": "0"}, "", False, None),
    ("image: What it logged", {}, "", True, ("calls", "down --volumes")),
    ("publish: Push", {"NAME": "registry.example.com/ctms"}, BUILT, True, ("output", f"digest={DIGEST}\n")),
    ("publish: Push", {"NAME": "registry.example.com/ctms"}, f"mkdir -p {SHORT}", False, None),
    ("publish: The tag is on main, and its name is the version in CMakeLists.txt", TAG, ON_MAIN, True, ("tags", f"v{VERSION}")),
    ("publish: The tag is on main, and its name is the version in CMakeLists.txt", TAG, NOT_ON_MAIN, False, None),
    ("publish: The tag is on main, and its name is the version in CMakeLists.txt", {"GITHUB_REF": "refs/tags/v99.0.0"}, ON_MAIN, False, None),
    ("publish: Amazon's scan found nothing critical", ECR | {"FAKE_CRITICAL": "None"}, INDEXED, True, ("calls", "imageDigest=sha256:11")),
    ("publish: Amazon's scan found nothing critical", ECR | {"FAKE_CRITICAL": "2"}, INDEXED, False, None),
    ("publish: Amazon's scan found nothing critical", ECR | {"FAKE_CRITICAL": "None"}, "", False, None),
    ("publish: Promote", ECR, f"{BUILT} && skopeo copy oci-archive:built/image.tar docker://x:stg-{SHORT} && printf '%s\\n' {SHORT} v{VERSION} >tags",
     True, (f"fakes/registry/v{VERSION}", "image")),
    ("publish: Promote", ECR, f"printf '%s\\n' {SHORT} v{VERSION} >tags", False, None),
    ("publish: Chart", TAG | {"CHARTS": "registry.example.com/charts"}, "", True, ("calls", "oci://registry.example.com/charts")),
    ("release: Install git, so that the checkout is a repository", {}, "", True, ("calls", "apt-get install")),
    ("release: The tag is the version in CMakeLists.txt", TAG, "", True, None),
    ("release: The tag is the version in CMakeLists.txt", {"GITHUB_REF": "refs/tags/v99.0.0"}, "", False, None),
    ("release: Notes", TAG, RELEASED, True, ("notes.md", "### ")),
    ("release: Notes", {"TAG": "v99.0.0"}, RELEASED, False, None),
    ("release: Chart", TAG, "", True, ("calls", f"--app-version {VERSION}")),
    ("release: Release", TAG, "mkdir files && touch files/a.deb", True, ("calls", f"gh release create v{VERSION} --verify-tag")),
    ("release: Release", BETA, "mkdir files && touch files/a.deb", True, ("calls", "--prerelease files/a.deb SHA256SUMS")),
    ("codeql: Install git, so that the checkout is a repository", {}, "", True, ("calls", "apt-get install")),
    ("nightly: Install git, so that the checkout is a repository", {}, "", True, ("calls", "apt-get install")),
    ("nightly: Place for ccache", {"GITHUB_WORKSPACE": "/__w/ctms/ctms"}, "", True, ("env", "CCACHE_DIR=/__w/ctms/ctms/.cache/ccache")),
]

# Steps that only call what other checks run, with their commands, whose options must exist.
ELSEWHERE = {
    "ci: Chart": [],  # packaging/dev/check_deployment.sh runs packaging/helm/check.py
    "ci: ${{ matrix.name }}": None,  # the commands of the matrix
    "codeql: Packages": [],  # functions of lib.sh
    "codeql: Build": [],
    "release: Debian packages": ["packaging/deb.sh"],
    "nightly: ${{ matrix.name }}": None,
}


def copy_of_checkout(folder):
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=checks.ROOT, capture_output=True, check=True).stdout
    for name in filter(None, files.decode().split("\0")):
        source, target = checks.ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    git = "git init -q -b main . && git config user.email a@example.com && git config user.name a && git add -A && git commit -qm a"
    subprocess.run(["bash", "-ec", git], cwd=folder, check=True)


def make_fakes(folder):
    (folder / "bin").mkdir(parents=True)
    for name, text in FAKES.items():
        program = folder / "bin" / name
        program.write_text(f'#!/bin/bash\nset -e\necho "{name} $*" >>"$FAKES/../calls"\n{text}\n')
        program.chmod(0o755)


def run_case(checkout, step, variables, before):
    """Runs a step in a fresh state of the copy. Returns the finished process."""
    fakes = checkout / "fakes"
    subprocess.run(["git", "clean", "-qfdx"], cwd=checkout, check=True)
    subprocess.run(["git", "checkout", "-qf", "main"], cwd=checkout, check=True)
    make_fakes(fakes)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True).stdout.strip()
    environment = {"PATH": f"{fakes}/bin:{os.environ['PATH']}", "HOME": str(checkout), "FAKES": str(fakes), "COMMIT": head, "GITHUB_SHA": head,
                   "GITHUB_ENV": str(checkout / "env"), "GITHUB_OUTPUT": str(checkout / "output")} | variables
    prepared = subprocess.run(["bash", "-ec", before + '\n[ -z "$(git log --format=%H main..)" ] || git log -1 --format=%H >head'], cwd=checkout,
                              env=environment, capture_output=True, text=True, timeout=60)
    if prepared.returncode:
        return prepared
    if (checkout / "head").exists():
        environment["GITHUB_SHA"] = (checkout / "head").read_text().strip()
    return subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], cwd=checkout, env=environment,
                          capture_output=True, text=True, timeout=60)


def wrong_steps(workflows):
    found = {}
    for file, text in workflows.items():
        for _, _, step in steps_of(yaml.safe_load(text)):
            if "run" in step:
                found.setdefault(f"{file}: {step['name']}", step)
    tried = {name for name, *_ in CASES}
    yield from (f"{name}: a step that no case runs" for name in sorted(set(found) - tried - set(ELSEWHERE)))
    yield from (f"{name}: there is no such step" for name in sorted((tried | set(ELSEWHERE)) - set(found)))
    with tempfile.TemporaryDirectory() as scratch:
        checkout = pathlib.Path(scratch) / "checkout"
        copy_of_checkout(checkout)
        for name, variables, before, succeeds, expected in CASES:
            if name not in found:
                continue
            done = run_case(checkout, found[name], variables, before)
            if (done.returncode == 0) != succeeds:
                yield f"{name} with {variables} ends with {done.returncode}: {done.stdout}{done.stderr}"
            elif expected and expected[1] not in (checkout / expected[0]).read_text():
                yield f"{name} with {variables}: {expected[0]} does not contain {expected[1]!r} but {(checkout / expected[0]).read_text()!r}"
        matrices = [yaml.safe_load(workflows[file])["jobs"][job]["strategy"]["matrix"]["include"] for file, job in (("ci", "check"), ("nightly", "nightly"))]
        of_matrices = [one["command"] for matrix in matrices for one in matrix]
        for command in of_matrices + [command for commands in ELSEWHERE.values() for command in commands or []]:
            program, *words = command.split(" -- ")[0].split()
            usage = (checkout / program).read_text()
            if not os.access(checkout / program, os.X_OK) or any(f"  {word} " not in usage for word in words if not word.isdigit()):
                yield f"{command} is not a command with these options"


def check():
    workflows = {file.stem: file.read_text() for file in sorted(WORKFLOWS.glob("*.yml"))}
    wrong = [problem for file, text in workflows.items() for problem in problems_of(f"{file}.yml", text)]
    wrong += wrong_steps(workflows)
    return wrong, f"{len(workflows)} workflows, {len(CASES)} runs of their steps"


if __name__ == "__main__":
    checks.run("Workflows", __doc__, check, self_test)
