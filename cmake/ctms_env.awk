# SPDX-License-Identifier: MPL-2.0
# Makes /etc/ctms/ctms.env from the --help of ctms-web: every setting, commented out.
# Usage: awk -f ctms_env.awk HELP-FILE

BEGIN {
    print "# Settings of ctms-web, ctms-sync and ctms-migrate, as systemd reads them: NAME=value, one per line, no `export`."
    print "# Put values with blanks in double quotes. NAME_FILE=/path reads NAME from a file."
    print "# After a change: systemctl restart ctms-web ctms-sync. After a new certificate: systemctl reload ctms-web"
    print "#"
    print "# A first configuration needs CTMS_DB_URL, CTMS_SECRET_KEY and CTMS_SERVER_PREFIX; or, to try it on one"
    print "# machine with the package postgresql, only CTMS_DATA_DIR=/var/lib/ctms/data."
    print "# Recommended: CTMS_OPS_PORT=8001, a separate port for probes and metrics. Behind a load balancer, set its"
    print "# addresses in CTMS_TRUSTED_PROXIES: otherwise all clients count as one and share its limits."
    print "# The rest of this file lists each setting with its meaning and its default, if there is one."
}
/^Settings / { settings = 1; next }
settings && /^  [A-Z]/ {
    name = $1
    sub(/^ +[^ ]+ +/, "")
    at = match($0, / \[[^]]*\]$/)
    default_text = substr($0, at + 2, length($0) - at - 2)
    # A default that can be written as it is becomes the value; any other default is mentioned in the comment.
    value = default_text ~ /^[^ ']+$/ && default_text != "none" ? default_text : ""
    note = value == "" && default_text != "none" ? " (default: " default_text ")" : ""
    printf "\n# %s%s\n#%s=%s\n", substr($0, 1, at - 1), note, name, value
}
