# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for deflectctl(1)

# The first column of a list, as the daemon of the same --bus has it.
_deflectctl_names()
{
    deflectctl --bus "$bus" "$@" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_deflectctl()
{
    local line=${COMP_LINE:0:COMP_POINT} bus=system verb= sub= words= line_words current previous i

    # Not COMP_WORDS: readline breaks words at the colons and equal signs of a bus address.
    read -ra line_words <<< "$line"
    [[ $line == *[[:space:]] ]] && line_words+=('')
    current=${line_words[-1]}
    previous=${line_words[-2]}
    for ((i = 1; i < ${#line_words[@]} - 1; i++)); do
        case ${line_words[i]} in
            --bus=*) bus=${line_words[i]#--bus=} ;;
            --bus) bus=${line_words[++i]} ;;
            --call | --status | --caller | --account | --timeout | --exec | --limit | --at-once)
                ((i++)) ;;
            -*) ;;
            *)
                if [[ -z $verb ]]; then verb=${line_words[i]}; else sub=${line_words[i]}; fi ;;
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
