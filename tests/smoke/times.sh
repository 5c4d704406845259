#!/usr/bin/env bash
# enforce_from and expires take effect in their second while gate25-control is dead (not a frame is lost meanwhile), and the
# history tells it when control is back.
. "$(dirname "$0")/_init.sh"

at() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }

gate_start af_packet
smtp 25
from=$(($(date +%s) + 6)) until=$(($(date +%s) + 9))
policy enforce "enforce_from = $(at $from)"
cat >>"$GATE_DIR/policy.toml" <<-END
	[[exempt]]
	name = "one-customer"
	prefixes = ["2001:db8:100:1::/64"]
	expires = $(at $until)
END
gate apply "$GATE_DIR/policy.toml"
wait_for 3 planned 2 || fail "the dataplane does not keep what is to come: $(gate show status)"
gate show status | grep -q "^changes next .*$(at $from), ready in the dataplane with 1 more$" ||
	fail "show status does not tell of it: $(gate show status)"
kill -KILL "$GATE_CONTROL"
wait "$GATE_CONTROL" 2>/dev/null || :
on subscriber ping -q -c 800 -i 0.01 -W 2 $FOREIGN4 >"$HOSTS_DIR/ping" &
ping=$!
reached $FOREIGN4 25
[ "$(date +%s)" -lt "$from" ] || skip "the machine is too slow: $from was over before anything was tried"
while [ "$(date +%s)" -lt "$from" ]; do sleep 0.02; done
sleep 0.3
stopped $FOREIGN4 25
reached $FOREIGN6 25
while [ "$(date +%s)" -lt "$until" ]; do sleep 0.02; done
sleep 0.3
stopped $FOREIGN6 25
wait $ping && grep -q ' 0% packet loss' "$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
[ "$(total process on_time)" -eq 2 ] || fail "the dataplane counts $(total process on_time) images at their time"
before=$(digest)
gate_control
gate history --json >"$HOSTS_DIR/history"
for line in "$from dynamic" "$until one-customer"; do
	jq -e --arg at "$(at "${line% *}")" --arg name "${line#* }" \
		'any(.[]; .what == "took effect" and .at == $at and .due == $at and (.comment | contains($name)))' "$HOSTS_DIR/history" >/dev/null ||
		fail "the history does not tell of $line: $(gate history)"
done
[ "$(digest)" = "$before" ] || fail "control changed what was right"
gate show pools --json | jq -e --arg from "$(at $from)" --arg until "$(at $until)" '
	(.[] | select(.pool == "dynamic") | .stage == "enforce" and .since == $from) and
	(.[] | select(.pool == "one-customer") | .stage == "expired" and .since == $until)' >/dev/null ||
	fail "show pools says: $(gate show pools)"
conserved
