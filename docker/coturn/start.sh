#!/bin/sh
# Starts coturn with turnserver.conf and what the environment adds:
#
#   TURN_SECRET_FILE   the secret shared with the hub, which no command line may show
#   TURN_REALM         the domain of the relay
#   TURN_EXTERNAL_IP   its public address, where the machine has another one (optional)
#
# Options given to this script are coturn's and go first.
set -eu

umask 077
configuration=$(mktemp)
{
    cat "${TURN_CONFIGURATION:-/etc/turnserver.conf}"
    printf 'realm=%s\n' "$TURN_REALM"
    printf 'static-auth-secret=%s\n' "$(cat "$TURN_SECRET_FILE")"
    if [ -n "${TURN_EXTERNAL_IP:-}" ]; then
        printf 'external-ip=%s\n' "$TURN_EXTERNAL_IP"
    fi
} >"$configuration"
exec turnserver -c "$configuration" "$@"
