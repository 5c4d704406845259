#!/usr/bin/env bash
# The disk of the state folder is full, then read-only: commits are refused in one line that says what to do, the policy in
# force stays, what waits for confirmation can be left all the same, and not a frame of the traffic is lost.
. "$(dirname "$0")/_init.sh"

# refused WORDS: a commit fails in one line with these words, and nothing has changed.
refused() {
	local said code=0 before
	before=$(digest)
	said=$(gate apply "$GATE_DIR/policy.toml" 2>&1) || code=$?
	[ $code -eq 1 ] && [ "$(wc -l <<<"$said")" -eq 1 ] || fail "apply exits with $code and says: $said"
	grep -qE "$1" <<<"$said" || fail "the refusal does not say $1: $said"
	[ "$(digest)" = "$before" ] || fail "the digest changed"
}
# disk COMMAND…: in control's mount namespace, which goes with it.
disk() { nsenter --target "$GATE_CONTROL" --mount --wdns="$GATE_DIR/state" "$@"; }
full() { disk dd if=/dev/zero of=filler bs=4k count=1000 status=none 2>/dev/null || :; }

gate_settings af_packet
gate_dataplane
# shellcheck disable=SC2016,SC2034 # expanded by the shell that runs it; read by gate_control
GATE_UNDER=(sh -c 'mount -t tmpfs -o size=256k none "$1" && shift && exec "$@"' sh "$GATE_DIR/state")
gate_control
smtp 25
policy enforce
gate apply "$GATE_DIR/policy.toml"
ip netns exec "$HOSTS_RUN-subscriber" ping -q -i 0.01 -W 2 $FOREIGN4 >"$HOSTS_DIR/ping" &
ping=$!
policy monitor
full
refused 'No space left on device.*; free space there$'
stopped $FOREIGN4 25
gate history >/dev/null || fail "no history on a full disk"
disk rm filler
before=$(digest)
gate apply "$GATE_DIR/policy.toml" --confirm 300
reached $FOREIGN4 25
full
gate rollback || fail "a full disk keeps an unconfirmed policy in force"
[ "$(digest)" = "$before" ] || fail "the rollback brought something else back"
stopped $FOREIGN4 25
grep -q 'No space left on device.*free space there' "$GATE_DIR/control.log" || fail "the log says nothing of the full disk"
disk rm filler
disk mount -o remount,ro "$GATE_DIR/state"
refused 'Read-only file system.*; mount it writable$'
stopped $FOREIGN6 25
gate_metrics | grep '^gate25_up 1$' >/dev/null || fail "no scrape while the disk is read-only"
disk mount -o remount,rw "$GATE_DIR/state"
gate apply "$GATE_DIR/policy.toml"
reached $FOREIGN4 25
kill -INT $ping
wait $ping && grep -q ' 0% packet loss' "$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
conserved
