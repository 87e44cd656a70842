# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# fish completion for deflectctl(1)

# The first column of a list, as the daemon of the same --bus has it; behind an empty line are notes.
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
    deflectctl --bus $bus $argv 2>/dev/null | awk '!NF { exit } NR > 1 { print $1 }'
end

set -l verbs status list show redirect decline silence monitor wait watch account target

complete -c deflectctl -f
complete -c deflectctl -l bus -x -a 'system session' -d 'Where deflectd is'
complete -c deflectctl -l json -d 'Print JSON instead of text'
complete -c deflectctl -l no-ask-password -d 'Never ask for a password'
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
complete -c deflectctl -n $none -a account -d 'Show and change the accounts'
complete -c deflectctl -n $none -a target -d 'Show and change the targets of an account'

complete -c deflectctl -n '__fish_seen_subcommand_from show redirect decline silence; and not __fish_seen_subcommand_from account' \
    -a '(__deflectctl_names list)' -d call

# Which word is being typed, options aside: the verb is the first one.
function __deflectctl_words
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip no
    for word in $words
        switch $skip$word
            case 'yes*'
                set skip no
            case no--bus no--label no--password-file no--timeout no--caller no--rang
                set skip yes
            case 'no-*'
            case '*'
                echo $word
        end
    end
end

# __deflectctl_at VERB NUMBER INNER...: whether so many words stand there, the second one of INNER.
function __deflectctl_at
    set -l words (__deflectctl_words)
    test "$words[1]" = $argv[1]; and test (count $words) -eq $argv[2]
    and begin
        test $argv[2] -eq 1; or contains -- $words[2] $argv[3..-1]
    end
end

function __deflectctl_at_keys
    set -l words (__deflectctl_words)
    test "$words[1]" = account
    and begin
        test "$words[2]" = set -a (count $words) -ge 3
        or test "$words[2]" = add -a (count $words) -ge 4
    end
end

complete -c deflectctl -n '__deflectctl_at account 1' \
    -a 'list show add set remove enable disable register test'
complete -c deflectctl -n '__deflectctl_at account 2 show set remove enable disable register test' \
    -a '(__deflectctl_names account list)' -d account
complete -c deflectctl -n __deflectctl_at_keys \
    -a 'address= display-name= users= enabled= registrar= outbound-proxy= transport= username= \
    tls-verify= tls-wildcard= tls-ca= tls-certificate= tls-key= register= expires= \
    accept-from= trusted= alert= ring-limit= default-action= decline-status= max-offers= \
    redirect-domain= allow-sips-downgrade= allow-local-targets= allowed-targets= diversion= \
    redirect-policy='
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l password \
    -d 'Ask for the password on the terminal'
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l password-file -r -F \
    -d 'Read it from a file'
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l no-wait \
    -d 'Do not wait for the registration'
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l timeout -x \
    -d 'Wait at most so many seconds'
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l caller -x \
    -d 'Test only with callers that match'
complete -c deflectctl -n '__fish_seen_subcommand_from account' -l rang -x -a 'yes no ask' \
    -d 'Whether the target of a test rings'
complete -c deflectctl -n '__deflectctl_at target 1' -a 'list set remove'
complete -c deflectctl -n '__deflectctl_at target 2 list set remove' \
    -a '(__deflectctl_names account list)' -d account
complete -c deflectctl -n '__deflectctl_at target 2 set remove' \
    -a '(__deflectctl_names target list)' -d target
complete -c deflectctl -n '__deflectctl_at target 3 set remove' \
    -a '(__deflectctl_names target list (__deflectctl_words)[3])' -d target
complete -c deflectctl -n '__fish_seen_subcommand_from target' -l label -x -d 'What people are shown'

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
