#!/usr/bin/env bats
# Images from registries: docker-registry with and without TLS and passwords, and one that misbehaves (lib/registry.py).
# places: native sanitized
load lib/husk

lib=$tree/tests/lib

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	python3 "$lib/layout.py" layout 2 3000000
	python3 "$lib/layout.py" small 1 1000
	make_certificates
	htpasswd -Bbc users bob secret 2>/dev/null
	start_plain "$(free_port)" && start_tls "$(free_port)"
	local image
	for image in layout small; do
		skopeo copy -q --dest-tls-verify=false "oci:$image:v1" "docker://$(cat plain.host)/team/$image:v1"
	done
}

teardown_file() {
	local pid
	for pid in "$BATS_FILE_TMPDIR"/*.pid; do kill -9 "$(cat "$pid")"; done
}

setup() {
	setup_bundle
	cd "$BATS_FILE_TMPDIR" || return
	plain=$(cat plain.host) tls=$(cat tls.host)
	store=$BATS_TEST_TMPDIR/store
	# Nobody's credentials, and no proxy.
	export HOME=$BATS_TEST_TMPDIR/home
	unset XDG_CONFIG_HOME XDG_RUNTIME_DIR REGISTRY_AUTH_FILE DOCKER_CONFIG http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
	conf </dev/null
}

# What a pull could leave.
host() {
	echo "mounts:" && sed 's/^[0-9]* [0-9]* //' /proc/self/mountinfo | sort
	echo "processes:" && marked
}

# ---- what is pulled from ----

# Below those that connections get by themselves: whoever asks for a port where nobody listens may be given just that one, is
# connected to itself, and keeps the registry from it.
free_port() {
	python3 -c 'import random, socket
while True:
	port = random.randrange(20000, 32000)
	try:
		socket.create_server(("127.0.0.1", port)).close()
	except OSError:
		continue
	print(port)
	break'
}

make_certificates() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
	openssl req -newkey rsa:2048 -nodes -subj /CN=registry -keyout server.key -out server.csr
	openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.crt \
		-extfile <(echo 'subjectAltName = IP:127.0.0.1, DNS:localhost')
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other.example -keyout other.key -out other.crt
	openssl req -newkey rsa:2048 -nodes -subj /CN=bob -keyout bob.key -out bob.csr
	openssl x509 -req -in bob.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out bob.crt
	mkdir certs own && cp ca.crt certs/ && cp ca.crt own/ && cp bob.crt own/me.cert && cp bob.key own/me.key
} 2>/dev/null

start_registry() { # NAME PORT HTTP-SETTINGS
	printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: 127.0.0.1:%s%s\n' \
		"$PWD" "$2" "$3" >"$1.yml"
	docker-registry serve "$1.yml" >"$1.log" 2>&1 3>&- &
	echo $! >"$1.pid" && disown
	echo "127.0.0.1:$2" >"$1.host"
	eventually is_listening "$2"
}

is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; } # PORT

start_plain() { start_registry plain "$1" '}'; } # PORT
start_tls() {                                    # PORT
	start_registry tls "$1" ", tls: {certificate: $PWD/server.crt, key: $PWD/server.key}}
auth: {htpasswd: {realm: here, path: $PWD/users}}"
}

# One that misbehaves; its port in $port, what it was asked in FILE.
start_hostile() { # FILE OPTIONS...
	local log=$BATS_TEST_TMPDIR/$1 out
	shift
	: >"$log"
	out=$(mktemp)
	python3 "$lib/registry.py" small "$log" "$@" >"$out" 2>/dev/null 3>&- &
	later kill -9 $! && disown
	eventually test -s "$out"
	port=$(cat "$out")
}

# One before the plain registry that stops after so many bytes; its port in $port.
start_holdup() { # BYTES
	python3 "$lib/holdup.py" "${plain#*:}" "$1" "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/out" 2>/dev/null 3>&- &
	later kill -9 $! && disown
	eventually test -s "$BATS_TEST_TMPDIR/out"
	port=$(cat "$BATS_TEST_TMPDIR/out")
}
release() { touch "$BATS_TEST_TMPDIR/go"; }
is_held() { [ -e "$BATS_TEST_TMPDIR/held" ]; }

# registries.conf: short times, then what is on stdin.
conf() {
	mkdir -p "$HOME/.config/husk"
	{ printf 'retry-delay = 20\nretries = 3\nstall-timeout = 30\nconnect-timeout = 5\n' && cat; } >"$HOME/.config/husk/registries.conf"
}

patient() { conf < <(printf 'retries = 8\nretry-delay = 100\n'); }

log_in() { # FILE USER PASSWORD: as podman does
	mkdir -p "$(dirname "$1")"
	jq -n --arg host "$tls" --arg auth "$(printf '%s:%s' "$2" "$3" | base64)" '{auths: {($host): {auth: $auth}}}' >"$1"
	chmod 600 "$1"
}

# ---- what comes of it ----

pull() { try --store "$store" pull --quiet "$@"; }

# The id is all of standard output, and the store is whole.
expect_pulled() {
	expect 0
	[[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || fail "no id: $output"
	expect_whole
}
expect_whole() { husk --store "$store" image verify >/dev/null; }

# One line that holds the words; and the store has nothing of it.
expect_refused() { # WORDS...
	expect_error 125 "$@"
	expect_whole
	[ -z "$(husk --store "$store" images -q)" ] || fail "there is an image"
	[ -z "$(find "$store/layers" "$store/tmp" -mindepth 2 2>/dev/null)" ] || fail "there is something of a layer"
}

# ---- a real registry ----

@test "pull fetches an image from a registry on this machine without TLS" {
	pull "$plain/team/layout:v1"
	expect_pulled
	pull "$plain/team/layout@$(jq -r '.manifests[0].digest' layout/index.json)"
	expect_pulled
}

@test "pull of what is not there says which registry has no such name" {
	pull "$plain/team/layout:v2"
	expect_refused "$plain" "team/layout:v2" "manifest unknown"
	pull "$plain/nobody/nothing"
	expect_refused "nobody/nothing:latest"
	pull "127.0.0.1:1/x"
	expect_refused "connect to 127.0.0.1:1: Connection refused"
}

@test "a certificate is only believed if its authority is known" {
	pull --creds bob:secret "$tls/team/small:v1"
	expect_refused "$tls" "not trusted (x509)" "/etc/containers/certs.d/$tls/ca.crt"
	pull --creds bob:secret --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	mkdir -p "$HOME/.config/containers/certs.d/$tls" && cp ca.crt "$HOME/.config/containers/certs.d/$tls"
	pull --creds bob:secret "$tls/team/small:v1"
	expect_pulled
	rm -r "$HOME/.config/containers"
	conf <<<"[registry \"$tls\"]"$'\n'"ca = $PWD/ca.crt"
	pull --creds bob:secret "$tls/team/small:v1"
	expect_pulled
}

@test "a certificate of another name is not believed, nor plain HTTP in place of HTTPS" {
	local other
	start_hostile other && other=$port
	mkdir "$BATS_TEST_TMPDIR/ca" && cp other.crt "$BATS_TEST_TMPDIR/ca/ca.crt"
	start_hostile log --tls other.crt other.key
	pull --cert-dir "$BATS_TEST_TMPDIR/ca" "127.0.0.1:$port/ok/x:v1"
	expect_refused "not trusted (x509)" "'127.0.0.1'"
	start_hostile log --other "127.0.0.1:$other" --tls server.crt server.key
	pull --cert-dir certs "127.0.0.1:$port/mistaken/x:v1"
	expect_refused "127.0.0.1:$other gave a plain HTTP response to an HTTPS client (insecure = true"
}

@test "a registry that asks for a certificate of ours is shown it" {
	start_hostile log --tls server.crt server.key --client-ca ca.crt
	pull --cert-dir certs "127.0.0.1:$port/ok/x:v1"
	expect_refused "127.0.0.1:$port"
	pull --cert-dir own "127.0.0.1:$port/ok/x:v1"
	expect_pulled
}

@test "--tls-verify=false and insecure = true believe any certificate" {
	pull --creds bob:secret --tls-verify=false "$tls/team/small:v1"
	expect_pulled
	conf <<<"[registry \"$tls\"]"$'\n'"insecure = true"
	pull --creds bob:secret "$tls/team/small:v1"
	expect_pulled
}

@test "credentials come from the files that podman and docker write" {
	local file=$BATS_TEST_TMPDIR/auth.json
	skopeo login --authfile "$file" --tls-verify=false -u bob -p secret "$tls"
	pull --cert-dir certs --authfile "$file" "$tls/team/small:v1"
	expect_pulled
	REGISTRY_AUTH_FILE=$file pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	log_in "$BATS_TEST_TMPDIR/run/containers/auth.json" bob secret
	XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	log_in "$BATS_TEST_TMPDIR/docker/config.json" bob secret
	DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	log_in "$HOME/.config/containers/auth.json" bob secret
	pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
}

@test "wrong credentials are named with their file, and missing ones are missed" {
	log_in "$HOME/.docker/config.json" bob wrong
	pull --cert-dir certs "$tls/team/small:v1"
	expect_refused "unauthorized as user bob from $HOME/.docker/config.json"
	rm "$HOME/.docker/config.json"
	pull --cert-dir certs "$tls/team/small:v1"
	expect_refused "unauthorized, without credentials" "--creds"
	pull --authfile "$HOME/none.json" "$tls/team/small:v1"
	expect_refused "open $HOME/none.json: No such file or directory"
}

@test "a file of credentials that others can write is refused, one that they can read warned of" {
	local file=$HOME/.docker/config.json
	log_in "$file" bob secret
	chmod 622 "$file"
	pull --cert-dir certs "$tls/team/small:v1"
	expect_refused "$file can be written by others (chmod 600 it)"
	chmod 644 "$file"
	pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	[[ $stderr == *"$file holds credentials and can be read by others"* ]]
}

@test "a credential helper is asked where the file names it, and never by a path" {
	local bin=$BATS_TEST_TMPDIR/bin
	mkdir -p "$bin" "$HOME/.docker"
	printf '#!/bin/sh\nread -r host; echo "$1 $host" >>%s/asked\necho "{\\"Username\\": \\"bob\\", \\"Secret\\": \\"secret\\"}"\n' \
		"$BATS_TEST_TMPDIR" >"$bin/docker-credential-test"
	chmod +x "$bin/docker-credential-test"
	echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
	chmod 600 "$HOME/.docker/config.json"
	PATH=$bin:$PATH pull --cert-dir certs "$tls/team/small:v1"
	expect_pulled
	[ "$(cat "$BATS_TEST_TMPDIR/asked")" = "get $tls" ]
	store=$BATS_TEST_TMPDIR/other
	echo '{"credsStore": "../test"}' >"$HOME/.docker/config.json"
	PATH=$bin:$PATH pull --cert-dir certs "$tls/team/small:v1"
	expect_refused '"../test" is no name of a credential helper'
}

# ---- registries.conf ----

@test "mirrors are tried in their order, then the registry itself, and locations stand for names" {
	conf <<-END
		[registry "example.com/hub"]
		mirror = 127.0.0.1:1/dead
		mirror = $plain/team
		[registry "127.0.0.1:2"]
		mirror = $plain/nobody
		location = $plain
	END
	pull example.com/hub/small:v1
	expect_pulled
	pull 127.0.0.1:2/team/small:v1
	expect_pulled
}

@test "a mirror that has something else under a digest is passed over, and the next place is asked" {
	local way digest
	start_hostile log
	digest=$(jq -r '.manifests[0].digest' small/index.json)
	for way in wrong forged endless short stops; do
		conf <<-END
			[registry "example.com/hub"]
			mirror = 127.0.0.1:$port/$way
			mirror = 127.0.0.1:$port/wrong/again
			mirror = $plain/team
		END
		rm -rf "$store"
		pull "example.com/hub/small:v1"
		expect_pulled
		rm -rf "$store"
		pull "example.com/hub/small@$digest"
		expect_pulled
		grep -q "/v2/$way/.*/blobs/" "$BATS_TEST_TMPDIR/log" || fail "$way was not asked"
	done
}

@test "where no place has what is meant, the pull fails with what the registry itself had" {
	start_hostile log
	conf <<-END
		[registry "127.0.0.1:$port"]
		mirror = 127.0.0.1:$port/wrong/again
	END
	pull "127.0.0.1:$port/wrong/x:v1"
	expect_refused "the config has the digest sha256"
}

@test "a blocked registry is not asked, nor its mirrors" {
	conf <<<"[registry \"example.com\"]"$'\n'"blocked = true"$'\n'"mirror = $plain"
	pull example.com/team/small:v1
	expect_refused "example.com is blocked by registries.conf"
}

@test "a mistake in registries.conf is named with its line" {
	conf <<<"[registry \"example.com\"]"$'\n'"insecur = true"
	pull example.com/team/small:v1
	expect_refused "registries.conf: line 6: \"insecur\" is no setting (did you mean \"insecure\"?)"
}

# ---- in the middle ----

@test "a registry that is killed and started again in the middle of a pull goes on where it was" {
	start_holdup 2000000
	patient
	husk --store "$store" pull --quiet "127.0.0.1:$port/team/layout:v1" >"$BATS_TEST_TMPDIR/id" 3>&- &
	local pid=$!
	eventually is_held
	kill -9 "$(cat plain.pid)"
	release
	start_plain "${plain#*:}"
	wait "$pid"
	[[ $(cat "$BATS_TEST_TMPDIR/id") == sha256:* ]]
	expect_whole
}

@test "husk-fetch speaks to the network as nobody, without any right, and goes when its asker is killed" {
	start_holdup 2000000
	patient
	HUSK_TEST_MARK=$mark "$HUSK" --store "$store" pull --quiet "127.0.0.1:$port/team/layout:v1" 3>&- &
	local pid=$! fetch status
	eventually is_held
	fetch=$(pgrep -P "$pid" husk-fetch)
	status=$(cat "/proc/$fetch/status")
	grep -qP '^Uid:\t65534\t65534\t65534\t65534' <<<"$status"
	grep -qP '^CapPrm:\t0000000000000000' <<<"$status"
	grep -qP '^NoNewPrivs:\t1' <<<"$status"
	grep -qP '^Seccomp:\t2' <<<"$status"
	kill -9 "$pid"
	wait "$pid" || true
	eventually test ! -e "/proc/$fetch/exe"
	expect_whole
	release
	pull "127.0.0.1:$port/team/layout:v1"
	expect_pulled
}

# ---- registries that misbehave ----

@test "answers that fail for a while are asked for again, and broken downloads go on where they broke" {
	local way
	start_hostile log
	for way in ok flaky later cut forgetful bearer; do
		store=$BATS_TEST_TMPDIR/store-$way
		pull "127.0.0.1:$port/$way/x:v1"
		expect_pulled
	done
	grep /v2/cut/ "$BATS_TEST_TMPDIR/log" | grep -q '"range": "bytes=[1-9]' || fail "no range was asked for"
}

@test "a registry that does not do what it must is left, in one line, and the store is as before" {
	local way words
	start_hostile log
	conf < <(printf 'stall-timeout = 2\nretries = 1\n')
	while read -r way words; do
		pull "127.0.0.1:$port/$way/x:v1"
		expect_refused "$words"
	done <<-END
		down it answers 503: it says "unavailable" (tried 2 times)
		busy toomanyrequests: it wants us to wait for 4 minutes
		hang stood still for 2 s
		drip stood still for 2 s
		elsewhere it sends another range than was asked for
		short bytes where
		stops it ends after
		endless it sends more bytes than the blob has
		huge the manifest is larger than 4 MiB
		wrong sha256
		headers sends more headers than an answer may have
		loop more than 10 redirects
		file a redirect that leads nowhere
		schema1 the old form of Docker (schema 1)
		injection gave no token
		basic unauthorized, without credentials
	END
}

@test "what is wrong with a layer is said, and not that its download was given up" {
	local folder=$BATS_TEST_TMPDIR
	mkdir -p "$folder/root"
	head -c 5000000 /dev/urandom >"$folder/root/large"
	tar -C "$folder/root" -P --transform 's,large,../large,' -cf "$folder/up.tar" large
	python3 "$lib/layer_layout.py" "$folder/up" v1 "$folder/up.tar"
	python3 "$lib/registry.py" "$folder/up" "$folder/log" >"$folder/port" 2>/dev/null 3>&- &
	later kill -9 $! && disown
	eventually test -s "$folder/port"
	pull "127.0.0.1:$(cat "$folder/port")/plain/x:v1"
	expect_refused "layer 1 of 1: ../large:" '".." in a path'
}

@test "credentials are for one host: a redirect, a mirror and a foreign realm never see them" {
	local other
	start_hostile other && other=$port
	start_hostile log --other "localhost:$other"
	pull --creds bob:secret "127.0.0.1:$port/away/x:v1"
	expect_pulled
	grep -q '"Basic ' "$BATS_TEST_TMPDIR/log"
	grep -q /ok/ "$BATS_TEST_TMPDIR/other"

	pull --creds bob:secret "127.0.0.1:$port/astray/x:v1"
	expect_error 125 "wants the credentials to be shown to another host, localhost:$other" "realm = localhost:$other"

	conf <<<"[registry \"127.0.0.1:$port/basic\"]"$'\n'"mirror = localhost:$other/basic"
	pull --creds bob:secret "127.0.0.1:$port/basic/x:v1"
	expect_pulled
	grep -q /basic/ "$BATS_TEST_TMPDIR/other"
	! grep '"authorization": "' "$BATS_TEST_TMPDIR/other" || fail "it saw them"
}

@test "an identity token is exchanged at the realm, and shown to nobody else" {
	start_hostile log
	mkdir -p "$HOME/.docker"
	jq -n --arg host "127.0.0.1:$port" '{auths: {($host): {auth: "YTo=", identitytoken: "my identity"}}}' >"$HOME/.docker/config.json"
	chmod 600 "$HOME/.docker/config.json"
	pull "127.0.0.1:$port/bearer/x:v1"
	expect_pulled
	grep /realm "$BATS_TEST_TMPDIR/log" | grep -q 'grant_type=refresh_token&service=a%20service&scope=repository%3Abearer%2Fx%3Apull'
	grep /realm "$BATS_TEST_TMPDIR/log" | grep -q 'refresh_token=my%20identity'
	! grep /v2/ "$BATS_TEST_TMPDIR/log" | grep -q -e Basic -e identity || fail "the registry saw it"
}

@test "a realm that the configuration names is shown the credentials" {
	local other
	start_hostile other && other=$port
	start_hostile log --other "localhost:$other"
	conf <<<"[registry \"127.0.0.1:$port\"]"$'\n'"realm = localhost:$other"
	pull --creds bob:secret "127.0.0.1:$port/astray/x:v1"
	expect_pulled
	grep -q '"Basic ' "$BATS_TEST_TMPDIR/other"
}

@test "HTTPS is never left for HTTP" {
	local other
	start_hostile other && other=$port
	start_hostile log --other "127.0.0.1:$other" --tls server.crt server.key
	pull --creds bob:secret --cert-dir certs "127.0.0.1:$port/away/x:v1"
	expect_refused "sends us to plain HTTP: http://127.0.0.1:$other/"
	[ ! -s "$BATS_TEST_TMPDIR/other" ] || fail "it was asked"
}
