# tests/lib/network.bash: a host of the test's own to make networks on, and a neighbour of it; for bats files that load
# husk.bash first.
#
# Both are network namespaces that end with the test: `inside` the host husk runs, and makes its bridges and rules; `outside`
# is another machine, on a link between 192.0.2.1 (and 2001:db8::1), the host, and 192.0.2.2 (2001:db8::2).
# shellcheck shell=bash disable=SC2154,SC2034,SC2016 # variables of husk.bash, of the tests, of bash -c

host_address=192.0.2.1 neighbour_address=192.0.2.2
host_address6=2001:db8::1 neighbour_address6=2001:db8::2

inside() { nsenter -t "$host_net" -n -- "$@"; }  # COMMAND...
outside() { nsenter -t "$neighbour" -n -- "$@"; } # COMMAND...

# Processes that outlive a call must not hold the descriptor by which bats waits.
husk() { inside env HUSK_TEST_MARK="$mark" "$HUSK" --root "$state" --store "$store" "$@" 3>&-; }
start() { husk run --detach "$@" >"$BATS_TEST_TMPDIR/started" 2>&1 </dev/null || fail "$(cat "$BATS_TEST_TMPDIR/started")"; } # ARGUMENTS OF RUN...

new_net() { # VARIABLE
	unshare -n sleep 1000 3>&- &
	printf -v "$1" %s $!
	later kill $!
	eventually eval '[ "$(readlink /proc/$'"$1"'/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
}

make_hosts() {
	store=$BATS_TEST_TMPDIR/store
	new_net host_net
	new_net neighbour
	inside ip link set lo up
	outside ip link set lo up
	inside ip link add up0 type veth peer name up0 netns "$neighbour"
	inside ip address add $host_address/24 dev up0
	inside ip address add $host_address6/64 dev up0 nodad
	outside ip address add $neighbour_address/24 dev up0
	outside ip address add $neighbour_address6/64 dev up0 nodad
	inside ip link set up0 up
	outside ip link set up0 up
}

setup() {
	setup_bundle
	make_hosts
	args sleep 1000
}

eval "$(declare -f teardown | sed '1s/teardown/host_teardown/')"

# What is left of networks when their containers are gone, is a fault; then the networks go, too, and take all with them.
teardown() {
	local one
	if [ -n "${host_net:-}" ]; then
		for one in $(husk list -q); do husk delete --force "$one"; done
		[ -z "$(find "$store"/networks/*/leases -type f ! -name .new 2>/dev/null)" ] || fail "leases are left: $(ls "$store"/networks/*/leases)"
		[ -z "$(links)" ] || fail "links are left: $(links)"
		husk network prune --all >/dev/null
		[ -z "$(inside ip -o link show type bridge)" ] || fail "a bridge is left"
		if inside nft list tables | grep -q husk; then fail "rules are left"; fi
	fi
	host_teardown
}

links() { inside ip -o link 2>/dev/null | grep -o ' h[vi][0-9a-f]\{13\}' || true; }

address_of() { jq -r --argjson n "${2:-0}" '.links[0].addresses[$n] | split("/")[0]' "$state/$1/network"; } # ID [NUMBER]
mac_of() { jq -r '.links[0].mac' "$state/$1/network"; } # ID

# A server says its word to whoever connects; whoever asks prints the first line that it hears.
serving() { printf 'nc -ll -p %s -e echo %s' "$1" "$2"; } # PORT WORD: the program of a container
hear='busybox nc -w 3 "$1" "$2" -e sh -c '\''read -r -t 3 line; echo "$line" >&2'\'' 2>&1 </dev/null 3>&-'
ask_from() { # inside|outside|ID ADDRESS PORT
	case $1 in
	inside | outside) "$1" bash -c "$hear" ask "$2" "$3" ;;
	*) husk exec "$1" sh -c "$hear" ask "$2" "$3" ;;
	esac
}
answers() { [ "$(ask_from "$1" "$2" "$3")" = "$4" ]; } # inside|outside|ID ADDRESS PORT WORD

reaches() { soon answers "$@"; } # the same, when the server is up

# As `eventually`, for what may take seconds itself.
soon() { # COMMAND...
	local i
	for ((i = 0; i < 15; i++)); do
		"$@" 2>/dev/null && return 0
		sleep 0.1
	done
	fail "still not: $*"
}

# The same over UDP: in the network of a process, and from a host.
serve_udp() { # PID PORT WORD
	nsenter -t "$1" -n python3 - "$2" "$3" 3>&- <<'PYTHON' &
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[1])))
while True:
    server.sendto(sys.argv[2].encode(), server.recvfrom(100)[1])
PYTHON
	later kill $!
}
answers_udp() { # inside|outside ADDRESS PORT WORD
	[ "$("$1" python3 -c 'import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(1)
client.sendto(b"?", (sys.argv[1], int(sys.argv[2])))
print(client.recv(100).decode())' "$2" "$3" 3>&-)" = "$4" ]
}
refuses() { # inside|outside|ID ADDRESS PORT
	local heard
	heard=$(ask_from "$@") || true
	[[ $heard != *word* ]] || fail "$1 reaches $2:$3, which says \"$heard\""
}

serve() { # inside|outside PORT WORD
	"$1" busybox nc -ll -p "$2" -e echo "$3" 3>&- &
	later kill $!
}
