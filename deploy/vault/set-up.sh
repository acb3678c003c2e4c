#!/usr/bin/env bash
# Prepare HashiCorp Vault or OpenBao for the vault-broker. Safe to run again: it changes only what differs.
#
# Needs curl and jq, and in the environment:
#   VAULT_ADDR       address of the active node, such as https://vault:8200
#   VAULT_TOKEN      a token that may mount engines, write policies and AppRole roles
# and, where they apply:
#   VAULT_NAMESPACE  namespace; VAULT_CACERT  CA certificates
#   EXECUTOR_MOUNT   KV version 2 mount for credentials (default: executor)
#   EXECUTOR_ROLE    name of the AppRole role (default: executor-vault-broker)
#
# It prints the role id. With --secret-id it also makes a new secret id and prints the two settings for the
# broker; send that output to where you keep secrets, not to a terminal that others see.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mount=${EXECUTOR_MOUNT:-executor}
role=${EXECUTOR_ROLE:-executor-vault-broker}
: "${VAULT_ADDR:?set it to the address of Vault}" "${VAULT_TOKEN:?set it to an administrator\'s token}"

if ! [[ $mount =~ ^[A-Za-z0-9_-]{1,64}$ && $role =~ ^[A-Za-z0-9_-]{1,64}$ ]]; then
  echo "EXECUTOR_MOUNT and EXECUTOR_ROLE: expected letters, digits, '_' or '-'" >&2
  exit 2
fi

# The token goes in by a file descriptor: arguments can be read by others on the machine.
vault() { # METHOD PATH [JSON]
  local options=(--silent --show-error --fail-with-body --noproxy '*' --max-time 10 --request "$1")
  [[ -n ${VAULT_CACERT:-} ]] && options+=(--cacert "$VAULT_CACERT")
  [[ -n ${VAULT_NAMESPACE:-} ]] && options+=(--header "X-Vault-Namespace: $VAULT_NAMESPACE")
  [[ -n ${3:-} ]] && options+=(--header 'Content-Type: application/json' --data "$3")
  curl "${options[@]}" --header @<(printf 'X-Vault-Token: %s\nX-Vault-Request: true\n' "$VAULT_TOKEN") \
    "${VAULT_ADDR%/}/v1/$2"
}

has() { # PATH NAME: whether Vault lists NAME/ there
  vault GET "$1" | jq -e --arg name "$2/" '.data // . | has($name)' >/dev/null
}

if ! has sys/mounts "$mount"; then
  vault POST "sys/mounts/$mount" '{"type": "kv", "options": {"version": "2"}}' >/dev/null
  echo "mounted a KV version 2 engine at $mount/"
fi
vault POST "$mount/config" '{"cas_required": true, "max_versions": 10}' >/dev/null

for name in broker-read broker-write; do
  text=$(sed "s|\"executor/|\"$mount/|" "$here/policies/$name.hcl")
  vault PUT "sys/policies/acl/executor-$name" "$(jq -n --arg text "$text" '{policy: $text}')" >/dev/null
  echo "wrote policy executor-$name"
done

if ! has sys/auth approle; then
  vault POST sys/auth/approle '{"type": "approle"}' >/dev/null
  echo "enabled AppRole at approle/"
fi
vault POST "auth/approle/role/$role" '{
  "token_policies": ["executor-broker-read", "executor-broker-write"],
  "token_no_default_policy": true, "token_ttl": "15m", "token_max_ttl": "1h",
  "secret_id_num_uses": 0, "secret_id_ttl": "2160h"
}' >/dev/null
role_id=$(vault GET "auth/approle/role/$role/role-id" | jq -er .data.role_id)
echo "role $role is ready"

echo "EXECUTOR_VAULT_BROKER__VAULT__ROLE_ID=$role_id"
if [[ ${1:-} == --secret-id ]]; then
  secret_id=$(vault POST "auth/approle/role/$role/secret-id" '{}' | jq -er .data.secret_id)
  echo "EXECUTOR_VAULT_BROKER__VAULT__SECRET_ID=$secret_id"
fi
