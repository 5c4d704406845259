#!/usr/bin/env bash
# Before the first policy all passes, port 25 too, and is counted as no_policy (VERDICT: which policy).
. "$(dirname "$0")/_init.sh"

gate_settings af_packet
gate_dataplane
smtp 25 587
for address in $FOREIGN4 $FOREIGN6 $OWN4 $OWN6; do
	reached "$address" 25
	reached "$address" 587
done
[ "$(total reason no_policy)" -gt 0 ] || fail "no frame was counted as no_policy"
conserved
