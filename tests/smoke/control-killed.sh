#!/usr/bin/env bash
# The policy stays in force while control is dead, and a new control comes back to the same digest without a new commit.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25 587
policy enforce
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
kill -KILL "$GATE_CONTROL"
wait "$GATE_CONTROL" 2>/dev/null || :
stopped $FOREIGN4 25
stopped $FOREIGN6 25
reached $OWN4 25
reached $FOREIGN6 587
gate_control
after=$(digest)
[ "$before" = "$after" ] || fail "digest was $before, is $after after control's restart"
stopped $FOREIGN4 25
policy monitor
gate apply "$GATE_DIR/policy.toml"
reached $FOREIGN4 25
conserved
