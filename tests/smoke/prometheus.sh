#!/usr/bin/env bash
# A real Prometheus with our configuration and rules scrapes gate25-control under traffic: promtool finds no fault with
# configuration, rules, their unit tests and /metrics; a query sees exactly the SYNs that were blocked; every expression of
# the dashboard and of the rules has an answer; the dashboard can be drawn; a dataplane that is gone raises its alert.
. "$(dirname "$0")/_init.sh"
command -v prometheus >/dev/null || skip "prometheus is not installed"

rules=$GATE25_ROOT/scripts/prometheus
cp "$rules"/*.yml "$HOSTS_DIR"
promtool check config "$HOSTS_DIR/prometheus.yml" || fail "promtool finds fault with prometheus.yml"
promtool check rules "$HOSTS_DIR/gate25.rules.yml" || fail "promtool finds fault with the rules"
promtool test rules "$HOSTS_DIR/gate25.rules.test.yml" || fail "a rule does not do what its test says"
for alert in $(sed -n 's/.*- alert: //p' "$rules/gate25.rules.yml"); do
	grep -q "alertname: $alert\b" "$rules/gate25.rules.test.yml" || fail "$alert has no unit test"
done

gate_start af_packet
policy enforce 'action = "reject"'
cat >>"$GATE_DIR/policy.toml" <<-END
	[[exempt]]
	name = "static-ip"
	prefixes = ["203.0.113.210/32"]
END
gate apply "$GATE_DIR/policy.toml"
gate_metrics | promtool check metrics || fail "promtool finds fault with /metrics"

# What takes 15 seconds there takes one here.
sed -i 's/_interval: 15s/_interval: 1s/' "$HOSTS_DIR/prometheus.yml"
ip netns exec "$HOSTS_RUN-box" prometheus --config.file="$HOSTS_DIR/prometheus.yml" --storage.tsdb.path="$HOSTS_DIR/tsdb" \
	--web.listen-address=127.0.0.1:9090 >"$HOSTS_DIR/prometheus.log" 2>&1 &
api() { on box curl --silent --fail --noproxy '*' --max-time 5 "${@:2}" "http://127.0.0.1:9090/api/v1/$1"; }
query() { api query --data-urlencode "query=$1" | jq -r '.data.result[0].value[1] // 0'; }
up() { [ "$(query 'up{job="gate25"}')" = 1 ]; }
wait_for 30 up || fail "Prometheus does not reach gate25-control: $(tail -n 1 "$HOSTS_DIR/prometheus.log")"

smtp 25 587
sent=$(syns subscriber)
stopped $FOREIGN4 25
stopped $FOREIGN6 25
sent=$(($(syns subscriber) - sent))
known() { query 'sum(gate25_pool_frames_total{pool="dynamic",reason="blocked"})'; }
blocked() { [ "$(known)" = "$sent" ]; }
wait_for 10 blocked || fail "$sent SYNs were sent, Prometheus knows of $(known)"

# Traffic for everything that can be asked for: mail that is blocked, allowed, exempt and submitted; pings.
on subscriber ip address add 203.0.113.210/24 dev eth0
began=$SECONDS
while [ $((SECONDS - began)) -lt "${PROMETHEUS_SECONDS:-15}" ]; do
	on subscriber ping -q -i 0.01 -c 50 $FOREIGN4 >"$HOSTS_DIR/ping" || fail "no answer to pings"
	stopped $FOREIGN4 25
	reached $OWN4 25
	reached $FOREIGN6 587
	on subscriber timeout 2 bash -c "exec 3<>/dev/tcp/$FOREIGN4/587" || fail "submission does not get through"
	on subscriber curl --silent --max-time 2 --interface 203.0.113.210 "telnet://$FOREIGN4:25" </dev/null >/dev/null ||
		[ $? -eq 28 ] || fail "an exempt line does not get through"
done

# answers WHAT EXPRESSION: Prometheus gives at least one sample.
answers() {
	local got
	got=$(api query --data-urlencode "query=$2") || fail "$1: refused: $2"
	[ "$(jq '.data.result | length' <<<"$got")" -gt 0 ] || fail "$1: no answer to $2"
	ASKED=$((ASKED + 1))
}
ASKED=0
while IFS=$'\x1f' read -r title expression; do
	expression=${expression//\$instance/.*}
	answers "panel $title" "${expression//\$__rate_interval/15s}"
done < <(jq -r '.panels[] | select(.targets) | .title as $title | .targets[] | [$title, .expr] | join("\u001f")' \
	"$GATE25_ROOT/scripts/grafana/gate25.json")
panels=$ASKED
api rules >"$HOSTS_DIR/rules"
[ "$(jq '[.data.groups[].rules[] | select(.health != "ok")] | length' "$HOSTS_DIR/rules")" -eq 0 ] || fail "a rule cannot be evaluated"
while IFS=$'\x1f' read -r name kind expression; do
	case $kind in
	recording) answers "record $name" "$name" ;;
	alerting)
		# Each side of `and` without its comparison: what a healthy box answers too.
		while read -r side; do
			grep -qE ' (==|>|<) [-0-9.e+]+$' <<<"$side" || fail "alert $name: a side is not compared with a number: $side"
			answers "alert $name" "$(sed -E 's/ (==|>|<) [-0-9.e+]+$//' <<<"$side")"
		done < <(sed 's/ and /\n/g' <<<"$expression")
		;;
	esac
done < <(jq -r '.data.groups[].rules[] | [.name, .type, (.query | gsub("\\s+"; " "))] | join("\u001f")' "$HOSTS_DIR/rules")
say "$panels expressions of the dashboard and $((ASKED - panels)) of the rules have an answer"

if command -v gnuplot >/dev/null; then
	on box "$GATE25_ROOT/scripts/grafana/render" http://127.0.0.1:9090 "$HOSTS_DIR/dashboard.png" 1 || fail "the dashboard cannot be drawn"
	[ -z "${TALLY_DIR:-}${DASHBOARD:-}" ] || cp "$HOSTS_DIR/dashboard.png" "${DASHBOARD:-$TALLY_DIR/dashboard.png}"
else
	say "the dashboard is not drawn: gnuplot is not installed"
fi
conserved

raised() { api alerts | jq -e --arg name "$1" '.data.alerts | any(.labels.alertname == $name)' >/dev/null; }
raised Gate25DataplaneDown && fail "an alert before anything is wrong"
kill -KILL "$GATE_DATAPLANE"
wait_for 10 raised Gate25DataplaneDown || fail "the data plane is dead and no alert is raised"
