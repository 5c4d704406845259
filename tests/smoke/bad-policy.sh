#!/usr/bin/env bash
# A policy with an error is refused in one line that names file, line and column; the policy in force stays in force.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25
policy enforce
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
refused() {
	local said code=0
	said=$(gate apply "$GATE_DIR/policy.toml" 2>&1) || code=$?
	[ $code -ne 0 ] || fail "$1: accepted"
	[ "$(wc -l <<<"$said")" -eq 1 ] || fail "$1: not one line: $said"
	grep -qE 'policy\.toml:[0-9]+:[0-9]+' <<<"$said" || fail "$1: names no place: $said"
	[ "$(digest)" = "$before" ] || fail "$1: the digest changed"
}
policy enforce 'colour = "red"'
refused "unknown key"
policy sometimes
refused "unknown stage"
policy enforce 'only = ["nobody"]'
refused "unknown destination"
policy enforce
sed -i 's|203.0.113.0/24|203.0.113.1/24|' "$GATE_DIR/policy.toml"
refused "host bits"
printf 'schema = 1\n[[pool' >"$GATE_DIR/policy.toml"
refused "cut short"
stopped $FOREIGN4 25
stopped $FOREIGN6 25
reached $OWN4 25
conserved
