#!/usr/bin/env bash
# A commit that would flip more than max_flip_percent of the pool space is refused until it is forced with a reason.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25
policy monitor
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
policy enforce
sed -i 's/max_flip_percent = 100/max_flip_percent = 25/' "$GATE_DIR/policy.toml"
gate check "$GATE_DIR/policy.toml" || fail "check refuses what only a commit refuses"
said=$(gate apply "$GATE_DIR/policy.toml" 2>&1) && fail "applied without --force"
grep -q max_flip_percent <<<"$said" || fail "the refusal does not name max_flip_percent: $said"
[ "$(digest)" = "$before" ] || fail "the digest changed"
reached $FOREIGN4 25
gate apply --force "smoke test" "$GATE_DIR/policy.toml"
stopped $FOREIGN4 25
conserved
