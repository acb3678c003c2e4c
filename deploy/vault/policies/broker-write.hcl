# What the vault-broker needs besides `broker-read` to store, take back and delete credentials.
# `metadata` is read for check-and-set, and deleted with the credential.

path "executor/data/t/+/c/+" {
  capabilities = ["create", "update"]
}

path "executor/delete/t/+/c/+" {
  capabilities = ["update"]
}

path "executor/metadata/t/+/c/+" {
  capabilities = ["read", "delete"]
}
