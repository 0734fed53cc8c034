# SPDX-License-Identifier: MPL-2.0
"""The simulated vendor, and ctms-sync, which sends contacts to it."""
import json
import os
import re
import subprocess
import urllib.request

AT_ONCE = 10  # calls that the vendor takes at the same time


class Vendor:
    """A fake-acoustic process and its counts."""

    def __init__(self, bin_folder, latency_ms, *more):
        self.process = subprocess.Popen([os.path.join(bin_folder, "fake-acoustic"), "--port", "0", "--latency-ms", str(latency_ms),
                                         "--max-at-once", str(AT_ONCE), *more], stdout=subprocess.PIPE, text=True)
        self.url = re.match(r"Listening on (\S+)", self.process.stdout.readline())[1]

    def counts(self):
        return json.load(urllib.request.urlopen(self.url + "/state", timeout=30))

    def calls(self):
        return sum(number for method, number in self.counts()["calls"].items() if method != "token")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)  # it may have to free a million contacts


def queue(database, contacts):
    """Queues this many contacts as a resync does."""
    database.sql(f"insert into ctms_sync_queue (email_id, priority) select email_id, 10 from emails order by email_id limit {contacts}")


def start_sync(database, vendor, log, *arguments, **settings):
    """Starts ctms-sync, which sends to the vendor. Its log goes to the open file `log`."""
    env = dict(database.env, CTMS_ACOUSTIC_SYNC_FEATURE_FLAG="true", CTMS_ACOUSTIC_INTEGRATION_FEATURE_FLAG="true",
               CTMS_ACOUSTIC_BASE_URL=vendor.url, CTMS_ACOUSTIC_CLIENT_ID="fake-client", CTMS_ACOUSTIC_CLIENT_SECRET="fake-secret",
               CTMS_ACOUSTIC_REFRESH_TOKEN="fake-refresh", CTMS_ACOUSTIC_MAIN_TABLE_ID="1001", CTMS_ACOUSTIC_NEWSLETTER_TABLE_ID="1002",
               CTMS_ACOUSTIC_PRODUCT_SUBSCRIPTIONS_ID="1003", **settings)
    return subprocess.Popen([os.path.join(database.bin, "ctms-sync"), *arguments], env=env, stderr=log)
