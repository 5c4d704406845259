#!/usr/bin/env bash
# A C program compiled against include/gate25.h prints the live counters of a running dataplane, exactly: each ping is
# one frame either way.
. "$(dirname "$0")/_init.sh"

gate_settings af_packet
gate_dataplane
on subscriber ping -q -c 1 "$FOREIGN4" >"$HOSTS_DIR/ping" # ARP is done after this
sleep 2 # and the hosts have said which multicast groups they joined
outbound() { counters | awk '$1 == "reason" && $2 % 2 == 0 && $3 == "no_policy" { sum += $4 } END { print sum }'; }
inbound() { counters | awk '$1 == "reason" && $2 % 2 == 1 && $3 == "no_policy" { sum += $4 } END { print sum }'; }
moved() { [ $(($(outbound) - out)) -eq 100 ] && [ $(($(inbound) - in)) -eq 100 ]; }
pings() {
	out=$(outbound) in=$(inbound)
	on subscriber ping -q -i 0.01 -c 100 "$FOREIGN4" >"$HOSTS_DIR/ping"
	wait_for 3 moved
}
# A host may ask its neighbour whether it is still there (IPv6, once in a while): a frame more either way.
pings || pings || fail "100 pings, but $(($(outbound) - out)) frames out and $(($(inbound) - in)) in"
conserved
