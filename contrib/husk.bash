# contrib/husk.bash: completion for bash; goes to /usr/share/bash-completion/completions/husk.
#
# Commands and options come from husk's own help, so nothing here has to be kept in step with it.
# shellcheck shell=bash

# Words before a blank of those lines of help that are indented by two: commands, or options.
_husk_help() { # COMMAND-LINE...
	"$@" --help 2>/dev/null | sed -n 's/^  \(network [a-z]\+\) .*/\1/p; s/^  \([a-z]\+\) .*/\1/p; s/^  *\(-[a-z], \)\?\(--[a-z-]\+\) .*/\2/p'
}

_husk() {
	local husk=$1 current=$2 command='' root=() i words
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--root) root=(--root "${COMP_WORDS[++i]}") ;;
		--log | --log-format | --log-level | --cgroup-manager) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	if [ -z "$command" ]; then
		words=$(_husk_help "$husk" | grep -v '^husk$')
	elif [[ $current == -* ]]; then
		words=$(_husk_help "$husk" "$command" | grep '^-')
	else
		case $command in
		network) words=$(_husk_help "$husk" network | sed -n 's/^network //p') ;;
		port | start | state | kill | delete | exec | ps | events | stats | pause | resume | update) words=$("$husk" "${root[@]}" list -q 2>/dev/null) ;;
		help) words=$(_husk_help "$husk" | grep -v '^-') ;;
		*) mapfile -t COMPREPLY < <(compgen -d -- "$current") && return ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _husk husk
