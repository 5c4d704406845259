#!/usr/bin/env bash
# A dataplane that starts again gets the last policy from the control that is still there, without anybody's doing.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25 587
policy enforce
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
stopped $FOREIGN4 25
kill -KILL "$GATE_DATAPLANE"
wait "$GATE_DATAPLANE" 2>/dev/null || :
gate_dataplane
same() { [ "$(digest)" = "$before" ]; }
wait_for 10 same || fail "ten seconds after the restart the digest is '$(digest)', not $before"
stopped $FOREIGN4 25
stopped $FOREIGN6 25
reached $OWN4 25
reached $FOREIGN4 587
conserved
