#!/usr/bin/env bash
# A real Prometheus scrapes gate25-control: every line passes promtool, and a query sees the SYNs that were blocked.
. "$(dirname "$0")/_init.sh"
command -v prometheus >/dev/null || skip "prometheus is not installed"

gate_start af_packet
policy enforce
gate apply "$GATE_DIR/policy.toml"
gate_metrics | promtool check metrics || fail "promtool finds fault with /metrics"
cat >"$HOSTS_DIR/prometheus.yml" <<-END
	global: { scrape_interval: 1s }
	scrape_configs:
	  - job_name: gate25
	    static_configs: [{ targets: ["127.0.0.1:9025"] }]
END
ip netns exec "$HOSTS_RUN-box" prometheus --config.file="$HOSTS_DIR/prometheus.yml" --storage.tsdb.path="$HOSTS_DIR/tsdb" \
	--web.listen-address=127.0.0.1:9090 >"$HOSTS_DIR/prometheus.log" 2>&1 &
query() {
	on box curl --silent --fail --noproxy '*' --max-time 5 --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query |
		jq -r '.data.result[0].value[1] // 0'
}
up() { [ "$(query 'up{job="gate25"}')" = 1 ]; }
wait_for 30 up || fail "Prometheus does not reach gate25-control: $(tail -n 1 "$HOSTS_DIR/prometheus.log")"
sent=$(syns subscriber)
stopped $FOREIGN4 25
stopped $FOREIGN6 25
sent=$(($(syns subscriber) - sent))
known() { query 'sum(gate25_pool_frames_total{pool="dynamic",reason="blocked"})'; }
blocked() { [ "$(known)" = "$sent" ]; }
wait_for 10 blocked || fail "$sent SYNs were sent, Prometheus knows of $(known)"
conserved
