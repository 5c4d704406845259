#!/usr/bin/env bash
# Clients of the dataplane's socket that send garbage, hang or come in numbers harm nobody: traffic flows, the policy
# holds, and a real control still gets its say.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25 587
policy enforce
gate apply "$GATE_DIR/policy.toml"
before=$(digest)
socket=$GATE_DIR/run/$GATE_INSTANCE.sock
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
kill -0 "$GATE_DATAPLANE" || fail "the dataplane ended"
conserved
