#!/usr/bin/env bash
# Scrapes as fast as control can answer, and a hundred clients that never finish a request: not a ping is lost, mail is
# stopped as it should be, and Prometheus still gets its scrape within a second.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25
policy enforce
gate apply "$GATE_DIR/policy.toml"
url=http://127.0.0.1:9025/metrics
# Clients that send half a request and wait.
for _ in $(seq 100); do
	on box timeout 8 bash -c 'exec 3<>/dev/tcp/127.0.0.1/9025 && printf "GET /metrics HTTP/1.1\r\n" >&3 && sleep 8' &
done 2>/dev/null
begun=$(date +%s%N)
on box curl --silent --noproxy '*' --parallel --parallel-max 20 --max-time 20 "$url?[1-3000]" --output /dev/null --write-out '%{http_code}\n' \
	>"$HOSTS_DIR/codes" 2>/dev/null &
scrapes=$!
on subscriber ping -q -c 300 -i 0.01 -W 2 $FOREIGN4 >"$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
grep -q ' 0% packet loss' "$HOSTS_DIR/ping" || fail "pings were lost: $(tail -n 2 "$HOSTS_DIR/ping")"
on box curl --silent --fail --noproxy '*' --max-time 1 $url >/dev/null || fail "a scrape took more than a second"
stopped $FOREIGN4 25
wait $scrapes || :
took=$((($(date +%s%N) - begun) / 1000000))
answered=$(grep -c '^200$' "$HOSTS_DIR/codes" || :)
say "$answered of 3000 scrapes answered in $took ms"
[ "$answered" -ge 1500 ] || fail "only $answered of 3000 scrapes were answered"
kill -0 "$GATE_CONTROL" || fail "control ended"
conserved
