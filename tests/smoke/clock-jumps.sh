#!/usr/bin/env bash
# control's wall clock jumps a day ahead and a day back (libfaketime): an unconfirmed policy is rolled back on time all the
# same, an exemption ends and comes back with the clock, scrapes are answered, mail is stopped and passes as it should.
. "$(dirname "$0")/_init.sh"
fake=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$fake" ] || skip "libfaketime is not installed"

# clock OFFSET: what time control believes it is. The file is read again each second.
clock() { echo "$1" >"$HOSTS_DIR/clock.new" && mv "$HOSTS_DIR/clock.new" "$HOSTS_DIR/clock"; }
reason() { gate_explain "$SUBSCRIBER4" "$FOREIGN4" outbound; }
is() { [ "$(reason)" = "$1" ]; }
# To the end: a reader that goes early makes curl fail.
scraped() { gate_metrics | grep '^gate25_up 1$' >/dev/null; }

clock +0d
gate_settings af_packet
gate_dataplane
export FAKETIME_TIMESTAMP_FILE=$HOSTS_DIR/clock FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1
LD_PRELOAD=$fake gate_control
smtp 25
policy enforce
cat >>"$GATE_DIR/policy.toml" <<-END
	[[exempt]]
	name = "half-a-day"
	prefixes = ["$SUBSCRIBER4/32"]
	expires = $(date -u -d '+12 hours' +%Y-%m-%dT%H:%M:%SZ)
END
gate apply "$GATE_DIR/policy.toml"
is exempt || fail "the exemption does not hold: $(reason)"
clock +1d
wait_for 10 is blocked || fail "a day ahead the exemption has not ended: $(reason)"
stopped $FOREIGN4 25
for jump in +0d -1d +1d; do
	policy monitor
	before=$(digest)
	gate apply --force "clock test" --confirm 4s "$GATE_DIR/policy.toml"
	[ "$(digest)" != "$before" ] || fail "not applied"
	reached $FOREIGN4 25
	clock "$jump"
	sleep 5
	case $jump in
	+1d) wait_for 10 is blocked || fail "rolled back at $jump: $(reason), not blocked" ;;
	*) wait_for 10 is exempt || fail "rolled back at $jump: $(reason), not exempt" ;;
	esac
	scraped || fail "no scrape after a jump to $jump"
done
clock +0d
policy monitor
wait_for 10 gate apply --force "clock test" "$GATE_DIR/policy.toml" || fail "no commit after the jumps"
reached $FOREIGN4 25
conserved
