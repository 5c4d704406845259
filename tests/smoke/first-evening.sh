#!/usr/bin/env bash
# The operator's book is played: every command of its first evening and its roll-out, out of control/README.md itself, gives
# what the book says, between real hosts. What the reader does not see are lines `<!-- play: COMMAND -->`: what customers
# do meanwhile.
#   ```toml PATH, ```text PATH   a file; /etc/gate25 stands for a folder of this test
#   ```console                   `$ ` is typed; what follows is its output: `…` is any text, alone on a line any lines;
#                                runs of blanks count as one. A command that fails is one whose next is `echo $?`.
. "$(dirname "$0")/_init.sh"
command -v jq >/dev/null && command -v tcpdump >/dev/null || skip "needs jq and tcpdump"

BOOK=${1:-$GATE25_ROOT/control/README.md}
gate_settings af_packet
ETC=$GATE_DIR/etc
mkdir -p "$ETC/lists" "$HOSTS_DIR/work"
cd "$HOSTS_DIR/work" || fail "no folder to work in"
PATH=$GATE_BIN:$PATH
export GATE25_RUN_DIR=$GATE_DIR/run GATE25_INSTANCE=$GATE_INSTANCE
smtp 25 587

# systemctl: the one thing that the book asks of it; there is no systemd here (scripts/package/try has one).
systemctl() {
	[ "$*" = "enable --now gate25.target" ] || fail "the book says systemctl $*: this test knows no such thing"
	gate_dataplane
	gate_control
}

# tcpdump_begin FILE, tcpdump_end: what the mirror port of the BNG would give.
tcpdump_begin() {
	ip netns exec "$HOSTS_RUN-box" tcpdump -q -i "$GATE_ACCESS" -Q in -s 0 -U -Z root -w "$1" tcp 2>"$HOSTS_DIR/tcpdump" &
	TCPDUMP=$!
	wait_for 5 grep -q 'listening on' "$HOSTS_DIR/tcpdump" || fail "tcpdump does not start: $(cat "$HOSTS_DIR/tcpdump")"
}
tcpdump_end() {
	sleep 1
	kill -INT "$TCPDUMP"
	wait "$TCPDUMP" || :
}

# matches EXPECTED OUTPUT: files.
matches() {
	local regex='^' line
	while IFS= read -r line || [ -n "$line" ]; do
		if [ "$line" = … ]; then
			regex+='([^\n]*\n)*'
			continue
		fi
		line=$(sed -E 's/[][\.*^$(){}?+|/\\]/\\&/g; s/…/[^\\n]*/g; s/^ +//; s/ +$//; s/ +/ +/g' <<<"$line")
		regex+="[ ]*$line *"$'\\n'
	done <"$1"
	perl -0777 -e 'open my $file, "<", $ARGV[1]; my $text = <$file>; exit !($text =~ /$ARGV[0]$/)' "$regex" "$2"
}

# typed COMMAND NEXT: runs it; its output, expected and seen, is in $HOSTS_DIR/{expected,seen}.
CODE=0 TYPED=0
typed() {
	local command=${1//\/etc\/gate25/$ETC}
	say "\$ $1"
	if [ "$command" = 'echo $?' ]; then
		echo "$CODE" >"$HOSTS_DIR/seen"
		CODE=0
	else
		CODE=0
		eval "$command" >"$HOSTS_DIR/seen" 2>&1 </dev/null || CODE=$?
		sed -i "s|$ETC|/etc/gate25|g" "$HOSTS_DIR/seen"
	fi
	[ "$CODE" -eq 0 ] || [ "$2" = 'echo $?' ] || fail "exit code $CODE: $1: $(cat "$HOSTS_DIR/seen")"
	[ ! -s "$HOSTS_DIR/expected" ] || matches "$HOSTS_DIR/expected" "$HOSTS_DIR/seen" ||
		fail "the book says, for $1: $(printf '\n' && cat "$HOSTS_DIR/expected") $(printf '\nbut it is:\n' && cat "$HOSTS_DIR/seen")"
	TYPED=$((TYPED + 1))
}

# console: the lines of a block, on stdin.
console() {
	local line command=
	: >"$HOSTS_DIR/expected"
	while IFS= read -r line <&3; do
		case $line in
		'$ '*)
			[ -z "$command" ] || typed "$command" "${line#\$ }"
			command=${line#\$ }
			: >"$HOSTS_DIR/expected"
			;;
		*) printf '%s\n' "$line" >>"$HOSTS_DIR/expected" ;;
		esac
	done 3<"$HOSTS_DIR/block"
	[ -z "$command" ] || typed "$command" ''
}

block='' target=''
while IFS= read -r line <&4; do
	case $block:$line in
	':<!-- play: '*' -->')
		line=${line#<!-- play: }
		say "(${line% -->})"
		eval "${line% -->}"
		;;
	':```console') block=console && : >"$HOSTS_DIR/block" ;;
	':```toml /'* | ':```text /'*) block=file target=${line#\`\`\`* } && : >"$HOSTS_DIR/block" ;;
	':```'?*) block=other ;;
	':'*) ;;
	*':```')
		case $block in
		console) console ;;
		file) sed "s|/etc/gate25|$ETC|g" "$HOSTS_DIR/block" >"${target/\/etc\/gate25/$ETC}" ;;
		esac
		block=
		;;
	*) printf '%s\n' "$line" >>"$HOSTS_DIR/block" ;;
	esac
done 4< <(sed -n '/^## First evening/,/^## The policy file/p' "$BOOK")
[ "$TYPED" -ge 15 ] || fail "only $TYPED commands found in $BOOK: the chapters have other names?"
say "$TYPED commands of the book were played"
conserved
