#!/usr/bin/env bash
# Scrapes as fast as ten clients can ask (ab, a connection each; some thousand a second), beside a hundred clients that never
# finish a request: every scrape is answered, no frame of the traffic is lost anywhere, mail is stopped as it should be.
. "$(dirname "$0")/_init.sh"
command -v ab >/dev/null || skip "needs ab (apt install apache2-utils)"

gate_start af_packet
smtp 25
policy enforce
gate apply "$GATE_DIR/policy.toml"
url=http://127.0.0.1:9025/metrics
# Clients that send half a request and wait.
for _ in $(seq 100); do
	on box timeout 12 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9025 && printf "GET /metrics HTTP/1.1\r\n" >&3 && sleep 12' &
done 2>/dev/null
# -l: answers differ in length, their numbers rise.
on box ab -q -l -t 8 -n 1000000 -c 10 $url >"$HOSTS_DIR/ab" 2>&1 &
scrapes=$!
sleep 0.5
on subscriber ping -q -c 1500 -i 0.002 -W 2 $FOREIGN4 >"$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
grep -q '^1500 packets transmitted, 1500 received, 0% packet loss' "$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
kill -0 $scrapes 2>/dev/null || fail "the scrapes were over before the traffic: $(cat "$HOSTS_DIR/ab")"
on box curl --silent --fail --noproxy '*' --max-time 1 $url >/dev/null || fail "a scrape took more than a second"
stopped $FOREIGN4 25
wait $scrapes || fail "ab fails: $(cat "$HOSTS_DIR/ab")"
field() { sed -nE "s/^$1: +([0-9]+).*/\1/p" "$HOSTS_DIR/ab"; }
say "$(field 'Complete requests') scrapes, $(field 'Requests per second') a second, answered in $(sed -nE 's/^ +99% +([0-9]+)$/\1/p' "$HOSTS_DIR/ab") ms (p99)"
[ "$(field 'Failed requests')" -eq 0 ] && ! grep -q '^Non-2xx' "$HOSTS_DIR/ab" || fail "scrapes failed: $(cat "$HOSTS_DIR/ab")"
[ "$(field 'Complete requests')" -gt 100 ] || fail "hardly a scrape was answered: $(cat "$HOSTS_DIR/ab")"
for lost in missed no_mbuf rx_errors; do
	[ "$(total port $lost)" -eq 0 ] || fail "ports: $lost is $(total port $lost)"
done
[ "$(total link unsent_frames)" -eq 0 ] || fail "$(total link unsent_frames) frames were not sent"
kill -0 "$GATE_CONTROL" || fail "control ended"
conserved
