#!/usr/bin/env bash
# With action = "reject" the subscriber's connection is refused at once, instead of running into a timeout.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25
policy enforce 'action = "reject"'
gate apply "$GATE_DIR/policy.toml"
for address in $FOREIGN4 $FOREIGN6; do
	refusal=$(on subscriber timeout 2 bash -c "exec 3<>/dev/tcp/$address/25" 2>&1) && fail "$address: a connection"
	grep -q 'Connection refused' <<<"$refusal" || fail "$address: not refused but: $refusal"
done
[ "$(total link rejects)" -ge 2 ] || fail "answers were not counted"
conserved
