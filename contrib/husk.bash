# contrib/husk.bash: completion for bash; goes to /usr/share/bash-completion/completions/husk.
#
# Commands and options come from husk's own help, so nothing here has to be kept in step with it.
# shellcheck shell=bash

# Words before a blank of those lines of help that are indented by two: commands, or options.
_husk_help() { # COMMAND-LINE...
	"$@" --help 2>/dev/null | sed -n 's/^  \(network [a-z]\+\) .*/\1/p; s/^  \([a-z]\+\) .*/\1/p; s/^  *\(-[a-z], \)\?\(--[a-z-]\+\) .*/\2/p'
}

# Names of images in the store, as people write them.
_husk_images() { # COMMAND-LINE...
	"$@" images 2>/dev/null | awk 'NR > 1 && $1 != "<none>" { print $2 == "<none>" ? $1 : $1 ":" $2 }'
}

_husk() {
	local husk=$1 current=$2 command='' root=() store=() i words
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root) root=(--root "${COMP_WORDS[++i]}") ;;
		--store) store=(--store "${COMP_WORDS[++i]}") ;;
		--log | --log-format | --log-level | --cgroup-manager) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	# image has commands of its own
	[ "$command" != image ] || ((i + 1 >= COMP_CWORD)) || command="image ${COMP_WORDS[i + 1]}"
	if [ -z "$command" ]; then
		words=$(_husk_help "$husk" | grep -v '^husk$')
	elif [[ $current == -* ]]; then
		# shellcheck disable=SC2086 # "image rm" is two words
		words=$(_husk_help "$husk" $command | grep '^-')
	else
		case $command in
		image) words=$(_husk_help "$husk" image) ;;
		pull | "image inspect" | "image fit" | "image rm" | "image export" | "image unpack") words=$(_husk_images "$husk" "${store[@]}") ;;
		network) words=$(_husk_help "$husk" network | sed -n 's/^network //p') ;;
		port | start | state | kill | stop | wait | delete | exec | ps | events | stats | pause | resume | update | checkpoint | restore) words=$("$husk" "${root[@]}" list -q 2>/dev/null) ;;
		unshare) mapfile -t COMPREPLY < <(compgen -c -- "$current") && return ;;
		help) words=$(_husk_help "$husk" | grep -v '^-') ;;
		*) mapfile -t COMPREPLY < <(compgen -d -- "$current") && return ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _husk husk
