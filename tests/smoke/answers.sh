#!/usr/bin/env bash
# What gate25 says of a real dataplane under real traffic is so: who, diff, show runtime, top, doctor, history.
. "$(dirname "$0")/_init.sh"

# says EXPRESSION COMMAND…: a command's JSON satisfies a jq expression.
says() {
	local expression=$1
	shift
	gate "$@" --json >"$HOSTS_DIR/said" || fail "gate25 $* fails"
	jq -e "$expression" "$HOSTS_DIR/said" >/dev/null || fail "gate25 $*: not $expression: $(head -c 2000 "$HOSTS_DIR/said")"
}

gate_start af_packet
smtp 25
policy enforce
gate apply "$GATE_DIR/policy.toml" --comment "first evening"
stopped $FOREIGN4 25
says ".kind == \"pool\" and .prefix == \"203.0.113.0/24\" and .stage == \"enforce\" and (.since | length) > 0 and
	.origin.file == \"$GATE_DIR/policy.toml\" and .origin.line == 6" who $SUBSCRIBER4
says '.kind == null' who $FOREIGN4
says '.[0] | .comment == "first evening" and .uid == 0 and .prefixes == 2' history
says '.same' diff "$GATE_DIR/policy.toml"
policy monitor
says '.flips | length == 2 and .[0].released_addresses == 256 and .[0].released_lines == 16777216' diff "$GATE_DIR/policy.toml"
says 'length == 1 and (.[0] | .packets > 0 and .polls > .empty_polls and .packets_per_burst >= 1 and .cycles_per_packet > 0)' \
	show runtime
for _ in 1 2 3 4; do stopped $FOREIGN4 25; done &
sent=$!
gate top --json --count 4 >"$HOSTS_DIR/top"
wait $sent || fail "a connection that should have been blocked"
jq -se 'map(.pools[0].blocked * .seconds) | add > 0.5' "$HOSTS_DIR/top" >/dev/null || fail "top saw no drop: $(cat "$HOSTS_DIR/top")"
on box $GATE doctor --config "$GATE_DIR/dataplane.toml" --json >"$HOSTS_DIR/doctor" || fail "doctor: $(cat "$HOSTS_DIR/doctor")"
jq -e 'map(select(.check == "capabilities" and .grade == "OK")) | length == 2' "$HOSTS_DIR/doctor" >/dev/null ||
	fail "doctor does not find both ports well: $(cat "$HOSTS_DIR/doctor")"
conserved
