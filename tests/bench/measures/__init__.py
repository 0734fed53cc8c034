# SPDX-License-Identifier: MPL-2.0
"""All measures by name. Each takes a Bench and yields rows of the table."""
from . import against_pgbench, beside, growth, limits, micro

DEFAULT = {"read": against_pgbench.read, "email": against_pgbench.email, "patch": against_pgbench.patch, "updates": limits.updates,
           "lines": limits.lines, "token": limits.token_flood, "beside": beside.beside, "flood": beside.flood, "memory": limits.memory,
           "start": limits.start, "micro": micro.micro}
ON_REQUEST = {"growth": growth.growth}
ALL = {**DEFAULT, **ON_REQUEST}
EMPTY = {"micro", "growth"}  # need no filled database: micro uses none, growth fills its own
