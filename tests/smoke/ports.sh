#!/usr/bin/env bash
# The same traffic flows, and the counters add up, over packet sockets and AF_XDP, with one worker and with two, with huge
# pages (if there are any) and without.
. "$(dirname "$0")/_init.sh"

smtp 25 587
# flows KIND CORES HUGE
flows() {
	local address
	# shellcheck disable=SC2034 # for gate_settings
	GATE_CORES=$2 GATE_HUGE=$3
	say "net_$1, cores $2, huge pages $3"
	gate_settings "$1"
	gate_dataplane
	for address in "$FOREIGN4" "$FOREIGN6"; do
		reached "$address" 25
		reached "$address" 587
		on subscriber ping -q -i 0.002 -c 200 -s 1400 "$address" >"$HOSTS_DIR/ping" || fail "no answer to pings"
		grep -q ' 0% packet loss' "$HOSTS_DIR/ping" || fail "$(grep loss "$HOSTS_DIR/ping")"
	done
	conserved
	kill -TERM "$GATE_DATAPLANE"
	wait "$GATE_DATAPLANE" || fail "exit code $?"
}

flows af_packet 0 false
flows af_packet '0, 1' false
flows af_xdp 0 false
export GATE_HUGE=
if [ "$(gate_huge)" = true ]; then
	flows af_packet '0, 1' true
	flows af_xdp 0 true
else
	say "not tried with huge pages: fewer than 256 of 2 MB are free"
fi
