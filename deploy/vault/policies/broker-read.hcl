# What the vault-broker needs to release credentials. Never `list`: references are known, not searched for.

path "executor/data/t/+/c/+" {
  capabilities = ["read"]
}

path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
