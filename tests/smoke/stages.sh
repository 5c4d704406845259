#!/usr/bin/env bash
# Only stage enforce blocks, and only port 25 of servers that are not allowed; off, monitor and back again pass.
. "$(dirname "$0")/_init.sh"

gate_start af_packet
smtp 25 465 587
for stage in off monitor enforce monitor; do
	policy $stage
	gate apply "$GATE_DIR/policy.toml"
	for address in $FOREIGN4 $FOREIGN6; do
		case $stage in
		enforce) stopped "$address" 25 ;;
		*) reached "$address" 25 ;;
		esac
		reached "$address" 465
		reached "$address" 587
	done
	reached $OWN4 25
	reached $OWN6 25
done
conserved
