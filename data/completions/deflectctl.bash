# SPDX-FileCopyrightText: 2026 The deflectd authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for deflectctl(1)

# The first column of a list, as the daemon of the same --bus has it; behind an empty line are notes.
_deflectctl_names()
{
    deflectctl --bus "$bus" "$@" 2>/dev/null | awk '!NF { exit } NR > 1 { print $1 }'
}

_deflectctl_keys='address= display-name= users= enabled= registrar= outbound-proxy= transport= username=
    tls-verify= tls-wildcard= tls-ca= tls-certificate= tls-key= register= expires=
    accept-from= trusted= alert= ring-limit= default-action= decline-status= max-offers=
    redirect-domain= allow-sips-downgrade= allow-local-targets= allowed-targets= diversion=
    redirect-policy='

_deflectctl()
{
    local line=${COMP_LINE:0:COMP_POINT} bus=system verb= sub= last= words= line_words current previous
    local i n=0

    # Not COMP_WORDS: readline breaks words at the colons and equal signs of a bus address.
    read -ra line_words <<< "$line"
    [[ $line == *[[:space:]] ]] && line_words+=('')
    current=${line_words[-1]}
    previous=${line_words[-2]}
    for ((i = 1; i < ${#line_words[@]} - 1; i++)); do
        case ${line_words[i]} in
            --bus=*) bus=${line_words[i]#--bus=} ;;
            --bus) bus=${line_words[++i]} ;;
            --call | --status | --caller | --account | --timeout | --exec | --limit | --at-once | \
                --password-file | --label | --rang) ((i++)) ;;
            -*) ;;
            *)
                ((n++))
                if [[ -z $verb ]]; then
                    verb=${line_words[i]}
                elif [[ -z $sub ]]; then
                    sub=${line_words[i]}
                else
                    last=${line_words[i]}
                fi ;;
        esac
    done

    case $previous in
        --bus) words='system session' ;;
        --call) words=$(_deflectctl_names list) ;;
        --account) words=$(_deflectctl_names account list) ;;
        --status) words='480 486 603' ;;
        --rang) words='yes no ask' ;;
        --exec) COMPREPLY=($(compgen -c -- "$current")); return ;;
        --password-file) COMPREPLY=($(compgen -f -- "$current")); return ;;
        --caller | --timeout | --limit | --at-once | --label) return ;;
        *)
            if [[ $current == -* ]]; then
                words='--bus --json --no-ask-password --help --version'
                case $verb in
                    redirect) words+=' --call --no-wait --check --dry-run' ;;
                    decline) words+=' --status' ;;
                    wait) words+=' --caller --account --new --timeout' ;;
                    watch) words+=' --exec --limit --at-once --caller --account --new' ;;
                    account) words+=' --password --password-file --no-wait --timeout --caller --rang' ;;
                    target) words+=' --label' ;;
                esac
            else
                case $verb in
                    '') words='status list show redirect decline silence monitor wait watch account target' ;;
                    show | decline | silence | redirect)
                        [[ -z $sub ]] && words=$(_deflectctl_names list) ;;
                    account)
                        case $n$sub in
                            1) words='list show add set remove enable disable register test' ;;
                            2show | 2set | 2remove | 2enable | 2disable | 2register | 2test)
                                words=$(_deflectctl_names account list) ;;
                            *set | [4-9]add | [1-9][0-9]add) words=$_deflectctl_keys ;;
                        esac ;;
                    target)
                        case $n$sub in
                            1) words='list set remove' ;;
                            2list) words=$(_deflectctl_names account list) ;;
                            2*) words="$(_deflectctl_names target list)
                                $(_deflectctl_names account list)" ;;
                            3*) words=$(_deflectctl_names target list "$last") ;;
                        esac ;;
                esac
            fi ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}

complete -F _deflectctl deflectctl
