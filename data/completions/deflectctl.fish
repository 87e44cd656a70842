# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for deflectctl(1)

# The first column of a list, as the daemon of the same --bus has it.
function __deflectctl_names
    set -l words (commandline -opc)
    set -l bus system
    for i in (seq (count $words))
        switch $words[$i]
            case '--bus=*'
                set bus (string replace -- '--bus=' '' $words[$i])
            case --bus
                set -q words[(math $i + 1)]; and set bus $words[(math $i + 1)]
        end
    end
    deflectctl --bus $bus $argv 2>/dev/null | awk 'NR > 1 { print $1 }'
end

set -l verbs status list show redirect decline silence monitor wait watch account

complete -c deflectctl -f
complete -c deflectctl -l bus -x -a 'system session' -d 'Where deflectd is'
complete -c deflectctl -l json -d 'Print JSON instead of text'
complete -c deflectctl -l version -d 'Print the version and exit'
complete -c deflectctl -s h -l help -d 'Print a summary and exit'

set -l none "not __fish_seen_subcommand_from $verbs"
complete -c deflectctl -n $none -a status -d 'Show the daemon, its accounts and the number of calls'
complete -c deflectctl -n $none -a list -d 'List the calls'
complete -c deflectctl -n $none -a show -d 'Show everything about a call'
complete -c deflectctl -n $none -a redirect -d 'Send a call somewhere else, unanswered'
complete -c deflectctl -n $none -a decline -d 'Decline a call'
complete -c deflectctl -n $none -a silence -d 'Stop telling people about a call'
complete -c deflectctl -n $none -a monitor -d 'Print every change of every call'
complete -c deflectctl -n $none -a wait -d 'Wait for an offered call and print its id'
complete -c deflectctl -n $none -a watch -d 'Run a command for each offered call'
complete -c deflectctl -n $none -a account -d 'Show the accounts'

complete -c deflectctl -n '__fish_seen_subcommand_from show redirect decline silence; and not __fish_seen_subcommand_from account' \
    -a '(__deflectctl_names list)' -d call
complete -c deflectctl -n '__fish_seen_subcommand_from account; and not __fish_seen_subcommand_from list show' \
    -a 'list show'
complete -c deflectctl -n '__fish_seen_subcommand_from account; and __fish_seen_subcommand_from show' \
    -a '(__deflectctl_names account list)' -d account

complete -c deflectctl -n '__fish_seen_subcommand_from redirect' -l call -x \
    -a '(__deflectctl_names list)' -d 'The call'
complete -c deflectctl -n '__fish_seen_subcommand_from redirect' -l no-wait \
    -d 'Do not wait for the acknowledgement'
complete -c deflectctl -n '__fish_seen_subcommand_from redirect' -l check \
    -d 'Only tell whether it is possible'
complete -c deflectctl -n '__fish_seen_subcommand_from redirect' -l dry-run -d 'The same as --check'
complete -c deflectctl -n '__fish_seen_subcommand_from decline' -l status -x -a '480 486 603'
complete -c deflectctl -n '__fish_seen_subcommand_from wait watch' -l caller -x -d 'Only callers that match'
complete -c deflectctl -n '__fish_seen_subcommand_from wait watch' -l account -x \
    -a '(__deflectctl_names account list)' -d 'Only calls of this account'
complete -c deflectctl -n '__fish_seen_subcommand_from wait watch' -l new \
    -d 'Leave out the calls that are offered already'
complete -c deflectctl -n '__fish_seen_subcommand_from wait' -l timeout -x -d 'Give up after so many seconds'
complete -c deflectctl -n '__fish_seen_subcommand_from watch' -l exec -r -d 'The command'
complete -c deflectctl -n '__fish_seen_subcommand_from watch' -l limit -x -d 'Seconds that a command may take'
complete -c deflectctl -n '__fish_seen_subcommand_from watch' -l at-once -x -d 'How many commands at once'
