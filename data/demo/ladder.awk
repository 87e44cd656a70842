# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Draws the SIP messages of one call that "tcpdump -nn -tt -A" printed as a ladder. port: deflectd's,
# caller: the process id of SIPp, which stands in its Call-IDs.

function arrow (text, right,    line) {
  line = text " "
  while (length (line) < 44) line = line "-"
  if (right) return "|-- " line "->|"
  return "|<- " line "--|"
}

function flush_message () {
  if (message == "") return
  if (!ours) { message = ""; contact = ""; return }
  if (!header_printed) {
    printf "  %-30s%30s\n", "SIPp (Carol)", "deflectd (Alice)"
    printf "  %-30s%30s\n", source, served
    printf "  |%50s|\n", ""
    header_printed = 1
    first = at
  }
  printf "  %s %8.1f ms\n", arrow (message, inbound), (at - first) * 1000
  if (contact != "" && message ~ /^[0-9]/) printf "  |     %-45s|\n", contact
  message = ""
  contact = ""
}

# The message ends with its packet.
$2 == "IP" && $1 ~ /^[0-9]+\.[0-9]+$/ {
  flush_message ()
  at = $1
  ours = 0
  inbound = $5 ~ ("\\." port ":$")
  if (inbound) { source = $3; served = $5; sub (/:$/, "", served) }
  next
}

# The first line of a message follows the bytes of the IP and UDP headers.
message == "" && match ($0, /SIP\/2\.0 [1-6][0-9][0-9] .*/) {
  message = substr ($0, RSTART + 8)
  sub (/\r$/, "", message)
  next
}

message == "" && match ($0, /(INVITE|ACK|CANCEL|OPTIONS|BYE) sips?:[^ ]* SIP\/2\.0/) {
  message = substr ($0, RSTART, RLENGTH - 8)
  next
}

/^Call-ID: / { ours = index ($0, "-" caller "@") > 0 }

/^Contact: / && contact == "" { contact = $0; sub (/\r$/, "", contact) }

END { flush_message () }
