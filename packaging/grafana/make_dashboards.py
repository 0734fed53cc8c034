#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Writes the Grafana dashboards of this folder: operations.json, sync.json and alerts.json.

    packaging/grafana/make_dashboards.py            writes the dashboards
    packaging/grafana/make_dashboards.py --check    ends with exit code 1 if a dashboard is not up to date

The tables below define the panels, one entry per row of panels; alerts.json shows the rules of packaging/prometheus/alerts.yml.
Change these instead of the JSON. tests/metrics/dashboards.py runs each query on metrics of real programs.
"""

import json
import pathlib
import re
import sys
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
ALERTS = HERE.parent / "prometheus" / "alerts.yml"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LINE_HEIGHT = {"stat": 4, "timeseries": 8, "table": 8}


@dataclass
class Panel:
    title: str
    unit: str  # Grafana's name of the unit
    queries: dict  # expressions by legend, in which {{label}} is replaced
    text: str = ""
    kind: str = "timeseries"
    stacked: bool = False
    threshold: tuple = ()  # ">" or "<", and the number beyond which an alert fires
    link: str = ""  # uid of the dashboard with more details


def stat(title, unit, query, text="", **more):
    return Panel(title, unit, {"": query}, text, kind="stat", **more)


# What a dashboard's variables select.
CHOSEN = 'job=~"$job",instance=~"$instance"'
# Calls of API clients, without those of load balancers and Prometheus.
API = CHOSEN + ',path_template!~"/metrics|/__.*__"'
RATE = "[$__rate_interval]"


def rate(metric, by="", labels=CHOSEN):
    return f"sum{f' by ({by}) ' if by else ''}(rate({metric}{{{labels}}}{RATE}))"


def quantile(which, metric, by="", labels=CHOSEN):
    """A quantile of a histogram. `> 0` leaves out series without calls, whose value would be NaN."""
    return f"histogram_quantile({which}, {rate(metric + '_bucket', ', '.join(filter(None, ['le', by])), labels)}) > 0"


def or_zero(query):
    return f"({query} or vector(0))"


REQUESTS, DURATIONS = "ctms_requests_total", "ctms_requests_duration_seconds"
SERVER_ERRORS = or_zero(rate(REQUESTS, labels=API + ',status_code_family="5xx"'))
ERROR_RATIO = f"{SERVER_ERRORS} / clamp_min({rate(REQUESTS, labels=API)}, 0.001)"

PROCESS = [
    Panel("Memory", "bytes", {"{{instance}}": f"process_resident_memory_bytes{{{CHOSEN}}}"}, "Resident memory."),
    Panel("CPU", "percentunit", {"{{instance}}": f"rate(process_cpu_seconds_total{{{CHOSEN}}}{RATE})"}, "100 % is one core."),
    Panel("Restarts in an hour", "short", {"{{instance}}": f"changes(process_start_time_seconds{{{CHOSEN}}}[1h])"}),
    Panel("Open descriptors", "short", {"{{instance}}": f"process_open_fds{{{CHOSEN}}}"}, "Connections and files."),
]

OPERATIONS = [
    ("", [
        stat("Instances", "short", f"count(ctms_requests_in_flight{{{CHOSEN}}})"),
        stat("Requests", "reqps", rate(REQUESTS, labels=API)),
        stat("Errors", "percentunit", ERROR_RATIO, "Share of responses with a 5xx status.", threshold=(">", 0.05)),
        stat("Latency, p99", "s", quantile(0.99, DURATIONS, labels=API), threshold=(">", 1)),
        stat("In flight", "short", f"sum(ctms_requests_in_flight{{{CHOSEN}}})"),
        stat("Oldest instance", "s", f"max(time() - process_start_time_seconds{{{CHOSEN}}})", "Time since it was started."),
    ]),
    ("Requests", [
        Panel("Requests by status", "reqps", {"{{status_code_family}}": rate(REQUESTS, "status_code_family", API)}, stacked=True),
        Panel("Share of errors", "percentunit", {
            "5xx": ERROR_RATIO,
            "4xx": or_zero(rate(REQUESTS, labels=API + ',status_code_family="4xx"')) + f" / clamp_min({rate(REQUESTS, labels=API)}, 0.001)",
        }, "5xx are server errors, 4xx are client errors."),
        Panel("Requests by route", "reqps", {"{{method}} {{path_template}}": rate(REQUESTS, "method, path_template") + " > 0"},
              "Includes requests of load balancers and Prometheus."),
    ]),
    ("Latency", [
        Panel(f"Latency, p{percent}", "s", {"{{path_template}}": quantile(percent / 100, DURATIONS, "path_template")},
              "By route. Estimated from the histogram's buckets, from 10 ms to 10 s.")
        for percent in (50, 95, 99)
    ]),
    ("Clients and limits", [
        Panel("Requests by client", "reqps", {"{{client_id}}": rate("ctms_api_requests_total", "client_id")}, stacked=True),
        Panel("In flight", "short", {"{{instance}}": f"ctms_requests_in_flight{{{CHOSEN}}}"}, "Requests in progress."),
        Panel("Rejected by reason", "reqps", {"{{reason}}": rate("ctms_requests_rejected_total", "reason")},
              "Rejected because of a limit. busy and connections mean too much load; the other reasons are caused by the client."),
        Panel("Beyond a client's limits", "reqps", {"{{client_id}} {{limit}}": rate("ctms_client_limited_total", "client_id, limit") + " > 0"},
              "Answered with 429 because of the limits that ctms-admin clients set-limit sets."),
        Panel("Writes with the older waitlists", "reqps", {"writes": rate("ctms_legacy_waitlists_requests_total")}),
    ]),
    ("Database", [
        Panel("Failures by kind", "ops", {"{{kind}}": rate("ctms_database_errors_total", "kind")}),
        Panel("Connections", "short", {"{{state}}": f"sum by (state) (ctms_database_pool_connections{{{CHOSEN}}})"}, stacked=True),
        Panel("Threads that wait for a connection", "short", {"{{instance}}": f"ctms_database_pool_waiting{{{CHOSEN}}}"}),
        Panel("Delay of /changes", "s", {"delay": f"max(ctms_changes_delay_seconds{{{CHOSEN}}})"},
              "Age of the oldest change that /changes cannot show yet, because an earlier transaction is open."),
        Panel("Used ids", "percentunit", {"{{table}}": f"max by (table) (ctms_database_ids_used_ratio{{{CHOSEN}}})"},
              "Share of the ids that the sequence and the column of a table allow."),
    ]),
    ("Event streams of /changes", [
        Panel("Open streams", "short", {"{{instance}}": f"ctms_event_streams_open{{{CHOSEN}}}"}),
        Panel("Events", "ops", {"events": rate("ctms_events_sent_total")}),
        Panel("Lag of events, p95", "s", {"lag": quantile(0.95, "ctms_event_lag_seconds")},
              "Time from a write to the sending of its event, for streams that had missed nothing before."),
        Panel("Ended streams by reason", "ops", {"{{reason}}": rate("ctms_event_streams_ended_total", "reason") + " > 0"}),
        Panel("Failures of streams", "ops", {"{{what}}": rate("ctms_event_streams_failures_total", "what")},
              "Reads of the feed and checks of tokens that failed. The streams try again."),
    ]),
    ("Sync queue", [
        Panel("Contacts added to the queue", "ops", {"contacts": rate("ctms_pending_acoustic_sync_total")}),
        Panel("Longest wait", "s", {"age": f"max(ctms_sync_queue_age_seconds{{{CHOSEN}}})"},
              "Time since the first request of the contact that has waited longest, not counting parked ones."),
        Panel("Parked Stripe objects", "short", {"parked": f"max(ctms_stripe_parked_objects{{{CHOSEN}}})"},
              "Delivered by Pub/Sub, but not stored."),
        Panel("Parked contacts", "short", {"parked": f"max(ctms_sync_queue_parked{{{CHOSEN}}})"}, "Their sync was given up."),
        Panel("Oldest erasure", "s", {"age": f"max(ctms_erasures_oldest_seconds{{{CHOSEN}}})"},
              "Time since the oldest erasure that the vendor has not confirmed was requested."),
        Panel("Erasures to confirm", "short", {"pending": f"max(ctms_erasures_pending{{{CHOSEN}}})"},
              "Of which the vendor has not confirmed every deletion."),
    ]),
    ("Process", PROCESS),
]

SYNC_DURATIONS = "ctms_background_acoustic_requests_duration"
CALLS = "ctms_background_acoustic_request_total"
SYNC = [
    ("", [
        stat("Contacts synced", "ops", rate("ctms_background_acoustic_sync_total")),
        stat("Backlog", "short", f"max(ctms_background_acoustic_sync_backlog{{{CHOSEN}}})"),
        stat("Longest wait", "s", "max(ctms_sync_queue_age_seconds)", "As measured by ctms-web.", threshold=(">", 1800)),
        stat("Parked", "short", f"max(ctms_sync_queue_parked{{{CHOSEN}}})"),
        stat("Circuit open", "bool_yes_no", f"max(ctms_sync_circuit_open{{{CHOSEN}}})", "Acoustic does not answer.", threshold=(">", 0)),
        stat("Cycles per minute", "short", f"sum(rate(ctms_background_acoustic_sync_loops_total{{{CHOSEN}}}{RATE})) * 60"),
    ]),
    ("Contacts", [
        Panel("Contacts synced", "ops", {"contacts": rate("ctms_background_acoustic_sync_total")}, "Sent or skipped."),
        Panel("Backlog", "short", {"waiting": f"max(ctms_background_acoustic_sync_backlog{{{CHOSEN}}})"},
              "At the beginning of the last cycle, not counting parked contacts."),
        Panel("Age", "s", {
            "last synced": f"max(ctms_background_acoustic_sync_age_s{{{CHOSEN}}})",
            "longest waiting": "max(ctms_sync_queue_age_seconds)",
        }, "Last synced: time from the request to the sync. Longest waiting: time since the first request, as measured by ctms-web."),
    ]),
    ("Calls to Acoustic", [
        Panel("Calls", "reqps", {"{{method}} {{table}}": rate(CALLS, "method, table")}, stacked=True),
        Panel("Calls by status", "reqps", {"{{status}}": rate(CALLS, "status")}, stacked=True),
        Panel("Failed calls", "reqps", {"{{method}} {{table}}": rate(CALLS, "method, table", CHOSEN + ',status="failure"')}),
    ]),
    ("Latency of the calls", [
        Panel(f"Latency, p{percent}", "s", {"{{method}} {{table}}": quantile(percent / 100, SYNC_DURATIONS, "method, table")})
        for percent in (50, 95, 99)
    ]),
    ("Bulk jobs", [
        Panel("Bulk jobs", "short", {"{{outcome}}": f"sum by (outcome) (increase(ctms_sync_bulk_jobs_total{{{CHOSEN}}}[1h]))"},
              "That ended within an hour. All outcomes except for imported are failures."),
        Panel("Contacts of bulk jobs", "ops", {"imported": rate("ctms_sync_bulk_imported_total"), "by calls": rate("ctms_sync_bulk_refused_total")},
              "Whose row of the main table a job sent, and those that jobs left to calls."),
        Panel("Bulk job under way", "bool_yes_no", {"under way": f"max(ctms_sync_bulk_job_running{{{CHOSEN}}})"}, "In any process."),
        Panel("Duration of bulk jobs", "s", {"last": f"max(ctms_sync_bulk_job_duration_seconds{{{CHOSEN}}})"}, "The last one of each process."),
    ]),
    ("Problems", [
        Panel("Failed contacts", "short", {"failed": f"max(ctms_background_acoustic_sync_retries{{{CHOSEN}}})"},
              "Contacts in the queue that failed at least once, including parked ones."),
        Panel("Parked contacts", "short", {"parked": f"max(ctms_sync_queue_parked{{{CHOSEN}}})"}, "Their sync was given up."),
        Panel("Circuit open", "bool_yes_no", {"{{instance}}": f"ctms_sync_circuit_open{{{CHOSEN}}}"},
              "Acoustic does not answer, and only probes are sent."),
        Panel("Failures of the database", "ops", {"{{kind}}": rate("ctms_database_errors_total", "kind")}),
    ]),
    ("Webhooks", [
        Panel("Deliveries to webhooks", "reqps", {"{{webhook}} {{outcome}}": rate("ctms_webhook_deliveries_total", "webhook, outcome") + " > 0"},
              "Attempts. All outcomes except for delivered are failures."),
        Panel("Lag of webhooks", "s", {"{{webhook}}": f"max by (webhook) (ctms_webhook_lag_seconds{{{CHOSEN}}})"},
              "Age of the oldest change that was not delivered."),
        Panel("Latency of webhooks, p95", "s", {"{{webhook}}": quantile(0.95, "ctms_webhook_duration_seconds", "webhook")}),
        Panel("Parked webhooks", "bool_yes_no", {"{{webhook}}": f"max by (webhook) (ctms_webhook_parked{{{CHOSEN}}})"}, "The webhook was given up."),
    ]),
    ("Loop", [
        Panel("Cycles", "ops", {"{{instance}}": f"rate(ctms_background_acoustic_sync_loops_total{{{CHOSEN}}}{RATE})"},
              "Includes empty cycles."),
        Panel("Duration of the last cycle", "s", {"{{instance}}": f"ctms_background_acoustic_sync_loop_duration_seconds{{{CHOSEN}}}"}),
    ]),
    ("Process", PROCESS),
]


def read_rules(text):
    """Reads the rules of alerts.yml, relying on the form that the comment at the top of that file describes."""
    rules, group = [], ""
    for line in text.splitlines():
        if found := re.fullmatch(r"  - name: (\S+)", line):
            group = found[1]
        elif found := re.fullmatch(r"      - alert: (\w+)", line):
            rules.append({"group": group, "alert": found[1]})
        elif found := re.fullmatch(r"        expr: (.*) ([<>]) ([0-9.]+)", line):
            rules[-1].update(query=found[1], threshold=(found[2], float(found[3])))
        elif found := re.fullmatch(r"        labels: {severity: (\w+)}", line):
            rules[-1]["severity"] = found[1]
        elif found := re.fullmatch(r"          (description|runbook): (.*)", line):
            rules[-1][found[1]] = found[2]
    wanted = {"group", "alert", "query", "threshold", "severity", "description", "runbook"}
    for rule in rules:
        if missing := wanted - set(rule):
            raise SystemExit(f"{ALERTS}: {rule['alert']}: {', '.join(sorted(missing))} missing or not as the first comment says")
    return rules


UNITS = {"CtmsApiErrors": "percentunit", "CtmsApiSlow": "s", "CtmsMemoryHigh": "bytes", "CtmsSyncAgeHigh": "s", "CtmsWebhookLagHigh": "s",
         "CtmsEventsLate": "s", "CtmsSyncCallsFail": "percentunit"}


def alert_panel(rule):
    text = f"{rule['description'].strip(chr(34))}\n\nSeverity: {rule['severity']}. What to do: {rule['runbook']}"
    link = "ctms-sync" if rule["group"] == "ctms-sync" else "ctms-operations"
    legend = "{{environment}} {{namespace}}" + (" {{job}} {{instance}}" if "job, instance)" in rule["query"] else "")
    return Panel(rule["alert"], UNITS.get(rule["alert"], "short"), {legend: rule["query"]}, text, threshold=rule["threshold"], link=link)


def alert_lines(rules):
    def firing(severity):
        query = f'count(ALERTS{{alertname=~"Ctms.*",alertstate="firing",severity="{severity}"}}) or vector(0)'
        return stat(f"Firing, {severity}", "short", query, threshold=(">", 0))

    lines = [("", [firing("critical"), firing("warning")]),
             ("", [Panel("Pending and firing", "short", {"": 'ALERTS{alertname=~"Ctms.*"}'}, "Empty if there are none.", kind="table")])]
    for group in dict.fromkeys(rule["group"] for rule in rules):
        panels = [alert_panel(rule) for rule in rules if rule["group"] == group]
        for at in range(0, len(panels), 3):
            lines.append((group if at == 0 else "", panels[at:at + 3]))
    return lines


def thresholds(panel):
    good, bad = "green", "red"
    if not panel.threshold:
        return {"mode": "absolute", "steps": [{"color": good, "value": None}]}
    direction, number = panel.threshold
    # A step applies from its number on, but the alert fires only beyond the number.
    first, second = (good, bad) if direction == ">" else (bad, good)
    if direction == ">" and number == 0:
        number = 1e-9
    return {"mode": "absolute", "steps": [{"color": first, "value": None}, {"color": second, "value": number}]}


def drawn(panel):
    """The options of a panel and the style of its values, which depend on its kind."""
    if panel.kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value", "graphMode": "area"}, {}
    if panel.kind == "table":
        return {"showHeader": True}, {}
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if panel.stacked else 5, "showPoints": "auto",
              "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
              "thresholdsStyle": {"mode": "line+area" if panel.threshold else "off"}}
    return {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}}, custom


def target(ref, legend, expression, instant, table):
    return {"refId": ref, "datasource": SOURCE, "expr": expression, "legendFormat": legend or "__auto", "editorMode": "code",
            "instant": instant, "range": not instant, "format": "table" if table else "time_series"}


def panel_json(panel, number, position):
    options, custom = drawn(panel)
    table = panel.kind == "table"
    defaults = {"unit": panel.unit, "thresholds": thresholds(panel), "color": {"mode": "thresholds" if panel.kind == "stat" else "palette-classic"}}
    if panel.kind == "timeseries" and " offset " not in "".join(panel.queries.values()):  # differences may be negative
        defaults["min"] = 0
    if custom:
        defaults["custom"] = custom
    out = {"id": number, "type": panel.kind, "title": panel.title, "description": panel.text, "datasource": SOURCE, "gridPos": position,
           "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options,
           "targets": [target(chr(ord("A") + at), legend, expression, table, table) for at, (legend, expression) in enumerate(panel.queries.items())]}
    if panel.link:
        out["links"] = [{"title": "More", "url": f"/d/{panel.link}?${{__url_time_range}}", "targetBlank": True}]
    return out


def lay_out(lines):
    """Places the panels of each line side by side over the width of the page; a title begins a section."""
    out, y = [], 0
    for title, panels in lines:
        if title:
            out.append({"id": len(out) + 1, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
            y += 1
        width = 24 // max(len(panels), 2 if title else 1)
        height = LINE_HEIGHT[panels[0].kind]
        for at, panel in enumerate(panels):
            out.append(panel_json(panel, len(out) + 1, {"x": at * width, "y": y, "w": width, "h": height}))
        y += height
    return out


def variables(known_by):
    """The variables of a dashboard: the data source, and jobs and instances, which are found by a metric that only they have."""
    out = [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1, "hide": 0}]
    if not known_by:
        return out
    selections = {"job": f"label_values({known_by}, job)", "instance": f'label_values({known_by}{{job=~"$job"}}, instance)'}
    for name, query in selections.items():
        variable = {"name": name, "label": name.capitalize(), "type": "query", "datasource": SOURCE,
                    "query": {"query": query, "refId": name}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
                    "current": {"selected": True, "text": ["All"], "value": ["$__all"]}, "hide": 0}
        if name == "instance":
            variable["allValue"] = ".*"  # metrics from a push gateway have no instance
        out.append(variable)
    return out


def dashboard(name, title, lines, known_by=""):
    text = {"uid": f"ctms-{name}", "title": title, "tags": ["ctms"], "schemaVersion": 38, "version": 1, "editable": True,
            "graphTooltip": 1, "refresh": "30s", "time": {"from": "now-3h", "to": "now"}, "timezone": "browser",
            "annotations": {"list": []}, "templating": {"list": variables(known_by)},
            "links": [{"title": "CTMS", "type": "dashboards", "tags": ["ctms"], "asDropdown": False, "includeVars": False, "keepTime": True,
                       "targetBlank": False, "icon": "external link", "tooltip": "", "url": ""}],
            "panels": lay_out(lines)}
    return json.dumps(text, indent=1, ensure_ascii=False) + "\n"


def dashboards():
    return {
        "operations.json": dashboard("operations", "CTMS operations", OPERATIONS, "ctms_requests_in_flight"),
        "sync.json": dashboard("sync", "CTMS sync", SYNC, "ctms_background_acoustic_sync_loops_total"),
        "alerts.json": dashboard("alerts", "CTMS alerts", alert_lines(read_rules(ALERTS.read_text()))),
    }


def main(arguments):
    if arguments not in ([], ["--check"]):
        print(__doc__)
        return 0 if arguments == ["--help"] else 64
    stale = [name for name, text in dashboards().items() if not (HERE / name).is_file() or (HERE / name).read_text() != text]
    if arguments:
        for name in stale:
            print(f"packaging/grafana/{name} is not up to date; run packaging/grafana/make_dashboards.py")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_text(dashboards()[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
