#!/usr/bin/env bats
# mounts, root, default devices, masked and read-only paths: what the program sees of files.
load lib/husk

add_mount() { config --argjson mount "$1" '.mounts += [$mount]'; } # JSON
mount_line() { sh_args "grep ' $1 ' /proc/self/mountinfo"; }       # TARGET

@test "the mounts of husk spec are there" {
	in_container 'cut -d" " -f5 /proc/self/mountinfo | sort -u'
	expect 0
	for path in / /proc /dev /dev/pts /dev/shm /dev/mqueue /sys /sys/fs/cgroup; do
		grep -qx "$path" <<<"$output" || fail "$path is not mounted"
	done
}

@test "nothing of the host's mounts is seen" {
	in_container 'cat /proc/self/mountinfo'
	expect 0
	[[ $output != *"$BATS_RUN_TMPDIR"* ]]
	[ "$(awk '$5 == "/"' <<<"$output" | wc -l)" -eq 1 ]
}

@test "a folder is bound, and what is written there is the host's" {
	mkdir "$BATS_TEST_TMPDIR/shared"
	own_rootfs
	add_mount "{\"destination\": \"/made/mnt\", \"source\": \"$BATS_TEST_TMPDIR/shared\", \"options\": [\"bind\"]}"
	in_container 'echo hello >/made/mnt/file'
	expect 0
	[ "$(cat "$BATS_TEST_TMPDIR/shared/file")" = hello ]
}

@test "a file is bound, its mount point made" {
	echo content >"$BATS_TEST_TMPDIR/file"
	own_rootfs
	add_mount "{\"destination\": \"/etc/new\", \"source\": \"$BATS_TEST_TMPDIR/file\", \"options\": [\"rbind\", \"ro\"]}"
	in_container 'cat /etc/new; echo more >/etc/new'
	expect 1 content
	[[ $stderr == *"Read-only file system"* ]]
	[ -f "$bundle/rootfs/etc/new" ]
}

@test "a relative source is taken from the bundle" {
	mkdir "$bundle/data"
	echo inside >"$bundle/data/file"
	add_mount '{"destination": "/var", "type": "bind", "source": "data", "options": ["bind"]}'
	args cat /var/file
	try run --id "$id" "$bundle"
	expect 0 inside
}

@test "a bind whose source is not there is an error that names it" {
	add_mount '{"destination": "/var", "source": "/nowhere/at/all", "options": ["bind"]}'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: mounts[" "/nowhere/at/all" "No such file or directory"
}

@test "a tmpfs has the size and mode asked for" {
	add_mount '{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "mode=1770", "nosuid",
		"noexec", "nodev"]}'
	in_container 'stat -c %a /tmp; dd if=/dev/zero of=/tmp/big bs=1k count=100 2>&1 | grep -o "No space.*"; cp /bin/busybox /tmp 2>/dev/null
		printf "#!/bin/sh\n" >/tmp/x; chmod 755 /tmp/x; /tmp/x'
	expect 126 "1770
No space left on device"
}

@test "a tmpfs without a mode has that of the folder it hides, and 1777 where there was none" {
	own_rootfs
	chmod 751 "$bundle/rootfs/var"
	add_mount '{"destination": "/var", "type": "tmpfs", "source": "tmpfs"}'
	add_mount '{"destination": "/made/here", "type": "tmpfs", "source": "tmpfs"}'
	config '.process.user.uid = 1000'
	in_container 'stat -c %a /var /made /made/here; touch /made/here/file'
	expect 0 "751
755
1777"
}

@test "a read-only tmpfs is that once devices and mount points are made and what it hides is copied" {
	own_rootfs
	echo kept >"$bundle/rootfs/var/file"
	config '(.mounts[] | select(.destination == "/dev")).options += ["ro"] | .mounts += [
		{"destination": "/var/", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "tmpcopyup"]},
		{"destination": "//var/below", "type": "tmpfs", "source": "tmpfs"}]'
	in_container 'cat /var/file; echo x >/dev/null; for path in /dev/new /var/new /var/below/new; do touch $path && echo $path; done'
	expect 0 $'kept\n/var/below/new'
}

@test "a read-only bind becomes it after the places for mounts below it are made" {
	mkdir "$BATS_TEST_TMPDIR/shared"
	own_rootfs
	add_mount "{\"destination\": \"/mnt\", \"source\": \"$BATS_TEST_TMPDIR/shared\", \"options\": [\"bind\", \"ro\"]}"
	add_mount '{"destination": "/mnt/below", "type": "tmpfs", "source": "tmpfs"}'
	in_container 'touch /mnt/below/file && echo written; touch /mnt/file'
	expect 1 written
	[[ $stderr == *"/mnt/file: Read-only file system"* ]]
	rmdir "$BATS_TEST_TMPDIR/shared/below"
}

@test "a read-only mount that a later one covers or changes leaves that alone" {
	own_rootfs
	add_mount '{"destination": "/var", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}'
	add_mount '{"destination": "/var", "type": "tmpfs", "source": "tmpfs"}'
	add_mount '{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]}'
	add_mount '{"destination": "/tmp", "type": "", "source": "", "options": ["remount", "rw"]}'
	in_container 'touch /var/file /tmp/file'
	expect 0
}

@test "mount options are the mount's own" {
	add_mount '{"destination": "/tmp", "type": "tmpfs", "source": "name", "options": ["ro", "nosuid", "nodev", "noexec",
		"noatime", "nosymfollow"]}'
	mount_line /tmp
	try run --id "$id" "$bundle"
	expect 0
	for word in ro nosuid nodev noexec noatime nosymfollow; do
		[[ ,$(cut -d' ' -f6 <<<"$output"), == *",$word,"* ]] || fail "$word is missing in: $output"
	done
	[[ $output == *" - tmpfs name "* ]]
}

@test "ro of a recursive bind is for its top, rro for all below it" {
	mkdir -p "$BATS_TEST_TMPDIR/tree/below"
	mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/tree/below"
	later umount "$BATS_TEST_TMPDIR/tree/below"
	add_mount "{\"destination\": \"/var\", \"source\": \"$BATS_TEST_TMPDIR/tree\", \"options\": [\"rbind\", \"ro\"]}"
	in_container 'touch /var/x 2>/dev/null || echo top; touch /var/below/x 2>/dev/null || echo below'
	expect 0 top
	config '.mounts[-1].options = ["rbind", "rro"]'
	try run --id "$id" "$bundle"
	expect 0 "top
below"
}

@test "a plain bind leaves what is mounted below it behind" {
	mkdir -p "$BATS_TEST_TMPDIR/tree/below"
	mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/tree/below"
	later umount "$BATS_TEST_TMPDIR/tree/below"
	touch "$BATS_TEST_TMPDIR/tree/below/file"
	add_mount "{\"destination\": \"/var\", \"source\": \"$BATS_TEST_TMPDIR/tree\", \"options\": [\"bind\"]}"
	args ls /var/below
	try run --id "$id" "$bundle"
	expect 0 ""
}

@test "propagation is private by default, and the config's where it says" {
	mkdir "$BATS_TEST_TMPDIR/shared"
	mount -t tmpfs tmpfs "$BATS_TEST_TMPDIR/shared"
	mount --make-shared "$BATS_TEST_TMPDIR/shared"
	later umount -R "$BATS_TEST_TMPDIR/shared"
	mkdir "$BATS_TEST_TMPDIR/shared/sub"
	for word in private slave shared; do
		config --arg source "$BATS_TEST_TMPDIR/shared" --arg word "$word" \
			'.mounts = [.mounts[] | select(.destination != "/var")] + [{destination: "/var", source: $source,
			options: ["rbind", $word]}]'
		mount_line /var
		try run --id "$id" "$bundle"
		expect 0
		case $word in
		private) [[ $output != *shared:* && $output != *master:* ]] ;;
		slave) [[ $output == *master:* ]] ;;
		shared) [[ $output == *shared:* ]] ;;
		esac
	done
}

@test "rootfsPropagation is the root's" {
	mount_line /
	for word in slave private shared unbindable; do
		config --arg word "$word" '.linux.rootfsPropagation = $word'
		try run --id "$id" "$bundle"
		expect 0
		case $word in
		shared) [[ $output == *" shared:"* ]] ;;
		unbindable) [[ $output == *" unbindable "* ]] ;;
		*) [[ $output != *" shared:"* ]] ;;
		esac
	done
}

@test "a read-only root refuses writes, tmpfs above it does not; a writable one takes them" {
	in_container 'touch /file'
	expect 1
	[[ $stderr == *"Read-only file system"* ]]
	in_container 'touch /dev/shm/file'
	expect 0
	own_rootfs
	in_container 'touch /file'
	expect 0
	[ -e "$bundle/rootfs/file" ]
}

@test "the default devices are there and work, the links point where they should" {
	in_container 'cd /dev; for name in null zero full random urandom tty; do stat -c "%n %t:%T %a %F" $name; done
		for name in fd stdin stdout stderr ptmx; do readlink $name; done; head -c 3 zero | wc -c; echo x >full' 2>/dev/null
	expect 1 "null 1:3 666 character special file
zero 1:5 666 character special file
full 1:7 666 character special file
random 1:8 666 character special file
urandom 1:9 666 character special file
tty 5:0 666 character special file
/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2
pts/ptmx
3"
}

@test "devices of the config are made with their mode and owner" {
	config '.linux.devices = [{"path": "/dev/made", "type": "c", "major": 1, "minor": 3, "fileMode": 416, "uid": 5,
		"gid": 6}, {"path": "/dev/sub/pipe", "type": "p"}]'
	in_container 'stat -c "%F %t:%T %a %u:%g" /dev/made; stat -c %F /dev/sub/pipe'
	expect 0 "character special file 1:3 640 5:6
fifo"
}

@test "masked paths show nothing, read-only paths refuse writes" {
	config '.linux.maskedPaths = ["/proc/version", "/sys/kernel", "/nowhere"] | .linux.readonlyPaths = ["/proc/sys", "/nowhere"]'
	in_container 'wc -c </proc/version; ls /sys/kernel | wc -l; echo 1 >/proc/sys/net/ipv4/ip_forward'
	expect 1 "0
0"
	[[ $stderr == *"Read-only file system"* ]]
}

@test "a target that is a link inside the root stays inside it" {
	own_rootfs
	local outside=$BATS_TEST_TMPDIR/outside
	mkdir -p "$outside" "$bundle/rootfs/real" "$bundle/rootfs$outside"
	ln -s "$outside" "$bundle/rootfs/absolute"
	ln -s ../../../../../../../../real "$bundle/rootfs/relative"
	config '.mounts += [{"destination": "/absolute/x", "type": "tmpfs"}, {"destination": "/relative/y", "type": "tmpfs"}]'
	in_container 'cut -d" " -f5 /proc/self/mountinfo'
	expect 0
	[[ $output == *"$outside/x"* ]]
	[[ $output == */real/y* ]]
	[ -z "$(ls "$outside")" ]
}

@test "a link that leads nowhere is not a place to make a mount point in" {
	own_rootfs
	ln -s "$BATS_TEST_TMPDIR/nowhere" "$bundle/rootfs/link"
	config '.mounts += [{"destination": "/link/x", "type": "tmpfs"}]'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: mounts[" "/link/x" "symbolic link"
	[ ! -e "$BATS_TEST_TMPDIR/nowhere" ]
}

@test "/proc, /dev and /sys that are links are never followed" {
	for name in proc dev sys; do
		rm -rf "$bundle/rootfs"
		own_rootfs
		rm -rf "$bundle/rootfs/$name"
		ln -s "/tmp" "$bundle/rootfs/$name"
		try run --id "$id" "$bundle"
		expect_error 125 "config.json: mounts[" "/$name"
		[ -z "$(ls -A "$bundle/rootfs/tmp")" ]
	done
}

@test "nothing is mounted over procfs but the few paths that may be" {
	config '.mounts += [{"destination": "/proc/sys/kernel", "type": "tmpfs"}]'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: mounts[" "/proc/sys/kernel"
}

@test ".. in a mount's target does not leave the root" {
	own_rootfs
	config '.mounts += [{"destination": "/../../../../../../tmp", "type": "tmpfs"}]'
	in_container 'grep -c " /tmp " /proc/self/mountinfo'
	expect 0 1
}

@test "the host's own / is no container's root" {
	config '.root.path = "/"'
	try run --id "$id" "$bundle"
	expect_error 125 "config.json: root.path" "the host's own /"
}

@test "idmap: the ids of a bind are mapped as the mount says" {
	mkdir "$bundle/source" && touch "$bundle/source/mine" && mkdir "$bundle/source/below"
	chown 5000:6000 "$bundle/source/mine"
	config --arg source "$bundle/source" '.mounts += [{"destination": "/mnt", "type": "bind", "source": $source, "options": ["bind", "idmap"],
		"uidMappings": [{"containerID": 5000, "hostID": 7, "size": 1}], "gidMappings": [{"containerID": 6000, "hostID": 8, "size": 1}]}]'
	in_container 'stat -c "%u %g" /mnt/mine'
	[[ $stderr != *"cannot be id-mapped"* ]] || lacking "the file system here cannot be id-mapped"
	expect 0 "7 8"
	[ "$(stat -c "%u %g" "$bundle/source/mine")" = "5000 6000" ]
}

@test "idmap is for the mount alone, ridmap for what is mounted below it, too" {
	mkdir -p "$bundle/source/below"
	mount -t tmpfs -o uid=5000 below "$bundle/source/below" && later umount "$bundle/source/below"
	touch "$bundle/source/below/file" && chown 5000 "$bundle/source/below/file"
	for word in idmap ridmap; do
		config --arg source "$bundle/source" --arg word $word '.mounts |= map(select(.destination != "/mnt")) + [{"destination": "/mnt",
			"type": "bind", "source": $source, "options": ["rbind", $word],
			"uidMappings": [{"containerID": 5000, "hostID": 7, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 0, "size": 1}]}]'
		in_container 'stat -c %u /mnt/below/file'
		[[ $stderr != *"cannot be id-mapped"* ]] || lacking "the file system here cannot be id-mapped"
		expect 0 "$([ $word = idmap ] && echo 5000 || echo 7)"
	done
}

@test "idmap without mappings of its own takes those of the container's user namespace" {
	needs_userns
	own_rootfs
	mkdir "$bundle/source" && touch "$bundle/source/roots"
	chown -R 100000:100000 "$bundle/rootfs"
	chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
	config --arg source "$bundle/source" '.linux.namespaces += [{"type": "user"}] |
		.linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 1000}] | .linux.gidMappings = .linux.uidMappings |
		.mounts += [{"destination": "/mnt", "type": "bind", "source": $source, "options": ["bind", "idmap"]}]'
	in_container 'stat -c "%u %g" /mnt/roots && touch /mnt/new'
	[[ $stderr != *"cannot be id-mapped"* ]] || lacking "the file system here cannot be id-mapped"
	expect 0 "0 0"
	[ "$(stat -c %u "$bundle/source/new")" = 0 ]
}

@test "idmap: what makes no sense is a fault" {
	config '.mounts[1].uidMappings = [{"containerID": 0, "hostID": 5, "size": 1}]'
	try run --id "$id" "$bundle"
	expect 125
	[[ $stderr == *"mounts[1]"*"gidMappings"* ]]
	make_bundle "$bundle"
	config '.mounts[1].options += ["idmap"]'
	try run --id "$id" "$bundle"
	expect 125
	[[ $stderr == *"mounts[1]"* ]]
	make_bundle "$bundle"
	config '.mounts[1] += {"uidMappings": [{"containerID": 0, "hostID": 5, "size": 1}], "gidMappings": [{"containerID": 0, "hostID": 5, "size": 1}]}'
	try run --id "$id" "$bundle"
	expect_error 125 "mounts[1]" "only a bind mount can map ids"
}

@test "tmpcopyup: a tmpfs begins with what it hides, owners, modes, links and times included" {
	own_rootfs
	dir=$bundle/rootfs/data
	mkdir -p "$dir/sub/deep"
	head -c 300000 /dev/urandom >"$dir/sub/file" && chown 3:4 "$dir/sub/file" && chmod 4755 "$dir/sub/file"
	ln -s sub/file "$dir/link" && mkfifo -m 640 "$dir/fifo" && chmod 1770 "$dir/sub/deep" && chmod 777 "$dir" && chown 5:6 "$dir/sub" "$dir"
	touch -d 2001-02-03T04:05:06Z "$dir/sub/file"
	config '.mounts += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=2m"]}]'
	sum=$(md5sum <"$dir/sub/file")
	in_container 'cd /data; md5sum <sub/file; stat -c "%a %u %g %Y" sub/file; readlink link; stat -c "%a %F" fifo; stat -c "%a" sub/deep; stat -c "%u %g" . sub; ls -A | wc -l; touch new; stat -f -c %T .'
	expect 0 "$sum
4755 3 4 981173106
sub/file
640 fifo
1770
5 6
5 6
3
tmpfs"
	[ ! -e "$dir/new" ]
	config '.mounts[-1] = {"destination": "/data", "type": "ramfs", "source": "ramfs", "options": ["tmpcopyup"]}'
	try run --id "$id" "$bundle"
	expect_error 125 "mounts[" '"tmpcopyup" is for tmpfs and for binds of empty folders'
}

@test "tmpcopyup: what does not fit is an error" {
	own_rootfs
	mkdir "$bundle/rootfs/data" && head -c 300000 /dev/zero >"$bundle/rootfs/data/file"
	config '.mounts += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=64k"]}]'
	try run --id "$id" "$bundle"
	expect_error 125 "mounts[" "No space left"
}

@test "copy-symlink: a source that is a link becomes a link, any other a bind" {
	own_rootfs
	ln -s /etc/somewhere "$bundle/link" && echo content >"$bundle/file"
	config --arg link "$bundle/link" --arg file "$bundle/file" '.mounts += [
		{"destination": "/made/link", "type": "bind", "source": $link, "options": ["bind", "copy-symlink"]},
		{"destination": "/made/file", "type": "bind", "source": $file, "options": ["bind", "copy-symlink"]}]'
	in_container 'readlink /made/link; cat /made/file'
	expect 0 "/etc/somewhere
content"
}

@test "src-nofollow and dest-nofollow refuse links" {
	own_rootfs
	mkdir "$bundle/folder" && ln -s folder "$bundle/link" && ln -s /tmp "$bundle/rootfs/link"
	config --arg link "$bundle/link" '.mounts += [{"destination": "/mnt", "type": "bind", "source": $link, "options": ["bind", "src-nofollow"]}]'
	try run --id "$id" "$bundle"
	expect 125
	[[ $stderr == *"mounts["* ]]
	config '.mounts[-1] = {"destination": "/link/x", "type": "tmpfs", "source": "tmpfs", "options": ["dest-nofollow"]}'
	try run --id "$id" "$bundle"
	expect_error 125 "mounts[" "link"
}
