# SPDX-License-Identifier: MPL-2.0
"""Shared code of the programs in tests/bench. Uses only the standard library."""
