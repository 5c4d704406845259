#!/usr/bin/env bash
# SIGTERM under traffic: the dataplane sends what it has received and exits 0 within three seconds; nothing else on
# the way is harmed, so that traffic flows again as soon as the next one starts.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
on subscriber ping -q -i 0.002 -w 8 $FOREIGN4 >"$HOSTS_DIR/ping4" &
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
