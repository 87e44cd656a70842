# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for deflectctl(1)

# Ids of calls or names of accounts, as the daemon of the same --bus has them: the first column.
_deflectctl_names()
{
    local bus=system i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --bus) bus=${COMP_WORDS[i+1]} ;;
        esac
        # "=" is a word of its own here.
        [[ ${COMP_WORDS[i]} == --bus && $bus == '=' ]] && bus=${COMP_WORDS[i+2]}
    done
    deflectctl --bus "$bus" "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_deflectctl()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local verb= sub= i words=

    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --bus | --call | --status | --caller | --account | --timeout | --exec | --limit | \
                --at-once)
                ((i++)) ;;
            -* | =) ;;
            *)
                if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else sub=${COMP_WORDS[i]}; fi ;;
        esac
    done

    case $previous in
        --bus) words='system session' ;;
        --call) words=$(_deflectctl_names list) ;;
        --account) words=$(_deflectctl_names account list) ;;
        --status) words='480 486 603' ;;
        --exec) COMPREPLY=($(compgen -c -- "$current")); return ;;
        --caller | --timeout | --limit | --at-once) return ;;
        *)
            if [[ $current == -* ]]; then
                words='--bus --json --help --version'
                case $verb in
                    redirect) words+=' --call --no-wait --check --dry-run' ;;
                    decline) words+=' --status' ;;
                    wait) words+=' --caller --account --new --timeout' ;;
                    watch) words+=' --exec --limit --at-once --caller --account --new' ;;
                esac
            else
                case $verb in
                    '') words='status list show redirect decline silence monitor wait watch account' ;;
                    show | decline | silence | redirect)
                        [[ -z $sub ]] && words=$(_deflectctl_names list) ;;
                    account)
                        case $sub in
                            '') words='list show' ;;
                            show) words=$(_deflectctl_names account list) ;;
                        esac ;;
                esac
            fi ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -F _deflectctl deflectctl
