#!/usr/bin/env bash
# SIGTERM under traffic: the dataplane exits 0 ("frames in hand were sent") within three seconds, takes its socket away,
# and leaves the interfaces such that traffic flows as soon as the next one starts.
. "$(dirname "$0")/_init.sh"

gate_settings af_packet
gate_dataplane
on subscriber ping -q -i 0.002 -w 8 "$FOREIGN4" >"$HOSTS_DIR/ping4" &
on subscriber ping -q -i 0.002 -w 8 $FOREIGN6 >"$HOSTS_DIR/ping6" &
sleep 1
began=$(date +%s%N)
kill -TERM "$GATE_DATAPLANE"
code=0
wait "$GATE_DATAPLANE" || code=$?
took=$((($(date +%s%N) - began) / 1000000))
[ $code -eq 0 ] || fail "exit code $code: $(tail -n 1 "$GATE_DIR/dataplane.log")"
[ $took -lt 3000 ] || fail "took $took ms"
[ ! -S "$GATE_DIR/run/$GATE_INSTANCE.sock" ] || fail "left its socket behind"
gate_dataplane
wait_for 5 on subscriber ping -q -c 1 -W 1 $FOREIGN4 || fail "nothing flows through the next one"
wait_for 5 on subscriber ping -q -c 1 -W 1 $FOREIGN6 || fail "nothing flows through the next one (IPv6)"
