#!/usr/bin/env bash
# systemd's own view of our units, without systemd running: they load without a word, gate25-control is exposed below 2,
# neither service pulls the other up or down, and no number of failed starts leaves one dead. How they run under a
# systemd is shown by scripts/package/try.
set -euo pipefail
# shellcheck source=/dev/null
for part in say gate25; do . "$(dirname "$0")/../../scripts/lib/$part"; done

command -v systemd-analyze >/dev/null || { say "systemd-analyze is not installed (apt-get install systemd)" && exit 77; }
[ -x "$GATE_BIN/gate25-dataplane" ] || die "no release build: run scripts/test, or cargo build --release"
dir=$(mktemp -d /tmp/gate25-units.XXXXXX)
trap 'rm -rf "$dir"' EXIT
units=$dir/lib/systemd/system
mkdir -p "$units" "$dir/usr/sbin" "$dir/etc"
cp -r /lib/systemd/system/. "$units"
rm -f "$units"/gate25*
cp "$GATE25_ROOT"/scripts/systemd/*.{service,target} "$units"
ln "$GATE_BIN"/gate25-{dataplane,control} "$dir/usr/sbin" 2>/dev/null || cp "$GATE_BIN"/gate25-{dataplane,control} "$dir/usr/sbin"

# Manual pages come with the package; scripts/package/try asks for them.
said=$(systemd-analyze verify --man=no --root="$dir" gate25-dataplane.service gate25-control.service gate25.target 2>&1) ||
	die "systemd-analyze verify: $said"
said=$(grep gate25 <<<"$said" || :)
[ -z "$said" ] || die "systemd-analyze verify is not silent: $said"

# exposure UNIT: what systemd-analyze security makes of it, 0 to 10.
exposure() { systemd-analyze security --offline=true --root="$dir" "$1" | sed -n 's/.*Overall exposure level for .*: \([0-9.]*\) .*/\1/p'; }
control=$(exposure gate25-control.service)
say "exposure: gate25-control $control, gate25-dataplane $(exposure gate25-dataplane.service)"
awk -v exposure="$control" 'BEGIN { exit !(exposure != "" && exposure < 2) }' || die "gate25-control: exposure $control, should be below 2"

# setting UNIT NAME: the value in the unit's file.
setting() { sed -n "s/^$2=//p" "$units/$1"; }
for unit in gate25-dataplane.service gate25-control.service; do
	[ "$(setting $unit Restart)" = always ] || die "$unit: not restarted whatever happens"
	[ "$(setting $unit StartLimitIntervalSec)" = 0 ] || die "$unit: systemd would give up after some starts"
	# Nothing but an order and the target may tie one to the other.
	! grep -E '^(Requires|Requisite|BindsTo|PropagatesStopTo|Conflicts|Upholds|Wants|JoinsNamespaceOf)=' "$units/$unit" ||
		die "$unit: stopping or starting another unit would touch it"
	[ "$(setting $unit PartOf)" = gate25.target ] || die "$unit: PartOf= names more than the target"
done
[ "$(setting gate25-control.service CapabilityBoundingSet)" = "" ] || die "gate25-control has capabilities"
[ "$(setting gate25-control.service User)" = gate25 ] || die "gate25-control is not a user of its own"
systemd-sysusers --root="$dir" --dry-run "$GATE25_ROOT/scripts/systemd/gate25.sysusers" >/dev/null || die "gate25.sysusers is wrong"
