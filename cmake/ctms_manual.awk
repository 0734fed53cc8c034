# SPDX-License-Identifier: MPL-2.0
# Makes a daemon's manual page from its --help (apps/support/daemon.cpp).
# Usage: awk -v program=NAME -v version=VERSION -v summary=TEXT -f ctms_manual.awk HELP-FILE

# Escapes text for troff: dashes stay dashes, and no line looks like a request.
function troff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    if (text ~ /^[.']/) text = "\\&" text
    return text
}
function flush_option() {
    if (option != "") printf ".TP\n.B %s\n%s\n", troff(option), troff(meaning)
    option = ""
}

BEGIN {
    printf ".TH %s 1 \"\" \"CTMS %s\" \"CTMS\"\n", troff(toupper(program)), version
    printf ".SH NAME\n%s \\- %s\n", troff(program), troff(summary)
}
/^Usage: / {
    synopsis = substr($0, length("Usage: " program) + 2)
    printf ".SH SYNOPSIS\n.B %s\n%s\n.SH DESCRIPTION\n", troff(program), troff(synopsis)
    next
}
/^Options:$/ { print ".SH OPTIONS"; part = "options"; next }
/^Settings / {
    flush_option()
    print ".SH ENVIRONMENT"
    print "Each setting can be read from a file: if NAME is not set, NAME_FILE names the file. Defaults are in brackets."
    part = "settings"
    next
}
/^Example: / {
    printf ".SH EXAMPLE\n%s\n", troff(substr($0, 10))
    next
}
/^ *$/ { next }
part == "options" && /^  -/ {
    flush_option()
    option = substr($0, 3)
    at = match(option, /  +[^ ]/)
    meaning = substr(option, at)
    option = substr(option, 1, at - 1)
    gsub(/^ +| +$/, "", meaning)
    if (option ~ /\[/) gsub(/ *[][] */, " ", option) # "-h [ --help ]"
    sub(/ +$/, "", option)
    next
}
part == "options" { gsub(/^ +| +$/, ""); meaning = meaning " " $0; next }
part == "settings" {
    name = $1
    sub(/^ +[^ ]+ +/, "")
    printf ".TP\n.B %s\n%s\n", name, troff($0)
    next
}
{ print troff($0) }
END {
    print ".SH EXIT STATUS"
    print ".TP\n.B 0\nstopped on request, or done\n.TP\n.B 1\nnot done, or the check failed"
    print ".TP\n.B 64\nwrong usage\n.TP\n.B 69\nthe database cannot be reached\n.TP\n.B 70\nan unexpected error"
    print ".TP\n.B 75\nsomething must be tried again\n.TP\n.B 78\nthe configuration has mistakes, or the schema is not up to date"
    print ".SH FILES\n.TP\n.I /etc/ctms/ctms.env\nsettings of the services, if CTMS was installed from Debian packages"
    print ".SH SEE ALSO\n.BR ctms\\-web (1),\n.BR ctms\\-sync (1),\n.BR ctms\\-admin (1)"
}
