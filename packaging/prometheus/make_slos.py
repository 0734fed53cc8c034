#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Writes slo.yml: the service level objectives of CTMS, as rules for Prometheus with burn-rate alerts.

    packaging/prometheus/make_slos.py            writes the file
    packaging/prometheus/make_slos.py --check    ends with exit code 1 if the file is not up to date

The burn rate is the share of failures in a window, divided by the share that the objective allows. At a burn rate of 1 the budget of
30 days lasts 30 days. An alert needs a high rate in a long window, so that a short failure is no alarm, and in a short window, so
that the alert ends soon after the failure. docs/metrics.md explains the objectives; change the tables below instead of slo.yml.
"""

import pathlib
import sys
from dataclasses import dataclass

FILE = pathlib.Path(__file__).resolve().parent / "slo.yml"
BY = "cluster, environment, namespace"
API = 'path_template!~"/metrics|/__.*__"'
REQUESTS = f"ctms_requests_total{{{API}}}"
ERRORS = f'ctms_requests_total{{{API},status_code_family="5xx"}}'
DURATIONS = f"ctms_requests_duration_seconds_count{{{API}}}"
IN_TIME = f'ctms_requests_duration_seconds_bucket{{{API},le="1.0"}}'
# Long window, short window, burn rate.
FAST = [("1h", "5m", 14.4), ("6h", "30m", 6)]
SLOW = [("1d", "2h", 3), ("3d", "6h", 1)]
WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]


def over(function, series, window):
    return f"sum by ({BY}) ({function}({series}[{window}]))"


@dataclass
class Objective:
    name: str  # in names of metrics
    alert: str
    allowed: float  # share of failures that the objective allows
    failures: object  # an expression for the share of failures in a window
    enough: str  # a condition of the fast alert: enough failures to wake somebody up; empty for none
    summary: str
    description: str


OBJECTIVES = [
    Objective(
        "availability", "CtmsAvailability", 0.001,
        lambda window: f"{over('rate', ERRORS, window)} / {over('rate', REQUESTS, window)}",
        f"{over('increase', ERRORS, '1h')} > 10",
        "Server errors use up the error budget", "99.9 % of the API requests in 30 days should not end with a 5xx status."),
    Objective(
        "latency", "CtmsLatency", 0.01,
        lambda window: f"1 - {over('rate', IN_TIME, window)} / {over('rate', DURATIONS, window)}",
        f"{over('increase', DURATIONS, '1h')} > 100",
        "Slow requests use up the budget", "99 % of the API requests in 30 days should take at most a second."),
    Objective(
        "sync_age", "CtmsSyncAge", 0.01,
        lambda window: f"avg_over_time(ctms:sync_late:now[{window}])", "",
        "Contacts that wait for the sync use up the budget", "For 99 % of the time, no contact should wait longer than 30 minutes for the sync."),
]


def burning(objective, windows):
    rate = f"ctms:{objective.name}:burn_rate"
    pairs = [f"({rate}{long} > {limit} and {rate}{short} > {limit})" for long, short, limit in windows]
    return "(" + " or ".join(pairs) + ")"


def alert(objective, kind, severity, windows, condition, what):
    expression = burning(objective, windows) + (f" and {condition}" if condition else "")
    name = f"{objective.alert}Budget{kind}"
    return f"""      - alert: {name}
        expr: {expression}
        labels: {{severity: {severity}}}
        annotations:
          summary: "{objective.summary} {{{{ printf \\"%.1f\\" $value }}}} times as fast as allowed"
          description: {objective.description} {what}
          runbook: docs/runbook.md#{name.lower()}
"""


def text():
    out = """# SPDX-License-Identifier: MPL-2.0
# Service level objectives of CTMS with burn-rate alerts, for Prometheus (rule_files). Written by make_slos.py: change its tables.
# docs/metrics.md describes the objectives; docs/runbook.md says what to do.
groups:
  # One group, because the alerts need the burn rates of the same moment.
  - name: ctms-slo
    interval: 1m
    rules:
"""
    out += f"      - record: ctms:sync_late:now\n        expr: max by ({BY}) (ctms_sync_queue_age_seconds) > bool 1800\n"
    for objective in OBJECTIVES:
        for window in WINDOWS:
            out += f"      - record: ctms:{objective.name}:burn_rate{window}\n        expr: ({objective.failures(window)}) / {objective.allowed}\n"
    out += "\n"
    alerts = []
    for objective in OBJECTIVES:
        alerts.append(alert(objective, "Fast", "critical", FAST, objective.enough, "At this rate the budget of a month is gone within days."))
        alerts.append(alert(objective, "Slow", "warning", SLOW, "", "At this rate the budget of a month is gone before the month ends."))
    return out + "\n".join(alerts)


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 0 if arguments == ["--help"] else 64
    if not arguments:
        FILE.write_text(text())
    elif not FILE.is_file() or FILE.read_text() != text():
        print("packaging/prometheus/slo.yml is not up to date; run packaging/prometheus/make_slos.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
