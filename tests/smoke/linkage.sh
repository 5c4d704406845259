#!/usr/bin/env bash
# gate25 and gate25-control are not linked with DPDK; gate25-dataplane is, dynamically (so that the distribution's
# security updates reach it).
set -euo pipefail
# shellcheck source=/dev/null
for part in say gate25; do . "$(dirname "$0")/../../scripts/lib/$part"; done

for program in gate25 gate25-control; do
	libraries=$(ldd "$GATE_BIN/$program") || die "$program: ldd fails"
	! grep librte_ <<<"$libraries" || die "$program is linked with DPDK"
done
ldd "$GATE_BIN/gate25-dataplane" | grep librte_eal >/dev/null || die "gate25-dataplane is not linked with the shared DPDK"
