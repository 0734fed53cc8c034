#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Runs ctms-admin under the name of one of the Python service's scripts: executed directly, also without Python, or by Python.
# The lines up to the third quote are a string for Python. For a shell, everything after them is a string.
''':'
exec "$(dirname "$(readlink -f "$0")")/ctms-admin" "$(basename "$0")" "$@"
'''
import os
import sys

folder = os.path.dirname(os.path.realpath(__file__))
os.execv(os.path.join(folder, "ctms-admin"), ["ctms-admin", os.path.basename(__file__)] + sys.argv[1:])
# '
