#!/usr/bin/env bash
# A second dataplane of the same name (exit 7) or on the same ports (exit 6) is refused in one line with the holder's
# process id; the first one goes on.
. "$(dirname "$0")/_init.sh"

gate_settings af_packet
gate_dataplane
smtp 587
# refused FILE CODE: the dataplane of FILE exits with CODE and names the first one's process id.
refused() {
	local said code=0
	said=$(on box timeout 20 "$GATE_BIN/gate25-dataplane" --config "$1" 2>&1) || code=$?
	[ $code -eq "$2" ] || fail "exit code $code, not $2: $said"
	grep -qw "$GATE_DATAPLANE" <<<"$(tail -n 1 <<<"$said")" || fail "does not name process $GATE_DATAPLANE: $said"
	kill -0 "$GATE_DATAPLANE" || fail "the first one ended"
	reached $FOREIGN4 587
}
refused "$GATE_DIR/dataplane.toml" 7
sed 's/^instance = .*/instance = "second"/' "$GATE_DIR/dataplane.toml" >"$GATE_DIR/second.toml"
refused "$GATE_DIR/second.toml" 6
conserved
