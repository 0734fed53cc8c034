# SPDX-License-Identifier: MPL-2.0
"""The results: rows of the table, their JSON, and the comparison with an earlier run."""
import json
import math
import statistics


class Row:
    """One measure: our samples, and the samples that they are compared with.

    `reference` has samples of another program in the same rounds. `against` has those of other ctms binaries. `wanted` limits the
    ratio of ours to the reference if there is one, otherwise ours; `at_least` tells whether it is a minimum or a maximum.
    """

    def __init__(self, key, title, unit, ours, reference=(), against=(), wanted=None, at_least=True):
        self.key, self.title, self.unit = key, title, unit
        self.ours, self.reference, self.against = list(ours), list(reference), list(against)
        self.wanted, self.at_least = wanted, at_least

    @property
    def ratio(self):
        if not self.reference or not self.ours:
            return None
        reference = statistics.median(self.reference)
        return statistics.median(self.ours) / reference if reference else math.nan

    @property
    def ratio_against(self):
        return statistics.median(self.ours) / statistics.median(self.against) if self.against and self.ours else None

    @property
    def met(self):
        if self.wanted is None or not self.ours:
            return None
        value = self.ratio if self.reference else statistics.median(self.ours)
        return value >= self.wanted if self.at_least else value < self.wanted

    @property
    def spread(self):
        """The range of the rounds relative to their median; smaller differences are noise."""
        if len(self.ours) < 2 or not statistics.median(self.ours):
            return None
        return (max(self.ours) - min(self.ours)) / statistics.median(self.ours)

    def to_json(self):
        def median(values):
            return statistics.median(values) if values else None
        return {"key": self.key, "title": self.title, "unit": self.unit, "ours": median(self.ours), "ours_runs": self.ours,
                "reference": median(self.reference), "reference_runs": self.reference, "against": median(self.against),
                "against_runs": self.against, "ratio": self.ratio, "wanted": self.wanted, "at_least": self.at_least, "met": self.met}


def number(value, unit=""):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2
    return f"{value:,.{digits}f}" + (f" {unit}" if unit else "")


def ratio_text(value):
    return "-" if value is None else f"{value:.2f}"


def wanted_text(row):
    if row.wanted is None:
        return "-"
    sign = ">=" if row.at_least else "<"
    return f"{sign} {row.wanted:g}" if row.reference else f"{sign} {number(row.wanted, row.unit)}"


def reference_text(row):
    if row.reference:
        return number(statistics.median(row.reference), row.unit)
    return "-" if row.wanted is None else number(row.wanted, row.unit)


def before_text(row, earlier):
    old = earlier.get(row.key)
    if old is None or old["ours"] is None:
        return "-"
    return number(old["ours"], row.unit) + ("" if old["ratio"] is None else f" ({old['ratio']:.2f})")


def cells_of(row, earlier, with_against):
    cells = [row.title, reference_text(row), number(statistics.median(row.ours), row.unit) if row.ours else "failed", ratio_text(row.ratio)]
    if with_against:
        cells += [number(statistics.median(row.against), row.unit) if row.against else "-", ratio_text(row.ratio_against)]
    cells += [wanted_text(row), "-" if row.met is None else "yes" if row.met else "NO"]
    if earlier is not None:
        cells.append(before_text(row, earlier))
    return cells + ["-" if row.spread is None else f"{100 * row.spread:.0f} %"]


def table(rows, earlier=None):
    """The table as Markdown. `earlier`: rows of an earlier run by key, as read_json returns them."""
    with_against = any(row.against for row in rows)
    head = ["measure", "pgbench or limit", "ours", "ratio", *(["against", "ours / against"] if with_against else []), "wanted", "met",
            *(["before (ratio)"] if earlier is not None else []), "spread"]
    lines = [head, *(cells_of(row, earlier, with_against) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    texts = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |" for line in lines]
    return "\n".join([texts[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *texts[1:]])


def write_json(path, rows, about):
    with open(path, "w", encoding="utf8") as out:
        json.dump({**about, "rows": [row.to_json() for row in rows]}, out, indent=1)
        out.write("\n")


def read_json(path):
    with open(path, encoding="utf8") as file:
        return {row["key"]: row for row in json.load(file)["rows"]}
