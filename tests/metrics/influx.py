#!/usr/bin/env python3
# SPDX-License-Identifier: MPL-2.0
"""Checks packaging/influxdb on metrics of real programs. Called by influx.sh: influx.py BIN-DIRECTORY PACKAGING-DIRECTORY SCRATCH-DIRECTORY"""

import json
import pathlib
import re
import sys
import time
import urllib.parse

import yaml

sys.dont_write_bytecode = True
import dashboards  # noqa: E402
from dashboards import call, fail, until  # noqa: E402

# Panels that stay at zero during this test. All others must show more.
ZERO = {"Failures of the database"}


class Influx:
    """An InfluxDB on the loopback."""

    def __init__(self, programs):
        port, backup = dashboards.free_port(), dashboards.free_port()
        folder = programs.scratch / "influxdb"
        config = programs.scratch / "influxdb.conf"
        config.write_text(f'''reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
''')
        self.address, self.url = f"127.0.0.1:{port}", f"http://127.0.0.1:{port}"
        programs.start("influxd", ["influxd", "-config", str(config)], HOME=str(programs.scratch))
        until("InfluxDB is ready", lambda: call(f"{self.url}/ping")[0] == 204)

    def run(self, query):
        """Runs statements and returns the series of their results."""
        status, text = call(f"{self.url}/query", urllib.parse.urlencode({"db": "ctms", "q": query}).encode())
        results = json.loads(text).get("results", []) if status == 200 else []
        if not results or any("error" in result for result in results):
            fail(f"InfluxDB answers {status} to {query}: {text}")
        return [series for result in results for series in result.get("series", [])]

    def numbers(self, query):
        return [row[1] for series in self.run(query) for row in series["values"] if row[1] is not None]

    def names(self, what):
        return {row[0] for series in self.run(f"SHOW {what}") for row in series["values"]}


def statements(text):
    return [line for line in text.splitlines() if line and not line.startswith("--")]


def panels(text):
    """The queries by title: a comment followed by its query."""
    return dict(re.findall(r"^-- (.+)\n(SELECT .+)$", text, re.M))


def remote_write(packaging, influx):
    """The configuration of packaging/influxdb with the address of this InfluxDB."""
    config = yaml.safe_load((packaging / "influxdb" / "prometheus.yml").read_text())
    config["remote_write"][0]["url"] = config["remote_write"][0]["url"].replace("influxdb.example.com:8086", influx.address)
    return config


def check_retention(influx):
    wanted = {"raw": "336h0m0s", "two_years": "17472h0m0s"}
    found = {row[0]: row[1] for row in influx.run("SHOW RETENTION POLICIES ON ctms")[0]["values"]}
    if found != wanted:
        fail(f"the retention policies are {found} instead of {wanted}")


def check_continuous_query(influx, text):
    """Runs what the continuous query runs every five minutes, and compares its last value of a counter with the original."""
    select = re.search(r"BEGIN (SELECT .*) END;", text)[1]
    influx.run(select.replace(" GROUP BY", " WHERE time > now() - 1h GROUP BY"))
    kept = "SELECT last(value) FROM {}.ctms_background_acoustic_sync_loops_total"
    if not influx.numbers(kept.format("two_years")) or influx.numbers(kept.format("two_years"))[0] > influx.numbers(kept.format("raw"))[0]:
        fail("the continuous query keeps no values, or wrong ones")


def main(folder, packaging, scratch):
    packaging = pathlib.Path(packaging)
    setup = (packaging / "influxdb" / "setup.influxql").read_text()
    queries = panels((packaging / "influxdb" / "panels.influxql").read_text())
    programs = dashboards.Programs(scratch)
    try:
        influx = Influx(programs)
        for statement in statements(setup):
            influx.run(statement)
        check_retention(influx)
        vendor = dashboards.start_vendor(programs, folder)
        load = dashboards.Load(vendor, dashboards.limited_token(folder))
        port = dashboards.start_sync(programs, folder, vendor)
        web = dashboards.os.environ["BASE_URL"].removeprefix("http://")
        prometheus = dashboards.Prometheus(programs, packaging, web, f"127.0.0.1:{port}", remote_write(packaging, influx))
        load.create("parked-1")
        load.run(5)
        until("a contact is parked", lambda: any(prometheus.values('ctms_sync_queue_parked{job="ctms-sync"}', time.time() - 60)))
        wanted = {series["__name__"] for series in prometheus.ask("series", **{"match[]": '{__name__=~"(ctms|process)_.*"}'})}
        until("all metrics arrive", lambda: wanted <= influx.names("MEASUREMENTS"))
        if others := {name for name in influx.names("MEASUREMENTS") if not re.match("(ctms|process)_", name)}:
            fail(f"other metrics arrive: {others}")
        for title, query in queries.items():
            # This test has no server errors, and series of them do not exist before the first one. Errors of clients are counted alike.
            query = query.replace("$timeFilter", "time > now() - 5m").replace("$__interval", "2s").replace("'5xx'", "'4xx'")
            if "$" in query:
                fail(f"{title}: an unknown variable in {query}")
            shows = any if title not in ZERO else len
            until(f"{title}: {query}", lambda: shows(influx.numbers(query)) or load.more())
        if ZERO - set(queries):
            fail(f"there is no panel {ZERO - set(queries)}")
        check_continuous_query(influx, setup)
    finally:
        programs.end()
    print(f"InfluxDB is good: {len(wanted)} metrics, {len(queries)} queries")


if __name__ == "__main__":
    main(*sys.argv[1:])
