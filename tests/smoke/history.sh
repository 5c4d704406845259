#!/usr/bin/env bash
# The history tells who applied, confirmed and rolled back what, and what the dataplane did by itself while gate25-control
# was dead, by the second in which it did it.
. "$(dirname "$0")/_init.sh"

# told N FILTER: the N-th line from the top is so.
told() {
	gate history --json | jq -e ".[$1] | $2" >/dev/null || fail "line $1 of the history is not $2: $(gate history)"
}

told_timer() {
	gate history --json | jq -e '.[0] | .what == "not confirmed" and .who == "timer" and .uid == null and .generation == 4' >/dev/null
}

gate_start af_packet
smtp 25
policy monitor
gate apply "$GATE_DIR/policy.toml" --comment watch
policy enforce
gate apply "$GATE_DIR/policy.toml" --confirm 300 --comment "ticket 1"
told 0 '.what == "applied to confirm" and .number == null and .uid == 0 and .comment == "ticket 1" and .generation == 2'
stopped $FOREIGN4 25
gate rollback
told 0 '.what == "rolled back" and .uid == 0 and .pid > 0 and .generation == 2 and .comment == "back to generation 1"'
reached $FOREIGN4 25
gate apply "$GATE_DIR/policy.toml" --confirm 300
gate confirm
told 0 '.what == "confirmed" and .who != "-" and .number == 2 and .generation == 3'
told 1 '.what == "applied" and .number == 2 and .generation == 3'
gate confirm && fail "confirmed what waits for nothing"
policy off
gate apply "$GATE_DIR/policy.toml" --confirm 2s --comment "ticket 2"
reached $FOREIGN4 25
kill -KILL "$GATE_CONTROL"
wait "$GATE_CONTROL" 2>/dev/null || :
wait_for 5 in_force 3 || fail "not rolled back"
back=$(date +%s)
stopped $FOREIGN4 25
sleep 2
gate_control
wait_for 5 told_timer || fail "the history does not tell of the timer: $(gate history)"
told 1 '.what == "applied to confirm" and .comment == "ticket 2" and .uid == 0'
at=$(date -d "$(gate history --json | jq -r '.[0].at')" +%s)
[ $((back - at)) -le 1 ] && [ "$at" -le "$back" ] || fail "rolled back at $back, the history says $at"
stopped $FOREIGN4 25
gate history | grep -q '^ *-  .*  not confirmed  *timer  *4  ' || fail "as a table: $(gate history)"
gate rollback
told 0 '.what == "applied" and .comment == "rollback to policy 1" and .uid == 0 and .number == 3'
reached $FOREIGN4 25
conserved
