#!/usr/bin/env bash
# gate25-prepare on a machine made of files: reserves huge pages, never fewer than there are; binds the PCI ports of
# dataplane.toml to vfio-pci and nothing else; says what cannot be done. On a real NIC it was not tried: none is here.
set -euo pipefail
# shellcheck source=/dev/null
. "$(dirname "$0")/../../scripts/lib/say"

root=$(mktemp -d /tmp/gate25-prepare.XXXXXX)
trap 'rm -rf "$root"' EXIT
huge=$root/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
pci=$root/sys/bus/pci
mkdir -p "$root/etc/gate25" "$root/etc/default" "${huge%/*}" "$pci/drivers/ixgbe" "$pci/drivers/mlx5_core" "$pci/drivers/vfio-pci"
echo 100 >"$huge"
: >"$pci/drivers_probe"
# nic ADDRESS DRIVER
nic() {
	mkdir -p "$pci/devices/$1"
	: >"$pci/devices/$1/driver_override"
	: >"$pci/drivers/$2/unbind"
	ln -s "../../drivers/$2" "$pci/devices/$1/driver"
}
nic 0000:3b:00.0 ixgbe
nic 0000:3b:00.1 mlx5_core
nic 0000:5e:00.0 ixgbe
cat >"$root/etc/gate25/dataplane.toml" <<-END
	cores = [1]
	[[link]]
	name = "a"
	access = "0000:3b:00.0"
	network = "0000:3b:00.1"
	# access = "0000:5e:00.0"
	[[link]]
	access = "net_af_xdp0,iface=eth1"
END
prepare() { GATE25_PREPARE_ROOT=$root "$GATE25_ROOT/scripts/package/gate25-prepare" 2>"$root/said"; }

echo HUGE_PAGES=512 >"$root/etc/default/gate25-prepare"
prepare || die "fails: $(cat "$root/said")"
[ "$(cat "$huge")" = 512 ] || die "reserved $(cat "$huge") pages, not 512"
[ "$(cat "$pci/devices/0000:3b:00.0/driver_override")" = vfio-pci ] || die "0000:3b:00.0 is not meant for vfio-pci"
[ "$(cat "$pci/drivers/ixgbe/unbind")" = 0000:3b:00.0 ] || die "0000:3b:00.0 was not taken from its driver, or another was"
[ "$(cat "$pci/drivers_probe")" = 0000:3b:00.0 ] || die "0000:3b:00.0 was not offered to vfio-pci"
[ ! -s "$pci/drivers/mlx5_core/unbind" ] || die "a bifurcated NIC was taken from its driver"
[ ! -s "$pci/devices/0000:5e:00.0/driver_override" ] || die "a port in a comment was bound"

printf 'HUGE_PAGES=64\nBIND_PORTS=0\n' >"$root/etc/default/gate25-prepare"
: >"$pci/drivers_probe"
prepare || die "fails: $(cat "$root/said")"
[ "$(cat "$huge")" = 512 ] || die "took pages away that others may use"
[ ! -s "$pci/drivers_probe" ] || die "BIND_PORTS=0 and bound all the same"

sed -i 's/3b:00.0/99:00.0/' "$root/etc/gate25/dataplane.toml"
: >"$root/etc/default/gate25-prepare"
code=0
prepare || code=$?
[ $code -eq 1 ] && grep -q '0000:99:00.0: there is no such PCI device' "$root/said" || die "exit code $code: $(cat "$root/said")"
