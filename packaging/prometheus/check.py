#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks the rules of this folder by reading them: every alert has a test in which it fires and one in which it must not, and a
section in docs/runbook.md, a row in docs/metrics.md, and a known severity. slo.yml must be up to date.

    packaging/prometheus/check.py                ends with exit code 1 if something is wrong
    packaging/prometheus/check.py --self-test    tries the check itself

promtool, which runs the tests, belongs to tests/metrics/dashboards.sh.
"""

import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "packaging" / "dev"), str(HERE)]
import checks  # noqa: E402
import make_slos  # noqa: E402

FILES = ("alerts", "kubernetes", "slo")


def alerts_of(rules):
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


def tested(tests):
    """The names of the alerts for which a test expects that they fire, and of those for which one expects that they do not."""
    fires, silent = set(), set()
    for test in tests["tests"]:
        for case in test.get("alert_rule_test", []):
            (fires if case["exp_alerts"] else silent).add(case["alertname"])
        for case in test.get("promql_expr_test", []):
            if case["exp_samples"]:
                fires |= {name for sample in case["exp_samples"] for name in re.findall(r'alertname="(\w+)"', sample["labels"])}
            elif case["expr"].startswith("ALERTS"):
                pattern = re.search(r'alertname=~?"([^"]*)"', case["expr"])
                silent.add(pattern[1] if pattern else ".*")
    return fires, silent


def problems_of(name, rules, tests, runbook, metrics):
    fires, silent = tested(tests)
    for rule in alerts_of(rules):
        alert = rule["alert"]
        where = f"{name}.yml: {alert}"
        if alert not in fires:
            yield f"{where}: no test in which it fires"
        # A test that names the alert counts; one of all alerts at once says too little about the limit.
        if not any(pattern != ".*" and re.fullmatch(pattern, alert) for pattern in silent):
            yield f"{where}: no test in which it must not fire"
        if rule["labels"]["severity"] not in ("critical", "warning"):
            yield f"{where}: unknown severity {rule['labels']['severity']}"
        if rule["annotations"].get("runbook") != f"docs/runbook.md#{alert.lower()}" or f"\n### {alert}\n" not in runbook:
            yield f"{where}: no section in docs/runbook.md"
        if f"\n| `{alert}` | {rule['labels']['severity']} |" not in metrics:
            yield f"{where}: no row with its severity in docs/metrics.md"


def check():
    runbook, metrics = ((ROOT / "docs" / name).read_text() for name in ("runbook.md", "metrics.md"))
    wrong, count = [], 0
    for name in FILES:
        rules = yaml.safe_load((HERE / f"{name}.yml").read_text())
        count += len(alerts_of(rules))
        wrong += problems_of(name, rules, yaml.safe_load((HERE / f"{name}_test.yml").read_text()), runbook, metrics)
    if make_slos.FILE.read_text() != make_slos.text():
        wrong.append("slo.yml is not up to date; run packaging/prometheus/make_slos.py")
    return wrong, f"{count} alerts, each with tests, a section of the runbook and a row of metrics.md"


def self_test():
    rule = {"alert": "A", "labels": {"severity": "warning"}, "annotations": {"runbook": "docs/runbook.md#a"}}
    good = {"alert_rule_test": [{"alertname": "A", "exp_alerts": []}, {"alertname": "A", "exp_alerts": [{}]}]}
    sample = {"promql_expr_test": [{"expr": 'ALERTS{alertname=~"A|B"}', "exp_samples": []},
                                   {"expr": "ALERTS", "exp_samples": [{"labels": 'ALERTS{alertname="A"}'}]}]}
    everything = {"promql_expr_test": [{"expr": "ALERTS", "exp_samples": []}, sample["promql_expr_test"][1]]}
    texts = ("\n### A\n", "\n| `A` | warning | x |")
    cases = [  # expected number of problems, rule, test, texts
        (0, rule, good, texts),
        (0, rule, sample, texts),
        (1, rule, everything, texts),
        (2, rule, {}, texts),
        (1, rule, {"alert_rule_test": good["alert_rule_test"][:1]}, texts),
        (1, rule, {"alert_rule_test": good["alert_rule_test"][1:]}, texts),
        (1, rule, good, ("", texts[1])),
        (1, rule, good, (texts[0], "")),
        (2, rule | {"labels": {"severity": "page"}}, good, texts),
        (1, rule | {"annotations": {"runbook": "docs/runbook.md#b"}}, good, texts),
    ]
    wrong = []
    for expected, one, test, (runbook, metrics) in cases:
        found = list(problems_of("x", {"groups": [{"rules": [one]}]}, {"tests": [test]}, runbook, metrics))
        if len(found) != expected:
            wrong.append(f"expected {expected} problems, found {found}")
    return len(cases), wrong


if __name__ == "__main__":
    checks.run("Alerts", __doc__, check, self_test)
