#!/usr/bin/env bash
# Clients of the dataplane's socket and of control's that send garbage, hang or come in numbers harm nobody: not a frame is
# lost, the policy holds, who comes meanwhile gets a clear answer, and afterwards a commit goes through.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25 587
policy enforce
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
ip netns exec "$HOSTS_RUN-subscriber" ping -q -i 0.01 -W 2 $FOREIGN4 >"$HOSTS_DIR/ping" &
ping=$!
socket=$GATE_DIR/run/$GATE_INSTANCE.sock
crowded() { { gate history 2>&1 || :; } | grep '^16 clients are connected already; try again$' >/dev/null; }
under_way() { gate status | grep '^under way  */slow.toml, begun ' >/dev/null; }
busy() { { gate apply "$GATE_DIR/policy.toml" 2>&1 || :; } | grep '^a commit is under way: /slow.toml, begun .* by uid 0 .*; try again after it$' >/dev/null; }
client() { on box timeout 5 socat -u "$1" "UNIX-CONNECT:$socket,type=5" 2>/dev/null || :; }
for size in 1 8 64 4096 60000; do
	head -c "$size" /dev/urandom >"$HOSTS_DIR/garbage"
	client "FILE:$HOSTS_DIR/garbage"
done
for _ in $(seq 40); do client EXEC:'sleep 4' & done
sleep 0.5
[ "$(digest)" = "$before" ] || fail "the digest changed"
stopped $FOREIGN4 25
reached $OWN6 25
reached $FOREIGN4 587
policy monitor
sleep 5 # the hanging ones have gone by now, by themselves or thrown out
gate apply "$GATE_DIR/policy.toml"
reached $FOREIGN4 25
# Control's socket: garbage, then more clients than it serves, then one that stops in the middle of a policy.
control=$GATE_DIR/run/$GATE_INSTANCE-control.sock
for size in 1 4096 100000; do
	head -c "$size" /dev/urandom | timeout 5 socat -u STDIN "UNIX-CONNECT:$control" 2>/dev/null || :
done
for _ in $(seq 40); do timeout 3 socat -u EXEC:'sleep 3' "UNIX-CONNECT:$control" 2>/dev/null & done
wait_for 2 crowded || fail "forty clients and no word of it: $(gate history 2>&1)"
sleep 3
gate history >/dev/null || fail "the clients have gone and their places have not come free"
{ printf '{"request":"apply","files":[{"path":"/slow.toml","bytes":100}]}\nschema' && sleep 4; } |
	timeout 5 socat - "UNIX-CONNECT:$control" >/dev/null 2>&1 &
wait_for 2 under_way || fail "status does not tell of the commit under way: $(gate status)"
busy || fail "a second commit is not refused, or without naming the first: $(gate apply "$GATE_DIR/policy.toml" 2>&1)"
meanwhile=$(digest)
sleep 4
policy enforce
wait_for 5 gate apply "$GATE_DIR/policy.toml" || fail "no commit after a slow client"
[ "$(digest)" != "$meanwhile" ] || fail "nothing was applied"
stopped $FOREIGN6 25
kill -INT $ping
wait $ping && grep -q ' 0% packet loss' "$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
kill -0 "$GATE_CONTROL" || fail "control ended"
kill -0 "$GATE_DATAPLANE" || fail "the dataplane ended"
conserved
