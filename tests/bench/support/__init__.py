# SPDX-License-Identifier: MPL-2.0
"""What the programs of this folder share. Standard library only."""
