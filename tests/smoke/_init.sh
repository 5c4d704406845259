# shellcheck shell=bash
# _init: what every test of this folder stands on. Two real hosts and a gate25 between them:
#
#   subscriber ── access [ gate25 on box ] network ── server
#
# subscriber is dynamic (203.0.113.10, 2001:db8:100:1::10). server holds 198.51.100.25 and 2001:db8:f000::25
# (foreign) as well as 192.0.2.25 and 2001:db8:25::25 (own-mail); a small SMTP server answers on each of them.
# A test is a file here: it exits 0 (passed), 77 (skipped; its last line says why) or else (failed).
set -euo pipefail
for part in say hosts gate25; do
	# shellcheck source=/dev/null
	. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib/$part"
done

FOREIGN4=198.51.100.25 FOREIGN6=2001:db8:f000::25 OWN4=192.0.2.25 OWN6=2001:db8:25::25
SUBSCRIBER4=203.0.113.10 SUBSCRIBER6=2001:db8:100:1::10
export FOREIGN4 FOREIGN6 OWN4 OWN6 SUBSCRIBER4 SUBSCRIBER6

skip() {
	say "$*"
	exit 77
}

fail() { die "$*"; }

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ -x "$GATE_BIN/gate25-dataplane" ] || fail "no release build: run scripts/test, or cargo build --release"

hosts_begin
GATE_ACCESS=$HOSTS_RUN-a GATE_NETWORK=$HOSTS_RUN-n
host subscriber
host server
host box
cable subscriber eth0 box "$GATE_ACCESS"
cable box "$GATE_NETWORK" server eth0
wire box "$GATE_ACCESS"
wire box "$GATE_NETWORK"
address subscriber eth0 $SUBSCRIBER4/24 $SUBSCRIBER6/64
address server eth0 203.0.113.1/24 2001:db8:100:1::1/64
address server lo $FOREIGN4/32 $FOREIGN6/128 $OWN4/32 $OWN6/128
route subscriber default 203.0.113.1 ::/0 2001:db8:100:1::1

# smtp PORT…: an SMTP server that takes all mail, on every address of server.
smtp() {
	local port
	for port in "$@"; do
		ip netns exec "$HOSTS_RUN-server" smtp-sink -u postfix "inet:[::]:$port" 64 &
		ip netns exec "$HOSTS_RUN-server" smtp-sink -u postfix "inet:0.0.0.0:$port" 64 &
	done
	for port in "$@"; do wait_for 5 listens "$port" || fail "no SMTP server on port $port"; done
}

listens() { [ "$(on server ss -Hltn "sport = :$1" | wc -l)" -eq 2 ]; }

# connects ADDRESS PORT: the subscriber's TCP connection comes about within two seconds.
connects() { on subscriber timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

# reached ADDRESS PORT, stopped ADDRESS PORT: the test fails if it is not so.
reached() { connects "$1" "$2" || fail "$1 port $2: no connection"; }
stopped() { ! connects "$1" "$2" || fail "$1 port $2: a connection that should have been blocked"; }

# counters: every counter of the dataplane, `scope block name value` a line, as the C program of include/ reads them from
# its memory: control has no part in it.
cc -std=c11 -I"$GATE25_ROOT/include" -o "$HOSTS_DIR/counters" "$GATE25_ROOT/include/examples/counters.c"
counters() { "$HOSTS_DIR/counters" "$GATE_DIR/run/$GATE_INSTANCE.sock"; }

# total SCOPE NAME: a counter, added up over workers, links and directions.
total() { counters | awk -v scope="$1" -v name="$2" '$1 == scope && $3 == name { sum += $4 } END { print sum + 0 }'; }

# digest: of the policy that is in force.
digest() { counters | awk '$1 == "process" && $3 ~ /^digest/ { printf "%s ", $4 }'; }

# planned COUNT, in_force GENERATION: so many images wait for their time; this one is in force.
planned() { [ "$(total process planned)" -eq "$1" ]; }
in_force() { [ "$(total process generation)" -eq "$1" ]; }

# conserved: on each worker, link and direction received = forwarded + dropped + unsent, and each frame has one reason.
conserved() { wait_for 3 balanced || fail "counters do not add up: $(counters | grep -E '^(link|reason) .* [1-9]')"; }
balanced() {
	counters | awk '
		$1 == "link" { value[$2, $3] = $4; blocks[$2] }
		$1 == "reason" { reasons[$2] += $4 }
		END {
			for (b in blocks) {
				received = value[b, "rx_frames"]
				total += received
				if (received != value[b, "forwarded_frames"] + value[b, "dropped_frames"] + value[b, "unsent_frames"]) exit 1
				if (received != reasons[b]) exit 1
			}
			if (total == 0) exit 1
		}'
}

# policy STAGE [LINE…]: writes the policy of these tests; LINEs go into its pool.
policy() {
	local stage=$1
	shift
	cat >"$GATE_DIR/policy.toml" <<-END
		schema = 1
		[defaults]
		allow = ["own-mail"]
		[[pool]]
		name = "dynamic"
		prefixes = ["203.0.113.0/24", "2001:db8:100::/40"]
		stage = "$stage"
		$(printf '%s\n' "$@")
		[[destination]]
		name = "own-mail"
		prefixes = ["$OWN4/32", "2001:db8:25::/64"]
		[guard]
		max_flip_percent = 100
	END
}
