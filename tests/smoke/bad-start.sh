#!/usr/bin/env bash
# What cannot start says why in its last line, names the place, and exits with the documented code.
. "$(dirname "$0")/_init.sh"

gate_settings af_packet
# refused CODE TEXT: the dataplane exits with CODE; its last line holds TEXT.
refused() {
	local said code=0
	said=$(on box timeout 20 "$GATE_BIN/gate25-dataplane" --config "$GATE_DIR/bad.toml" 2>&1) || code=$?
	[ $code -eq "$1" ] || fail "$2: exit code $code, not $1: $said"
	tail -n 1 <<<"$said" | grep -q -- "$2" || fail "the last line does not say '$2': $said"
}
# settings SED: bad.toml is dataplane.toml changed by SED.
settings() { sed "$1" "$GATE_DIR/dataplane.toml" >"$GATE_DIR/bad.toml"; }

rm -f "$GATE_DIR/bad.toml"
refused 3 "bad.toml"
settings 's/^cores/kores/'
refused 3 "bad.toml:4:1"
settings 's/^cores = .*/cores = [1023]/'
refused 8 1023
settings 's/^cores = .*/cores = [999999]/'
refused 3 "bad.toml:4:"
settings "s/iface=$GATE_ACCESS/iface=nosuch0/"
refused 5 nosuch0
settings '/^access/s/net_af_packet0,iface=[^"]*/net_nosuch0/'
refused 5 net_nosuch0
settings '/^access/s/net_af_packet0,iface=[^"]*/0000:ff:1f.7/'
refused 5 0000:ff:1f.7
if [ "$(cat /sys/kernel/mm/hugepages/hugepages-*/free_hugepages | sort -n | tail -n 1)" = 0 ]; then
	settings 's/^huge_pages = .*/huge_pages = true/'
	refused 4 "huge pages"
fi
settings 's|^run_dir = .*|run_dir = "/proc/nowhere"|'
refused 8 /proc/nowhere
